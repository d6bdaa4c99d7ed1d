"""metrics.csv: one row a round, joined from what several processes measured, in an order that never varies.

Two runs of one seed give the same bytes in every column but those whose names begin with ``wall/``, which stand
last: rows are written strictly in the order of rounds, columns are fixed, and a number is written so that equal
bits are equal text.
"""
import csv
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hac_ros import atomic_files
from hac_ros.atomic_files import WriteFailed

STEPS = 'environment_steps'
KEYS = ('round', STEPS)
COLUMNS = (
    'planner/success', 'planner/mean_reward', 'planner/actor_loss', 'planner/critic_loss', 'planner/q_mean',
    'planner/q_start', 'planner/subgoal_std', 'planner/state_dependence', 'planner/goal_dependence',
    'planner/silent_units', 'planner/out_of_reach', 'planner/object_moved', 'planner/updates', 'planner/returns_to_best',
    'controller/accuracy', 'controller/mean_reward', 'controller/actor_loss', 'controller/critic_loss',
    'controller/q_mean', 'controller/q_start', 'controller/updates',
    'normalizer/workers', 'normalizer/count', 'normalizer/rejected', 'normalizer/drift',
    'evaluation/success_rate', 'evaluation/confirmed', 'evaluation/episodes',
    'evaluation/mean_final_distance', 'evaluation/mean_episode_reward', 'evaluation/return_start',
    'evaluation/controller_return_low', 'evaluation/controller_return_high', 'evaluation/controller_accuracy',
    'evaluation/probe_accuracy', 'evaluation/subgoal_diversity', 'evaluation/action_diversity',
    'evaluation/out_of_reach', 'evaluation/goal_as_subgoal', 'evaluation/random_subgoals',
    'evaluation/object_moved', 'evaluation/steps',
    'wall/round', 'wall/steps_per_s', 'wall/planner_learning', 'wall/controller_learning', 'wall/evaluation')


def fit_for_json(values: dict) -> dict:
    """Return measurements with None in place of NaN, which JSON lacks."""
    return {name: None if value != value else value for name, value in values.items()}


def from_json(values: dict) -> dict[str, float]:
    """Return measurements that ``fit_for_json`` made fit."""
    return {name: math.nan if value is None else value for name, value in values.items()}


