"""The tasks: what is fixed about each one, whatever simulates it or learns it.

A further task is one more entry in ``TASKS`` (and, to be simulated, one in ``simulation/models.py``).
Source of the figures: gymnasium-robotics 1.4.2, ``fetch/*.py`` (v4 environments), [M] in the project's notes.
"""
import dataclasses
from dataclasses import dataclass

import numpy as np

from hac_ros import spaces


@dataclass(frozen=True)
class Workspace:
    """Axis-aligned box [m] that subgoals are kept inside, in the frame of the control mode."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def clip(self, position: np.ndarray) -> np.ndarray:
        """Return positions (..., 3) moved to the nearest point of the box."""
        return np.clip(position, self.low, self.high)


@dataclass(frozen=True)
class Task:
    """One task in FetchEnv's coordinates (frame ``world``, metres)."""

    name: str
    environment: str            # id of the gymnasium-robotics environment that it equals in mocap mode
    has_object: bool
    gripper_locked: bool        # fingers kept closed (FetchEnv's block_gripper)
    workspace: Workspace
    steps: int = 50             # control steps an episode
    period: float = 0.04        # [s] control period: 20 substeps of 2 ms
    stride: float = 0.032       # [m] farthest that the gripper moves along an axis in a control step
    threshold: float = 0.05     # [m] distance of achieved and desired goal that counts as success

    @property
    def observation(self) -> spaces.Space:
        """Space of the task's observations."""
        return spaces.OBJECT_OBSERVATION if self.has_object else spaces.GRIPPER_OBSERVATION


# The gripper's site reaches 0.40 + 0.015 m over the table top; x and y stay over the table and in reach.
_TABLE = Workspace((1.05, 0.45, 0.415), (1.55, 1.05, 0.90))

TASKS = {task.name: task for task in (
    Task('reach', 'FetchReach-v4', False, True, Workspace((1.15, 0.55, 0.40), (1.52, 0.95, 0.72))),
    Task('push', 'FetchPush-v4', True, True, _TABLE),
    Task('pick_and_place', 'FetchPickAndPlace-v4', True, False, _TABLE),
    Task('slide', 'FetchSlide-v4', True, True, Workspace((0.70, 0.45, 0.415), (1.40, 1.05, 0.70))),
)}


# In control mode fetch the arm moves 4 mm a step at most, FetchEnv's 32 mm: more steps, and a workspace that is in
# reach with all joints 0.1 rad from their limits and a condition number under 30, the fingers clear of the table.
FETCH_STEPS = 5
FETCH_WORKSPACES = {
    'reach': Workspace((1.28, 0.55, 0.43), (1.45, 0.94, 0.60)),
    'push': Workspace((1.18, 0.55, 0.43), (1.45, 0.94, 0.50)),
    'pick_and_place': Workspace((1.28, 0.55, 0.43), (1.45, 0.94, 0.60)),
}


def by_name(name: str, control: str = 'mocap') -> Task:
    """Return the task called ``name`` in a control mode; raises ValueError naming those there are."""
    if name not in TASKS:
        raise ValueError(f'unknown task {name!r}; known are {", ".join(TASKS)}')
    if control not in ('mocap', 'fetch'):
        raise ValueError(f'unknown control mode {control!r}; known are mocap, fetch')
    return TASKS[name] if control == 'mocap' else for_fetch(TASKS[name])


def for_fetch(task: Task) -> Task:
    """Return ``task`` as it is in control mode fetch; raises ValueError for one that Fetch is too slow for."""
    if task.name not in FETCH_WORKSPACES:
        raise ValueError(f'task {task.name!r} cannot be done at the speed of control mode fetch; those that can are '
                         f'{", ".join(FETCH_WORKSPACES)}')
    return dataclasses.replace(task, steps=task.steps * FETCH_STEPS, stride=0.004, workspace=FETCH_WORKSPACES[task.name])
