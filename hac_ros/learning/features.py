"""What the networks see: normalised observations, and differences to what is wanted at two scales.

The coarse difference is in standard deviations, so that it fits the data; the fine one in units of the tolerance,
so that being within it is as visible in any task and before there are any statistics.
"""
import numpy as np

from hac_ros import spaces
from hac_ros.config import PlannerConfig
from hac_ros.learning import frame
from hac_ros.learning.normalization import Normalization
from hac_ros.tasks import Task

FINE = 2.0           # tolerances a unit of the planner's fine difference
FINE_OFFSET = 0.05   # [m] a unit of the planner's fine object - gripper
FINE_DISTANCE = 0.01 # [m] a unit of the planner's distance to the tolerance: success is decided within it
TURNED = ('object_offset', 'object_relative_velocity', 'object_spin', 'gripper_velocity')   # vectors of the frame
QUARTER = np.pi / 2  # [rad]
LEVEL = np.array([1.0, 1.0, 0.0])   # what slides does not fly
FINE_SUBGOAL = 0.04  # [m] a unit of the controller's: constant, so that a changed tolerance changes no input


class PlannerFeatures:
    """Inputs of the planner's actor and critics: the observation, goal - object and object - gripper.

    With ``coasting`` also goal - where the object will rest, by the law of sliding friction.
    """

    def __init__(self, task: Task, normalization: Normalization, config: PlannerConfig):
        self.normalization, self.fine = normalization, FINE * config.goal_tolerance
        self.yaw = task.observation.index('object_euler_z') if task.has_object else None
        self.folded, self.turned = config.fold_yaw, config.axes == 'goal' and task.has_object
        self.has_object, self.tolerance = task.has_object, config.goal_tolerance if config.goal_distance else None
        # metres until an object rests, for each (metre a step) squared
        self.run_out = 1.0 / (2.0 * config.coasting * task.period ** 2) if self._coasting(task, config) else None
        starts = [task.observation.index(name + '_x') for name in TURNED] if self.turned else []
        self.vectors = np.array([range(start, start + 3) for start in starts])       # columns, (V, 3)
        self.levels = np.array([self._level(normalization.std[columns]) for columns in self.vectors])
        both = self._level(normalization.object_scale), self.fine
        # of what _ways returns
        self.scales = [both, *[(FINE_OFFSET,)] * self.has_object, *[both] * (self.run_out is not None)]

    @staticmethod
    def size(task: Task, config: PlannerConfig) -> int:
        """Number of inputs."""
        turned = 2 * (config.axes == 'goal' and task.has_object)
        coasting = 6 * PlannerFeatures._coasting(task, config)
        return task.observation.size + (9 if task.has_object else 6) + 2 * config.goal_distance + turned + coasting

    @staticmethod
    def _coasting(task: Task, config: PlannerConfig) -> bool:
        return config.coasting > 0 and task.has_object

    def __call__(self, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """observation (B, O), goal (B, 3), raw; returns (B, F) float32."""
        ways, seen, parts = self._ways(observation, goal), self._observation(observation), []
        if self.turned:
            towards = frame.heading(observation, goal)
            seen, parts = self._turned(seen, observation, towards), [towards]
            ways = [frame.into(way, towards) for way in ways]
        parts = [seen, *parts, *(way / scale for way, scales in zip(ways, self.scales) for scale in scales)]
        if self.tolerance is not None:
            distance = np.linalg.norm(ways[0], axis=-1, keepdims=True)
            parts += [distance / self.fine, (distance - self.tolerance) / FINE_DISTANCE]
        return _inputs(self.normalization, *parts)

    def _ways(self, observation: np.ndarray, goal: np.ndarray) -> list[np.ndarray]:
        """Return (B, 3) each: from object to goal, from gripper to object, from where the object will rest to goal."""
        place = spaces.object_position(observation)
        ways = [goal - place]
        if self.has_object:
            ways.append(place - spaces.gripper_position(observation))
        if self.run_out is not None:
            ways.append(ways[0] - self._way_to_rest(observation))
        return ways

    def _way_to_rest(self, observation: np.ndarray) -> np.ndarray:
        """Return (B, 3) how far the object will still go if nothing touches it: v |v| / (2 a), on the table."""
        velocity = spaces.object_velocity(observation) * LEVEL
        return velocity * np.linalg.norm(velocity, axis=-1, keepdims=True) * self.run_out

    def _observation(self, observation: np.ndarray) -> np.ndarray:
        if self.yaw is not None and self.folded:
            observation = observation.copy()
            observation[:, self.yaw] = _folded(observation[:, self.yaw])
        return self.normalization.observation(observation)

    def _turned(self, seen: np.ndarray, observation: np.ndarray, towards: np.ndarray) -> np.ndarray:
        """Return normalised observations with vectors and yaw as seen in the frame that points to the goal."""
        seen[:, self.vectors] = frame.into(observation[:, self.vectors], towards[:, None]) / self.levels
        if self.yaw is not None:
            yaw = observation[:, self.yaw] - np.arctan2(towards[:, 1], towards[:, 0])
            seen[:, self.yaw] = (_folded(yaw) if self.folded else yaw) / self.normalization.std[self.yaw]
        return seen

    def _level(self, scale: np.ndarray) -> np.ndarray:
        """Return one scale (3,) for x and y where the frame turns: lengths must not depend on the heading."""
        if not self.turned:
            return scale
        level = np.sqrt((scale[0] ** 2 + scale[1] ** 2) / 2)
        return np.array([level, level, scale[2]])


def _folded(angle: np.ndarray) -> np.ndarray:
    return angle - QUARTER * np.round(angle / QUARTER)


class ControllerFeatures:
    """Inputs of the controller's actor and critics: the arm's own state, the object's offset, what is missing.

    The opening is compared only where the fingers move.
    """

    def __init__(self, task: Task, normalization: Normalization):
        self.normalization, self.columns = normalization, np.array(_arm_columns(task))
        self.compared = 3 if task.gripper_locked else 4

    @staticmethod
    def size(task: Task) -> int:
        """Number of inputs."""
        return len(_arm_columns(task)) + 2 * (3 if task.gripper_locked else 4)

    def __call__(self, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
        """observation (B, O), subgoal (B, 4), raw; returns (B, F) float32."""
        missing = (subgoal - spaces.achieved_subgoal(observation))[..., :self.compared]
        coarse = missing / self.normalization.subgoal_scale[:self.compared]
        arm = self.normalization.observation(observation, self.columns)
        return _inputs(self.normalization, arm, coarse, missing / FINE_SUBGOAL)


def _inputs(normalization: Normalization, *parts: np.ndarray) -> np.ndarray:
    joined = np.concatenate(parts, axis=-1, dtype=np.float32, casting='same_kind')
    return joined.clip(-normalization.clip, normalization.clip, out=joined)


def _arm_columns(task: Task) -> list[int]:
    names = ('gripper', 'finger', 'object_offset')
    return [i for i, name in enumerate(task.observation.names) if name.startswith(names)]
