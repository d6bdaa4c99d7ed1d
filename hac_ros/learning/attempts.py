"""Subgoal attempts: when one ends, and where its steps lie in an episode. Vectorised over arms."""
import numpy as np

from hac_ros import spaces


def misses(observation: np.ndarray, subgoal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distance to the subgoal [m] and difference of opening [m], each (...), for observations (..., O)."""
    difference = spaces.achieved_subgoal(observation) - subgoal
    return np.linalg.norm(difference[..., :3], axis=-1), np.abs(difference[..., 3])


def reached(observation: np.ndarray, subgoal: np.ndarray, tolerance: np.ndarray, locked: bool) -> np.ndarray:
    """Return bool (...): within both tolerances (..., 2). ``locked`` fingers cannot miss their opening."""
    distance, opening = misses(observation, subgoal)
    return (distance <= tolerance[..., 0]) & (locked | (opening <= tolerance[..., 1]))


def bounds(attempt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first step and end (first step after) of the attempt in force at each step.

    attempt: (N, T) counters as recorded. Both results (N, T) int64; end is T for the last attempt.
    """
    arms, steps = attempt.shape
    changed = np.diff(attempt.astype(np.int64), axis=1) != 0
    index = np.broadcast_to(np.arange(steps), (arms, steps))
    first = np.where(np.pad(changed, ((0, 0), (1, 0)), constant_values=True), index, 0)
    last = np.where(np.pad(changed, ((0, 0), (0, 1)), constant_values=True), index + 1, steps)
    return np.maximum.accumulate(first, axis=1), np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]


def held_until(value: np.ndarray, change: float, horizon: int) -> np.ndarray:
    """Return (N, T) the first step at which ``value`` (N, T) differs by more than ``change`` from its value here.

    At most ``horizon`` steps ahead and at most T: a window of this length had about one value throughout.
    """
    arms, steps = value.shape
    end = np.broadcast_to(np.minimum(np.arange(steps) + horizon, steps), (arms, steps)).copy()
    for ahead in range(horizon - 1, 0, -1):
        differs = np.abs(value[:, ahead:] - value[:, :steps - ahead]) > change
        here = end[:, :steps - ahead]
        here[differs] = np.broadcast_to(np.arange(ahead, steps), differs.shape)[differs]
    return end
