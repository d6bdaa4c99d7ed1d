"""How each task of ``hac_ros.tasks`` is simulated: its MJCF, initial joints, ranges of objects and goals.

A further task or object is one more entry in ``SCENES``; docs/tasks.md tells how.
Source of the entries: gymnasium-robotics 1.4.2, ``envs/fetch/{reach,push,pick_and_place,slide}.py``, v4 environments.
"""
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mujoco

from hac_ros.simulation import constants
from hac_ros.tasks import Task


@dataclass(frozen=True)
class Scene:
    """What a task's simulation needs beside the task itself. Lengths in metres, frame ``world``."""

    model: str                            # MJCF file: absolute, or relative to gymnasium-robotics' Fetch assets
    joints: dict[str, tuple[float, ...]]  # joint -> its position before settling
    extra_height: float                   # of the gripper's start above FetchEnv's usual one
    goal_range: float                     # half the side of the cube that goals are drawn from
    goal_in_air: bool = False             # whether some goals lie above the table
    goal_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of the cube's centre from the gripper's start
    object_range: float = 0.15            # half the side of the square that the object starts in
    edit: Callable[[mujoco.MjSpec], None] | None = None  # changes the model before it is compiled: another object


def _base(x: float) -> dict[str, tuple[float, ...]]:
    """Joints that hold Fetch's base at ``x`` [m] before the table."""
    return {'robot0:slide0': (x,), 'robot0:slide1': (0.48,), 'robot0:slide2': (0.0,)}


_BLOCK = {constants.OBJECT_JOINT: (1.25, 0.53, 0.4, 1.0, 0.0, 0.0, 0.0)}
_PUCK = {constants.OBJECT_JOINT: (1.7, 1.1, 0.41, 1.0, 0.0, 0.0, 0.0)}

SCENES = {
    'reach': Scene('reach.xml', _base(0.4049), 0.2, 0.15),
    'push': Scene('push.xml', {**_base(0.405), **_BLOCK}, 0.0, 0.15),
    'pick_and_place': Scene('pick_and_place.xml', {**_base(0.405), **_BLOCK}, 0.2, 0.15, goal_in_air=True),
    'slide': Scene('slide.xml', {**_base(0.05), **_PUCK}, -0.02, 0.3, goal_offset=(0.4, 0.0, 0.0), object_range=0.1),
}


def by_task(task: Task) -> Scene:
    """Return the scene of ``task``; raises ValueError naming those that have one."""
    if task.name not in SCENES:
        raise ValueError(f'task {task.name!r} has no simulation; those that have one are {", ".join(SCENES)}')
    return SCENES[task.name]


def assets() -> Path:
    """Return the folder of the Fetch models; raises ModuleNotFoundError if gymnasium-robotics is not installed.

    The package is found, not imported: importing it takes a second and loads far more than the models.
    """
    spec = importlib.util.find_spec('gymnasium_robotics')
    if spec is None:
        raise ModuleNotFoundError('gymnasium_robotics, which holds the Fetch models, is not installed; '
                                  'install gymnasium-robotics==1.4.2')
    return Path(spec.submodule_search_locations[0], 'envs', 'assets', 'fetch')


def load(scene: Scene) -> mujoco.MjModel:
    """Return the scene's model, its mocap weld prepared as FetchEnv does.

    Raises FileNotFoundError for a missing MJCF, ValueError for one of another timestep.
    """
    path = assets() / scene.model
    if not path.is_file():
        raise FileNotFoundError(f'no model {path}; gymnasium-robotics 1.4.2 or a file of your own is wanted')
    spec = mujoco.MjSpec.from_file(str(path))
    if scene.edit is not None:
        scene.edit(spec)
    model = spec.compile()
    if model.opt.timestep != constants.TIMESTEP:
        raise ValueError(f'{path}: timestep {model.opt.timestep} s came, {constants.TIMESTEP} s is wanted')
    model.eq_data[model.eq_type == mujoco.mjtEq.mjEQ_WELD, :7] = constants.WELD_POSE
    return model
