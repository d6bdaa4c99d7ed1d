"""What a deployment leaves behind: a file for each episode, with states, subgoals, commands and interventions.

    runs/<name>/deployment/episode_<round>_<take>.safetensors
"""
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hac_ros import tensor_file
from hac_ros.safety.status import Status

KIND = 'deployed episode'
MOST_WITHOUT = 7500      # periods, five minutes: one that is paused for a day does not fill the memory
_NAME = re.compile(r'episode_(\d+)_(\d+)\.safetensors')
_STATE = {'observation': None, 'achieved_goal': 3, 'joints': 7, 'stamp': (), 'time': ()}
_WITHOUT = {'without_step': (), 'without_time': (), 'without_allowed': 6, 'without_twist': 6, 'without_status': ()}
_STEP = {'subgoal': 4, 'command': 4, 'wanted': 6, 'allowed': 6, 'twist': 6, 'opening': (), 'latency': (), 'status': ()}


@dataclass(frozen=True)
class Episode:
    """A file's content: arrays by name, and what is said of them.

    T + 1 rows of states, T of steps. without_*: a row for each period that had no command of its own, after the state of without_step.
    """

    arrays: dict[str, np.ndarray]
    content: dict

    @property
    def steps(self) -> int:
        """How many commands were sent."""
        return len(self.arrays['command'])


class EpisodeLog:
    """Collects one episode: ``state`` and ``step`` in turn, then ``write``."""

    def __init__(self, folder: Path, content: dict, round_: int, take: int):
        self.path = folder / f'episode_{round_:05}_{take}.safetensors'
        self.content = {**content, 'round': round_, 'take': take}
        self.states: list[tuple] = []
        self.steps: list[tuple] = []
        self.others: list[tuple] = []
        self.interventions: Counter = Counter()
        self.missed = 0

    def state(self, observation, achieved, joints, stamp: float, time: float) -> None:
        """Note a state: what was observed, the joints (7,), their stamp and the time of the period [s]."""
        self.states.append((observation, achieved, joints, stamp, time))

    def step(self, subgoal, command, sent, latency: float) -> None:
        """Note the subgoal (4,) in force, the policy's command (4,), what became of it, and how long that took [s] from its state."""
        opening = np.nan if sent.opening is None else sent.opening
        self.steps.append((subgoal, command, sent.wanted, sent.allowed, sent.twist, opening, latency,
                           status_bits(sent.verdict.statuses)))

    def without(self, step: int, time: float, sent) -> None:
        """Note what a period at ``time`` [s] came to that had no command of its own: the last one again, a ramp, or rest.

        Of more than MOST_WITHOUT the later ones are left out.
        """
        if len(self.others) < MOST_WITHOUT:
            self.others.append((step, time, sent.allowed, sent.twist, status_bits(sent.verdict.statuses)))

    def write(self) -> None:
        """Write the file, whole or not at all; raises WriteFailed if the disk does not take it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {**_columns(self.states, _STATE), **_columns(self.steps, _STEP), **_columns(self.others, _WITHOUT)}
        tensor_file.write(self.path, KIND, arrays, {
            **self.content, 'interventions': dict(self.interventions), 'missed': self.missed})


def _columns(rows: list[tuple], names: dict) -> dict[str, np.ndarray]:
    columns = list(zip(*rows)) or [()] * len(names)
    dtypes = {'status': np.uint64, 'without_status': np.uint64}
    return {name: np.array(column, dtype=dtypes.get(name, np.float64)) for name, column in zip(names, columns)}


def status_bits(statuses) -> int:
    """Return a number with bit n set for each status n."""
    return sum(1 << int(status) for status in set(statuses))


def statuses(bits: int) -> list[Status]:
    """Return the statuses whose bits are set in ``bits``."""
    return [status for status in Status if int(bits) >> int(status) & 1 and status is not Status.PASSED]


def files(folder) -> list[Path]:
    """Return the episodes' files in ``folder``, in their order."""
    return sorted(path for path in Path(folder).glob('episode_*.safetensors') if _NAME.fullmatch(path.name))


def next_round(folder) -> int:
    """Return the first number above all rounds in ``folder``."""
    return 1 + max((int(_NAME.fullmatch(path.name)[1]) for path in files(folder)), default=-1)


def read(path) -> Episode:
    """Return a file's episode; raises DamagedFile."""
    found = tensor_file.read(path, KIND)
    return Episode(found.tensors, found.content)
