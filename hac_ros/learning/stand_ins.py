"""What may stand in the planner's place: the goal itself, or chance. A hierarchy must do better than both."""
import numpy as np

from hac_ros import spaces
from hac_ros.learning.planner import Planner, _Attempts
from hac_ros.randomness import generator
from hac_ros.records import ArmState


class GoalPlanner(Planner):
    """Every subgoal is the desired goal, the fingers closed: what the controller makes of the task alone.

    Its weights are read, as any planner's, and not asked.
    """

    def _proposed(self, state: ArmState, count: np.ndarray) -> _Attempts:
        return self._unasked(state, count, state.desired_goal, np.zeros(self.arms))

    def _unasked(self, state: ArmState, count: np.ndarray, position: np.ndarray, opening: np.ndarray) -> _Attempts:
        """Return attempts at full speed on positions (N, 3) and openings (N,) that no policy has chosen."""
        fourth = np.ones(self.arms) if self.task.gripper_locked else opening / spaces.OPENING_MAX * 2.0 - 1.0
        action = self.geometry.action(state.observation, position, fourth, state.desired_goal)
        value = np.concatenate([position, opening[:, None]], axis=1)
        return _Attempts(action, value, count, self.horizon.astype(np.uint16), np.zeros(self.arms, dtype=bool),
                         np.full(self.arms, self.explore))


class RandomPlanner(GoalPlanner):
    """Every subgoal is drawn uniformly from what the gripper can reach in an attempt, inside of the workspace."""

    def _proposed(self, state: ArmState, count: np.ndarray) -> _Attempts:
        rng = generator(self.seed, 'random_subgoals', self.worker, state.id.round, state.id.step)
        farthest = self.task.stride * self.horizon[:, None]
        gripper = spaces.gripper_position(state.observation)
        position = self.task.workspace.clip(gripper + rng.uniform(-farthest, farthest, (self.arms, 3)))
        opening = rng.uniform(0.0, 0.0 if self.task.gripper_locked else spaces.OPENING_MAX, self.arms)
        return self._unasked(state, count, position, opening)
