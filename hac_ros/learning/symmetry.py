"""The reflection of samples in the upright plane through the middle of the workspace: left becomes right.

Domain knowledge: arm, table and objects are symmetric, so the mirrored sample is as true as the recorded one.
"""
import dataclasses

import numpy as np

from hac_ros.learning.hindsight import Sample
from hac_ros.tasks import Task

TURNING = ('object_euler_x', 'object_euler_z', 'object_spin_x', 'object_spin_z')   # about axes in the plane
ABSOLUTE = ('gripper_y', 'object_y')


class Symmetry:
    """Mirrors raw samples of one task. Positions have y second, as do actions."""

    def __init__(self, task: Task):
        names = task.observation.names
        self.twice_middle = task.workspace.low[1] + task.workspace.high[1]
        turned = [name.endswith('_y') and 'euler' not in name and 'spin' not in name or name in TURNING
                  for name in names]
        self.sign = np.where(turned, -1.0, 1.0).astype(np.float32)
        self.shift = np.where(np.isin(names, ABSOLUTE), self.twice_middle, 0.0).astype(np.float32)
        other = [name.replace('right', 'left') if 'right' in name else name.replace('left', 'right') for name in names]
        self.order = np.array([names.index(name) for name in other])

    def mirrored(self, sample: Sample, share: float, rng: np.random.Generator) -> Sample:
        """Return the samples with a random ``share`` of them mirrored; nothing is drawn where it is 0."""
        if share == 0.0:
            return sample
        chosen = np.flatnonzero(rng.random(len(sample.reward)) < share)
        goal, action = sample.goal.copy(), sample.action.copy()
        goal[chosen, 1] = self.twice_middle - goal[chosen, 1]
        action[chosen, 1] *= -1.0
        return dataclasses.replace(sample, observation=self._observation(sample.observation, chosen),
                                   following=self._observation(sample.following, chosen), goal=goal, action=action)

    def _observation(self, observation: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        observation = observation.copy()
        observation[chosen] = observation[chosen][:, self.order] * self.sign + self.shift
        return observation
