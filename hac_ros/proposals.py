"""What the planner proposed in the evaluation of a round: where it sent the gripper, and what came of it.

    runs/<run>/proposals/round-<k>.safetensors      some rows for each evaluation: the report's maps are made of them
"""
import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hac_ros import records, spaces, tensor_file
from hac_ros.learning import attempts

KIND = 'proposals'
MOST = 500        # attempts kept of an evaluation: 38 kB, enough for a map
MOVED = 0.03      # [m] between first and last position: the object counts as moved
_FILE = re.compile(r'round-(\d{8})\.safetensors')


@dataclass(frozen=True)
class Proposals:
    """A subgoal attempts of an evaluation, and the E episodes that they are of. Lengths in metres, frame ``world``."""

    round: int               # whose weights proposed them
    subgoal: np.ndarray      # (A, 4) float32: gripper position, opening
    tolerance: np.ndarray    # (A, 2) float32
    action: np.ndarray       # (A, 4) float32: what the planner's network gave, -1 .. 1
    gripper: np.ndarray      # (A, 3) float32: where the gripper was then
    object: np.ndarray       # (A, 3) float32: where the object was then; the gripper where the task has none
    goal: np.ndarray         # (A, 3) float32
    step: np.ndarray         # (A,) uint16: control step of the proposal
    hit: np.ndarray          # (A,) bool: was reached
    placed: np.ndarray       # (A,) bool: its position was; fingers that hold an object reach no other opening
    ended: np.ndarray        # (A,) bool: had all of its steps; False where the episode cut it short
    achieved: np.ndarray     # (E, 3) float32: where the object was at the end
    start: np.ndarray        # (E, 3) float32: and at the start
    success: np.ndarray      # (E,) bool: at the last step

    @property
    def distance(self) -> np.ndarray:
        """(A,) [m] from the gripper to the subgoal when it was proposed."""
        return np.linalg.norm(self.subgoal[:, :3] - self.gripper, axis=1)

    @property
    def moved(self) -> float:
        """Share of the episodes in which the object ended elsewhere than it began."""
        return float((np.linalg.norm(self.achieved - self.start, axis=1) > MOVED).mean())

    @property
    def action_diversity(self) -> float:
        """Standard deviation of the planner's first three actions, their mean; 0: the same whatever the state."""
        return float(self.action[:, :3].std(axis=0).mean())

    def thinned(self, most: int = MOST) -> 'Proposals':
        """Return at most ``most`` of the attempts, evenly spread over the evaluation."""
        if len(self.step) <= most:
            return self
        chosen = np.linspace(0, len(self.step) - 1, most).astype(int)
        return dataclasses.replace(self, **{name: getattr(self, name)[chosen] for name in _ATTEMPTS})


_ATTEMPTS = ('subgoal', 'tolerance', 'action', 'gripper', 'object', 'goal', 'step', 'hit', 'placed', 'ended')
_EPISODES = ('achieved', 'start', 'success')


def of_episodes(planner: records.Episodes, count: int, locked: bool) -> Proposals:
    """Return the attempts of the first ``count`` arms of a round, as its planner recorded it.

    ``locked``: the fingers cannot miss their opening.
    """
    first, last = _ends(planner.attempt[:, :count])
    following, subgoal, tolerance = planner.observation[1:, :count], planner.subgoal[:, :count], planner.tolerance[:, :count]
    hit, placed = (attempts.reached(following, subgoal, tolerance, position_only) for position_only in (locked, True))
    observation, goal = planner.observation[:-1, :count], planner.desired_goal[None, :count]
    return Proposals(
        planner.weights, _single(subgoal[first]), _single(tolerance[first]),
        _single(planner.action[:, :count][first]), _single(spaces.gripper_position(observation)[first]),
        _single(spaces.object_position(observation)[first]),
        _single(np.broadcast_to(goal, (planner.steps, *goal.shape[1:]))[first]),
        np.nonzero(first)[0].astype(np.uint16), _in_order(hit, first, last), _in_order(placed, first, last),
        _in_order(hit | (planner.steps_left[:, :count] <= 1), first, last),
        _single(planner.achieved_goal[-1, :count]), _single(planner.achieved_goal[0, :count]),
        planner.success[-1, :count].astype(bool))


def joined(parts: list[Proposals]) -> Proposals:
    """Return the attempts and episodes of several batches of one evaluation as one."""
    return Proposals(parts[0].round, *(np.concatenate([getattr(part, name) for part in parts])
                                       for name in _ATTEMPTS + _EPISODES))


def write(folder, proposals: Proposals) -> Path:
    """Write what is kept of an evaluation into ``folder``; raises WriteFailed if the disk does not take it."""
    path = Path(folder) / f'round-{proposals.round:08d}.safetensors'
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = proposals.thinned()
    tensor_file.write(path, KIND, {name: getattr(kept, name) for name in _ATTEMPTS + _EPISODES}, {'round': kept.round})
    return path


def read(folder, newest: int = 0) -> list[Proposals]:
    """Return the evaluations in ``folder``, by round: all, or so many of the ``newest``; none where there is no folder.

    Damaged files are left out.
    """
    found = sorted(path for path in Path(folder).glob('round-*') if _FILE.fullmatch(path.name))[-newest:]
    return [item for path in found if (item := _read(path)) is not None]


def _read(path) -> Proposals | None:
    try:
        file = tensor_file.read(path, KIND)
        return Proposals(**file.content, **{'placed': file.tensors.get('hit'), **file.tensors})     # older files tell of both only
    except (tensor_file.DamagedFile, TypeError):
        return None


def _ends(attempt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where attempts (T, N) begin and where they end, both (T, N) bool."""
    changed = np.diff(attempt.astype(np.int64), axis=0) != 0
    return (np.pad(changed, ((1, 0), (0, 0)), constant_values=True),
            np.pad(changed, ((0, 1), (0, 0)), constant_values=True))


def _in_order(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return ``values`` (T, N) at the last steps of the attempts, in the order of their first steps."""
    by_arm = values.T[last.T]                                # arm by arm, attempts in order: as many as first.T has
    number = np.empty(first.shape, dtype=np.int64)
    number.T[first.T] = np.arange(len(by_arm))
    return by_arm[number[first]]


def _single(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
