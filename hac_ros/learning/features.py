"""What the networks see: normalised observations, and differences to what is wanted at two scales.

The coarse difference is in standard deviations, so that it fits the data; the fine one in units of the tolerance,
so that being within it is as visible in any task and before there are any statistics.
"""
import numpy as np

from hac_ros import spaces
from hac_ros.config import PlannerConfig
from hac_ros.learning.normalization import Normalization
from hac_ros.tasks import Task

FINE = 2.0           # tolerances a unit of the planner's fine difference
FINE_OFFSET = 0.05   # [m] a unit of the planner's fine object - gripper
QUARTER = np.pi / 2  # [rad]
FINE_SUBGOAL = 0.04  # [m] a unit of the controller's: constant, so that a changed tolerance changes no input


class PlannerFeatures:
    """Inputs of the planner's actor and critics: the observation, goal - object and object - gripper."""

    def __init__(self, task: Task, normalization: Normalization, config: PlannerConfig):
        self.normalization, self.fine = normalization, FINE * config.goal_tolerance
        self.yaw = task.observation.index('object_euler_z') if config.fold_yaw and task.has_object else None
        self.has_object = task.has_object

    @staticmethod
    def size(task: Task) -> int:
        """Number of inputs."""
        return task.observation.size + (9 if task.has_object else 6)

    def __call__(self, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """observation (B, O), goal (B, 3), raw; returns (B, F) float32."""
        missing = goal - spaces.object_position(observation)
        parts = [self._observation(observation), missing / self.normalization.object_scale, missing / self.fine]
        if self.has_object:
            parts.append((spaces.object_position(observation) - spaces.gripper_position(observation)) / FINE_OFFSET)
        return _inputs(self.normalization, *parts)

    def _observation(self, observation: np.ndarray) -> np.ndarray:
        if self.yaw is not None:
            observation = observation.copy()
            angle = observation[:, self.yaw]
            observation[:, self.yaw] = angle - QUARTER * np.round(angle / QUARTER)
        return self.normalization.observation(observation)


class ControllerFeatures:
    """Inputs of the controller's actor and critics: the arm's own state, the object's offset, what is missing.

    The opening is compared only where the fingers move.
    """

    def __init__(self, task: Task, normalization: Normalization):
        self.normalization, self.columns = normalization, _arm_columns(task)
        self.compared = 3 if task.gripper_locked else 4

    @staticmethod
    def size(task: Task) -> int:
        """Number of inputs."""
        return len(_arm_columns(task)) + 2 * (3 if task.gripper_locked else 4)

    def __call__(self, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
        """observation (B, O), subgoal (B, 4), raw; returns (B, F) float32."""
        missing = (subgoal - spaces.achieved_subgoal(observation))[..., :self.compared]
        coarse = missing / self.normalization.subgoal_scale[:self.compared]
        arm = self.normalization.observation(observation)[..., self.columns]
        return _inputs(self.normalization, arm, coarse, missing / FINE_SUBGOAL)


def _inputs(normalization: Normalization, *parts: np.ndarray) -> np.ndarray:
    joined = np.concatenate(parts, axis=-1, dtype=np.float32, casting='same_kind')
    return np.clip(joined, -normalization.clip, normalization.clip, out=joined)


def _arm_columns(task: Task) -> list[int]:
    names = ('gripper', 'finger', 'object_offset')
    return [i for i, name in enumerate(task.observation.names) if name.startswith(names)]
