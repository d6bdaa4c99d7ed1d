"""What a run's folder tells of its past, read without changing anything: the run may still be under way."""
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hac_ros import proposals, tasks
from hac_ros.learning import origin, running_statistics, statistics_file
from hac_ros.learning.bundle import read_bundle
from hac_ros.learning.journal import ContributionJournal
from hac_ros.learning.ledger import RECENT, Ledger
from hac_ros.metrics_table import read_rows
from hac_ros.proposals import Proposals
from hac_ros.records import LAG, Change, Contribution, Moments
from hac_ros.run_folder import RunFolder
from hac_ros.tasks import Task


class NoRun(ValueError):
    """There is no run where one was looked for, or nothing was measured in it."""


@dataclass(frozen=True)
class StatisticsHistory:
    """The statistics after each of V rounds, and the recent data that they should describe: O named dimensions."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    rounds: np.ndarray          # (V,)
    mean: np.ndarray            # (V, O) what normalises
    std: np.ndarray             # (V, O) with its floor
    recent_mean: np.ndarray     # (V, O) of the last RECENT rounds
    recent_std: np.ndarray      # (V, O)

    @property
    def shift(self) -> np.ndarray:
        """(V, O) recent mean, normalised: 0 where the statistics describe the recent data."""
        return (self.recent_mean - self.mean) / self.std

    @property
    def widening(self) -> np.ndarray:
        """(V, O) standard deviation of the recent data, normalised: 1 where the statistics describe them."""
        return self.recent_std / self.std


@dataclass(frozen=True)
class RunHistory:
    """A run: its settings, its rows of metrics as columns (R,), NaN where empty, and what was kept beside them."""

    name: str
    path: Path
    config: dict
    result: dict | None
    columns: dict[str, np.ndarray]
    proposals: list[Proposals]
    statistics: StatisticsHistory | None

    @property
    def task(self) -> Task:
        """The task that was learnt."""
        return task_of(self.config)

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.config['settings']['run']['seed']

    @property
    def is_flat(self) -> bool:
        """Whether one level learns alone: nobody proposes subgoals."""
        return self.setting('run', 'policy') == 'flat'

    def lowest(self, level: str) -> float:
        """Return the least value that the critics of ``level`` can mean: that of missing for ever."""
        section = 'flat' if self.is_flat and level == 'controller' else level
        return -1.0 / (1.0 - self.setting(section, 'gamma'))

    def setting(self, section: str, name: str, default=None):
        """Return a setting; ``default`` where the run was begun before it existed."""
        return self.config['settings'].get(section, {}).get(name, default)

    def measured(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Return environment steps and values of the rounds in which ``column`` was measured."""
        values = self.columns.get(column, np.empty(0))
        known = np.isfinite(values)
        return self.columns['environment_steps'][:len(values)][known], values[known]

    def rounds(self, column: str) -> np.ndarray:
        """Return the rounds in which ``column`` was measured."""
        values = self.columns.get(column, np.empty(0))
        return self.columns['round'][:len(values)][np.isfinite(values)].astype(int)


def read(folder: RunFolder, evaluations: int = 0) -> RunHistory:
    """Read a run, with the proposals of so many of its newest ``evaluations``, or of all.

    Raises NoRun if it was never begun or has no row yet.
    """
    if not folder.config.is_file():
        raise NoRun(f'{folder.path} is no folder of a run: it has no config.json')
    config = json.loads(folder.config.read_bytes())
    rows = read_rows(folder.metrics) if folder.metrics.is_file() else []
    if not rows:
        raise NoRun(f'run {folder.run} in {folder.root} has measured nothing yet')
    result = folder.path / 'result.json'
    return RunHistory(folder.run, folder.path, config, json.loads(result.read_bytes()) if result.is_file() else None,
                      {name: np.array([float(row[name] or 'nan') for row in rows]) for name in rows[0]},
                      proposals.read(folder.proposals, evaluations), _statistics(folder, config))


def task_of(config: dict) -> Task:
    """Return the task of a config.json, as it is in the run's control mode."""
    run = config['settings']['run']
    return tasks.by_name(run['task'], run.get('control', 'mocap'))


def _statistics(folder: RunFolder, config: dict) -> StatisticsHistory | None:
    entries = ContributionJournal(folder.journal / 'normalizer.jsonl').read(mend=False)
    return follow(entries, _ledger(config, _initial(folder, config, entries)))