class MetricsTable:
    """The table at ``path``. ``sources_required(round)`` names the sources whose measurements make the row whole.

    ``steps_per_round``: environment steps of a round, over all arms and workers, where no source measures
    environment_steps. An existing table is gone on
    with: a line that a power cut left incomplete is removed, and with ``keep_rounds`` all rows from that round on.
    ``on_row(row)``, if given, is called with each row as it is written, column -> number, absent ones left out.

    Raises ValueError if the file at ``path`` has other columns, or fewer than ``keep_rounds`` rows.
    """

    def __init__(self, path, sources_required: Callable[[int], set], *, steps_per_round: int,
                 columns: Sequence[str] = COLUMNS, keep_rounds: int | None = None, on_row: Callable | None = None):
        if len(set(columns)) != len(columns):
            raise ValueError('metrics columns: a name occurs twice')
        self.path = Path(path)
        self.columns = tuple(sorted(columns, key=lambda name: name.startswith('wall/')))   # stable: wall/ goes last
        self.steps_per_round = steps_per_round
        self.conflicts = 0   # repeated measurements that differ from the first; wall/ columns may
        self._required, self._on_row = sources_required, on_row
        self._pending: dict[int, dict[str, dict[str, float]]] = {}
        self.next_round = self._open(keep_rounds)

    def add(self, source: str, round_: int, names: Sequence[str], values: Sequence[float]) -> int:
        """Take what ``source`` measured in ``round_``; return how many rows that completed.

        Repeated and late measurements change nothing. Raises ValueError for a source that the round does not
        want, an unknown or repeated name, or another number of values; WriteFailed if the disk is full (the
        rows are written by a later call).
        """
        self.check(source, round_, names, values)
        if round_ >= self.next_round:
            measured = {name: float(value) for name, value in zip(names, values)}
            first = self._pending.setdefault(round_, {}).setdefault(source, measured)
            self.conflicts += not _same(first, measured)
        return self.write_complete()

    def missing(self) -> set:
        """Return the sources that the next row still waits for."""
        return set(self._required(self.next_round)) - self._pending.get(self.next_round, {}).keys()

    def check(self, source: str, round_: int, names: Sequence[str], values: Sequence[float]):
        """Raise ValueError for a measurement that ``add`` would refuse."""
        if len(names) != len(values) or len(set(names)) != len(names):
            raise ValueError(f'metrics of {source}, round {round_}: {len(names)} names ({len(set(names))} different) '
                             f'and {len(values)} values came, as many of each are wanted')
        if source not in self._required(round_):
            raise ValueError(f'metrics of {source} came for round {round_}, which wants '
                             f'{", ".join(sorted(self._required(round_)))}')
        taken = {name for other, measured in self._pending.get(round_, {}).items() if other != source
                 for name in measured}
        for name in names:
            if name not in (*self.columns, STEPS) or name in taken:
                raise ValueError(f'metrics of {source}, round {round_}: {name!r} came, '
                                 + ('which another source has given' if name in taken else 'which is no column'))

    def write_complete(self) -> int:
        """Write the rows that are complete; return how many. Raises WriteFailed as ``add``."""
        written = 0
        while not self.missing():
            row = {'round': self.next_round, STEPS: (self.next_round + 1) * self.steps_per_round}
            for measured in self._pending.get(self.next_round, {}).values():
                row.update(measured)
            row[STEPS] = int(row[STEPS])
            self._append(','.join(_text(row.get(name)) for name in KEYS + self.columns))
            self._pending.pop(self.next_round, None)
            self.next_round += 1
            written += 1
            if self._on_row is not None:
                self._on_row(row)
        return written

    def _append(self, line: str):
        """Append ``line`` durably; a disk that takes only a part of it is rid of that part."""
        with open(self.path, 'ab', buffering=0) as file:
            end = file.tell()
            data = (line + '\n').encode()
            try:
                if file.write(data) < len(data):
                    raise OSError('the disk took a part of the row only')
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(end)
                reason = error.strerror or error
                raise WriteFailed(error.errno, f'{self.path}: row {self.next_round} could not be written ({reason}); '
                                               'it is tried again with the next') from error

    def _open(self, keep_rounds: int | None) -> int:
        header = ','.join(KEYS + self.columns)
        content = self.path.read_text(encoding='utf-8') if self.path.exists() else ''
        complete = content[:content.rfind('\n') + 1].splitlines()
        if complete and complete[0] != header:
            raise ValueError(f'{self.path} has other columns than this run writes: move it away, or begin another run')
        rows = _sound_rows(complete[1:], header.count(','))
        if keep_rounds is not None and len(rows) < keep_rounds:
            raise ValueError(f'{self.path} holds {len(rows)} rounds, the checkpoint wants {keep_rounds}: '
                             'bring the file back, or begin another run')
        rows = rows[:keep_rounds]
        wanted = '\n'.join([header, *rows, ''])
        if content != wanted:
            atomic_files.write_bytes(self.path, wanted.encode())
        return len(rows)


def read_rows(path) -> list[dict[str, str]]:
    """Return the rows of a metrics.csv, column -> text, empty where nothing was measured.

    Another process may be about to write it: a last line that is not whole yet is left out.
    """
    content = Path(path).read_text(encoding='utf-8')
    header, *rows = content[:content.rfind('\n') + 1].splitlines() or ['']
    return list(csv.DictReader([header, *_sound_rows(rows, header.count(','))]))


def _sound_rows(rows: list[str], commas: int) -> list[str]:
    """Return the rows up to the first that has not all columns or is not of the round that is due."""
    for number, row in enumerate(rows):
        if row.count(',') != commas or row.partition(',')[0] != str(number):
            return rows[:number]
    return rows


def _text(value) -> str:
    return '' if value is None else repr(value)


def _same(first: dict[str, float], again: dict[str, float]) -> bool:
    """Whether two measurements are equal bit for bit, wall-clock columns apart."""
    return _lasting(first) == _lasting(again)


def _lasting(measured: dict[str, float]) -> dict[str, str]:
    return {name: repr(value) for name, value in measured.items() if not name.startswith('wall/')}
