"""A toy in place of the arm: a point that moves as commanded, seen and asked for like FetchReach.

It has the interface of ``hac_ros.simulation.simulation.Simulation``, so that the same loop drives both.
"""
import numpy as np

from hac_ros import tasks
from hac_ros.randomness import generator

SPEED = 0.032   # [m] a control step at command 1, as measured on FetchEnv
START = np.array([1.34, 0.75, 0.535])


class PointMass:
    """N points, episodes as long as the task's."""

    task = tasks.by_name('reach')

    def __init__(self, arms: int, seed: int, worker: int = 0, purpose: str = 'training'):
        self.arms, self.seed, self.worker, self.purpose = arms, seed, worker, purpose

    def reset(self, round: int):
        """Begin the episodes of a round."""
        rng = generator(self.seed, f'point_mass_{self.purpose}', self.worker, round)
        self.position, self.motion = np.tile(START, (self.arms, 1)), np.zeros((self.arms, 3))
        self.desired_goal = START + rng.uniform(-0.15, 0.15, (self.arms, 3))

    def step(self, command: np.ndarray):
        """Move by one control step; the motion lags a little, like the arm's."""
        self.motion = 0.1 * self.motion + 0.9 * SPEED * command[:, :3]
        self.position = self.position + self.motion

    @property
    def observation(self) -> np.ndarray:
        """(N, 10), FetchReach's layout."""
        still = np.zeros((self.arms, 2))
        return np.concatenate([self.position, still, 0.705 * self.motion, still], axis=1)

    @property
    def achieved_goal(self) -> np.ndarray:
        """(N, 3) [m]."""
        return self.position

    @property
    def success(self) -> np.ndarray:
        """(N,) bool."""
        return np.linalg.norm(self.position - self.desired_goal, axis=1) < self.task.threshold

    @property
    def reward(self) -> np.ndarray:
        """(N,) 0 or -1."""
        return self.success.astype(float) - 1.0