def _ledger(config: dict, initial: Moments | None = None) -> Ledger:
    """Return the book as the run's normalizer opens it."""
    run, settings = config['settings']['run'], config['settings'].get('normalizer', {})
    return Ledger(task_of(config).observation, run.get('workers', 1), initial, settings.get('mode', 'live') == 'live')


def _initial(folder: RunFolder, config: dict, entries: list) -> Moments | None:
    """Return the moments that the statistics began with; None: no samples; NaN where nothing tells them any more.

    Neither journal nor checkpoint holds them. A run that started from a policy has its copy. Else the run's bundle has
    them, up to rounding: its statistics less what was contributed by then. Where it cannot tell, the place that config.json
    names is asked; it may have changed since.
    """
    run, settings = config['settings']['run'], config['settings'].get('normalizer', {})
    if settings.get('mode') == 'none' or not (settings.get('initial') or run.get('start_from')):
        return None
    for source in (_initial_of_copy, _initial_of_bundle, _initial_of_place):
        with contextlib.suppress(ValueError, OSError):
            return source(folder, config, entries)
    size = task_of(config).observation.size
    return Moments(1, np.full(size, np.nan), np.full(size, np.nan))


def _initial_of_copy(folder: RunFolder, config: dict, entries: list) -> Moments:
    if config['settings'].get('normalizer', {}).get('initial'):
        raise ValueError('the statistics began with those of a file')
    return read_bundle(folder.path / origin.COPY / origin.BUNDLE).statistics.moments


def _initial_of_bundle(folder: RunFolder, config: dict, entries: list) -> Moments:
    statistics = read_bundle(folder.bundle).statistics
    if statistics.since:
        raise ValueError(f'statistics {statistics.version} are made of others than those that the run began with')
    counted = published(entries, _ledger(config)).get(statistics.version)
    if counted is None:
        raise ValueError(f'the journal does not reach statistics {statistics.version}')
    return running_statistics.remove(statistics.moments, counted)


def _initial_of_place(folder: RunFolder, config: dict, entries: list) -> Moments:
    run, path = config['settings']['run'], config['settings'].get('normalizer', {}).get('initial')
    if path:
        return statistics_file.read(path, task_of(config).observation)
    _, bundle = origin.find(run['start_from'], folder.root)
    return read_bundle(bundle, run['task'], run.get('control')).statistics.moments


def by_round(contributions: list[Contribution]) -> dict[int, Moments]:
    """Return the moments of the data of each round, over all workers, from cumulative contributions in their order."""
    before: dict[tuple[int, int], Moments] = {}
    found: dict[int, Moments] = {}
    for contribution in contributions:
        chain, round_ = (contribution.id.worker, contribution.id.incarnation), contribution.id.last_round
        total = contribution.moments
        part = running_statistics.remove(total, before[chain]) if chain in before else total
        found[round_] = running_statistics.merge(found[round_], part) if round_ in found else part
        before[chain] = total
    return dict(sorted(found.items()))


def published(entries: list[Contribution | Change | int], ledger: Ledger) -> dict[int, Moments]:
    """Return version -> moments of what ``ledger`` makes of the entries, one by one as the normalizer enters them.

    An entry that it refuses, as one of an older normalizer may be, is left out.
    """
    made = _made(ledger)
    for entry in entries:
        with contextlib.suppress(ValueError):
            ledger.enter(entry)
        made |= _made(ledger)
    return made


def _made(ledger: Ledger) -> dict[int, Moments]:
    """Make the versions whose rounds are covered."""
    made = {}
    while ledger.ready():
        statistics = ledger.make()
        made[statistics.version] = statistics.moments
    return made


def follow(entries: list[Contribution | Change | int], ledger: Ledger) -> StatisticsHistory | None:
    """Return the statistics after each round that they include, and what was recent then; None if there is no round.

    ``entries``: the normalizer's, in their order; ``ledger``: as it was opened. It is filled.
    """
    space, made = ledger.space, published(entries, ledger)
    parts = by_round([entry for entry in entries if isinstance(entry, Contribution)])
    rounds, rows = [round_ for round_ in parts if round_ + LAG in made], []
    for number, round_ in enumerate(rounds):
        recent = running_statistics.merge_all([parts[r] for r in rounds[max(0, number - RECENT + 1):number + 1]])
        held = made[round_ + LAG]
        rows.append((running_statistics.mean(held), running_statistics.std(held, space.floor), recent.mean,
                     np.sqrt(recent.m2 / max(recent.count, 1))))
    if not rows:
        return None
    return StatisticsHistory(space.names, tuple(value.unit for value in space.values), np.array(rounds),
                             *(np.array(column) for column in zip(*rows)))
