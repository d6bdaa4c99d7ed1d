"""Where an episode starts: the settled arm, and the draw of object and goal.

Equal to FetchEnv draw by draw: from the same generator come the same object and goal.
"""
import copy
import math
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np

from hac_ros.simulation import constants, models
from hac_ros.tasks import Task

# All that the dynamics depend on: time, positions, velocities, warm start, controls, mocap, applied forces.
STATE = mujoco.mjtState.mjSTATE_INTEGRATION


@dataclass(frozen=True)
class Settled:
    """A task's arm after settling: shared by every simulation of the process, never changed."""

    scene: models.Scene
    model: mujoco.MjModel
    qpos: np.ndarray      # (nq,)
    qvel: np.ndarray      # (nv,)
    gripper: np.ndarray   # (3,) [m] start of the gripper: centre of objects and goals
    height: float         # [m] of the resting object; the gripper's where there is none

    def copy_model(self) -> mujoco.MjModel:
        """Return a model of one's own, which a renderer may change."""
        return copy.copy(self.model)

    def state(self) -> np.ndarray:
        """Return the full integration state (S,) of an arm at rest at its start, time 0."""
        data = mujoco.MjData(self.model)
        data.qpos[:], data.qvel[:] = self.qpos, self.qvel
        return read_state(self.model, data)

    def object_address(self) -> int:
        """Return where the object's x, y stand in qpos."""
        return int(self.model.joint(constants.OBJECT_JOINT).qposadr[0])


@dataclass(frozen=True)
class Start:
    """What is drawn for one episode."""

    object: np.ndarray | None   # (2,) [m] x, y; None where the task has no object
    goal: np.ndarray            # (3,) [m]


def read_state(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the full integration state, (S,) float64, of ``data``."""
    state = np.empty(mujoco.mj_stateSize(model, STATE))
    mujoco.mj_getState(model, data, state, STATE)
    return state


def unsettled(scene: models.Scene) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Return a scene's model and data with its joints where they begin, before anything has moved."""
    model = models.load(scene)
    data = mujoco.MjData(model)
    for name, value in scene.joints.items():
        data.joint(name).qpos[:] = value
    mujoco.mj_forward(model, data)
    return model, data


@lru_cache(maxsize=None)
def settle(task: Task) -> Settled:
    """Return the settled start of ``task``, computed once a process. Source: FetchEnv._env_setup."""
    scene = models.by_task(task)
    model, data = unsettled(scene)
    _place_mocap(model, data, scene)
    mujoco.mj_step(model, data, nstep=constants.SETTLING_STEPS * constants.SUBSTEPS)
    gripper = data.site(constants.GRIPPER_SITE).xpos.copy()
    height = data.site(constants.OBJECT_SITE).xpos[2] if task.has_object else gripper[2]
    return Settled(scene, model, data.qpos.copy(), data.qvel.copy(), gripper, float(height))


def _place_mocap(model, data, scene) -> None:
    mocap = model.body(constants.MOCAP_BODY).mocapid[0]
    offset = np.array(constants.GRIPPER_OFFSET) + (0.0, 0.0, scene.extra_height)
    data.mocap_pos[mocap] = data.site(constants.GRIPPER_SITE).xpos + offset
    data.mocap_quat[mocap] = constants.ROTATION


def draw(task: Task, settled: Settled, rng: np.random.Generator) -> Start:
    """Return an episode's start; ``rng`` is the only randomness. Object first, as FetchEnv does."""
    position = draw_object(settled, rng) if task.has_object else None
    return Start(position, draw_goal(task, settled, rng))


def draw_object(settled: Settled, rng: np.random.Generator) -> np.ndarray:
    """Return the object's x, y [m], (2,): uniform in its square, clear of the gripper. Source: _reset_sim."""
    half, centre, offset = settled.scene.object_range, settled.gripper[:2], np.zeros(2)
    while math.hypot(*offset) < constants.OBJECT_CLEARANCE:
        position = centre + rng.uniform(-half, half, size=2)
        offset = position - centre
    return position


def draw_goal(task: Task, settled: Settled, rng: np.random.Generator) -> np.ndarray:
    """Return a goal [m], (3,): in a cube about the gripper, or at the object's height. Source: _sample_goal."""
    scene = settled.scene
    goal = settled.gripper + rng.uniform(-scene.goal_range, scene.goal_range, size=3)
    if not task.has_object:
        return goal
    goal += scene.goal_offset
    goal[2] = settled.height
    if scene.goal_in_air and rng.uniform() < constants.AIR_PROBABILITY:
        goal[2] += rng.uniform(0, constants.AIR_HEIGHT)
    return goal
