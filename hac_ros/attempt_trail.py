"""What N arms did lately: the paths of their grippers, their last subgoals and whether they were reached.

Fed with states and subgoals as they came, gaps included; for viewers, which look now and then.
"""
from collections import deque

import numpy as np

from hac_ros import spaces
from hac_ros.learning import attempts
from hac_ros.records import ArmState, StepId, Subgoals

UNKNOWN, HIT, MISS = 0, 1, 2    # how an attempt ended; UNKNOWN where the state that ended it was not seen


class AttemptTrail:
    """Follows one worker. ``path`` and ``kept`` are how many gripper positions and subgoals of an arm are kept."""

    def __init__(self, path: int, kept: int, locked: bool):
        self.locked, self.kept = locked, kept
        self.path: deque[np.ndarray] = deque(maxlen=path)       # (N, 3) [m] each, oldest first
        self.clear()

    def clear(self) -> None:
        """Forget everything: a new episode begins."""
        self.state: ArmState | None = None
        self.subgoals: Subgoals | None = None
        self.judgement = np.empty(0, np.int64)                  # (N,) of the newest state
        self.attempts: dict[int, deque] = {}                    # arm -> (subgoal (4,), outcome), oldest first
        self.just_ended: dict[int, tuple] = {}                  # arm -> (subgoal (4,), tolerance (2,), outcome)
        self.path.clear()

    def see_state(self, state: ArmState) -> bool:
        """Take a state; return whether it began another episode, so that everything before it was forgotten."""
        fresh = self.state is None or not _follows(state.id, self.state.id) or state.arms != self.state.arms
        if fresh:
            self.clear()
        elif state.id == self.state.id:
            return False
        self.judgement = self._judge(state)
        self.state = state
        self.path.append(spaces.gripper_position(state.observation))
        if state.terminal and self.subgoals is not None:
            self._end(np.arange(state.arms))
            self.subgoals = None
        return fresh

    def see_subgoals(self, subgoals: Subgoals) -> None:
        """Take the subgoals in force; those of another episode than the newest state's are passed over."""
        if self.state is None or not _follows(subgoals.id, self.state.id) or len(subgoals.value) != self.state.arms:
            return
        if subgoals.id != self.state.id:      # the state that they answer was not seen
            self.judgement = np.zeros(self.state.arms, np.int64)
        if self.subgoals is not None:
            self._end(np.flatnonzero(subgoals.attempt != self.subgoals.attempt))
        self.subgoals = subgoals

    def take_ended(self) -> dict[int, tuple]:
        """Return the last attempt of each arm that ended since the last call: (subgoal, tolerance, outcome)."""
        ended, self.just_ended = self.just_ended, {}
        return ended

    def _judge(self, state: ArmState) -> np.ndarray:
        last = self.subgoals
        if last is None or state.id.step != last.id.step + 1:
            return np.zeros(state.arms, np.int64)
        hit = attempts.reached(state.observation, last.value, last.tolerance, self.locked)
        return np.where(hit, HIT, MISS)

    def _end(self, arms: np.ndarray) -> None:
        for arm in arms.tolist():
            value, outcome = self.subgoals.value[arm], int(self.judgement[arm])
            self.attempts.setdefault(arm, deque(maxlen=self.kept)).append((value, outcome))
            self.just_ended[arm] = value, self.subgoals.tolerance[arm], outcome


def _follows(new: StepId, old: StepId) -> bool:
    """Return whether ``new`` belongs to the same episode as ``old`` and is not before it."""
    return (new.run, new.worker, new.round, new.take) == (old.run, old.worker, old.round, old.take) \
        and new.step >= old.step
