"""Raw SI values to network scale, with the statistics of a round.

A goal has the scale of the achieved goal's position in the observation, a subgoal those of the gripper's position and of the
fingers: what features.py compares keeps its distance.
"""
import numpy as np

from hac_ros import spaces
from hac_ros.learning import running_statistics
from hac_ros.records import Statistics


class Normalization:
    """Mean and standard deviation of an observation space, frozen at one version of the statistics."""

    def __init__(self, statistics: Statistics, clip: float):
        """``clip``: normalised values are kept within +- this. Raises ValueError if sizes do not match."""
        space = spaces.by_name(statistics.space)
        if statistics.moments.mean.shape != (space.size,):
            raise ValueError(f'statistics of {statistics.moments.mean.size} values came, '
                             f'space {space.name} has {space.size}')
        self.clip = clip
        self.mean = running_statistics.mean(statistics.moments).astype(np.float32)
        self.std = running_statistics.std(statistics.moments, space.floor).astype(np.float32)
        # The opening is the sum of both fingers, so its scale is the sum of theirs.
        self.gripper_scale = spaces.gripper_position(self.std)
        self.object_scale = spaces.object_position(self.std)
        self.subgoal_scale = np.append(self.gripper_scale, spaces.fingers(self.std).sum()).astype(np.float32)

    def observation(self, raw: np.ndarray, columns=slice(None)) -> np.ndarray:
        """Normalise observations (..., O), or only their ``columns``."""
        return self._clipped((raw[..., columns] - self.mean[columns]) / self.std[columns])

    def _clipped(self, values: np.ndarray) -> np.ndarray:
        """Return values kept within +- ``clip``."""
        return values.clip(-self.clip, self.clip)
