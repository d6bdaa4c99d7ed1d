"""The planner's action and the subgoal that it means.

Action (..., 4) in -1 .. 1. The first three displace the subgoal's position from a centre; the fourth is the
opening, or, where the fingers are locked, the speed that the controller may use.
"""
import numpy as np

from hac_ros import spaces
from hac_ros.config import PlannerConfig
from hac_ros.learning import frame
from hac_ros.tasks import Task

SIZE = 4


class SubgoalAction:
    """Converts between actions and subgoals of one task."""

    def __init__(self, task: Task, config: PlannerConfig):
        self.task, self.config, self.turned = task, config, config.axes == 'goal' and task.has_object
        low, high = np.array(task.workspace.low), np.array(task.workspace.high)
        self.middle, half = (low + high) / 2, (high - low) / 2
        self.reach = half if config.centre == 'workspace' else np.full(3, config.reach)

    def subgoal(self, observation: np.ndarray, action: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return subgoals (..., 4), positions inside the workspace, for observations (..., O) and goals (..., 3)."""
        displacement = self.reach * action[..., :3]
        if self.turned:
            displacement = frame.out_of(displacement, frame.heading(observation, goal))
        position = self.task.workspace.clip(self.centre(observation) + displacement)
        return np.concatenate([position, self._opening(action[..., 3:])], axis=-1)

    def action(self, observation: np.ndarray, position: np.ndarray, fourth: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return the action (..., 4) whose subgoal is ``position`` (..., 3), or nearest; ``fourth`` (...) is kept."""
        displacement = self.seen(position - self.centre(observation), observation, goal)
        return np.concatenate([np.clip(displacement / self.reach, -1.0, 1.0), fourth[..., None]], axis=-1)

    def seen(self, vector: np.ndarray, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return vectors (..., 3) of the world as seen along the axes of the action."""
        return frame.into(vector, frame.heading(observation, goal)) if self.turned else vector

    def speed(self, action: np.ndarray) -> np.ndarray:
        """Return the share of full speed (...) that the controller may use."""
        slowest = self.config.slowest if self.task.gripper_locked else 1.0
        return slowest + (1.0 - slowest) * (action[..., 3] + 1.0) / 2

    def held_value(self, action: np.ndarray) -> np.ndarray:
        """Return what the fourth value (...) means, 0 .. 1: two actions alike in it act alike."""
        if self.task.gripper_locked:
            return self.speed(action)
        return self._opening(action[..., 3]) / spaces.OPENING_MAX

    def _opening(self, fourth: np.ndarray) -> np.ndarray:
        if self.task.gripper_locked:
            return np.zeros_like(fourth)
        return spaces.OPENING_MAX * ((1.0 + self.config.opening_gain * fourth) / 2).clip(0.0, 1.0)

    def centre(self, observation: np.ndarray) -> np.ndarray:
        """Return the positions (..., 3) that actions displace subgoals from."""
        if self.config.centre == 'workspace':
            return self.middle
        of = spaces.object_position if self.config.centre == 'object' else spaces.gripper_position
        return of(observation)
