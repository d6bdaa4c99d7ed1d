"""What a run's folder tells of its past, read without changing anything: the run may still be under way."""
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hac_ros import proposals, tasks
from hac_ros.learning import journal, running_statistics, statistics_file
from hac_ros.metrics_table import read_rows
from hac_ros.proposals import Proposals
from hac_ros.records import Contribution, Moments
from hac_ros.run_folder import RunFolder
from hac_ros.tasks import Task

RECENT = 5      # rounds that count as recent data


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
    path = folder.journal / 'normalizer.jsonl'
    content = path.read_bytes() if path.is_file() else b''
    lines = (json.loads(line) for line in content[:content.rfind(b'\n') + 1].splitlines())
    parts = by_round([journal.from_json(entry) for entry in lines if 'id' in entry])    # not what was asked or left out
    if not parts:
        return None
    return follow(parts, task_of(config), _given(config))


def _given(config: dict) -> Moments | None:
    """Return the statistics that the run was given to keep; None where they follow the data."""
    settings = config['settings'].get('normalizer', {})
    if settings.get('mode', 'live') == 'live':
        return None
    space = task_of(config).observation
    if settings['mode'] == 'none' or not settings.get('initial') or not Path(settings['initial']).is_file():
        return running_statistics.empty(space.size)
    return statistics_file.read(settings['initial'], space)


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


def follow(parts: dict[int, Moments], task: Task, given: Moments | None = None) -> StatisticsHistory:
    """Return the statistics after each round and what was recent then; ``given`` ones never change."""
    space, rounds = task.observation, list(parts)
    total, rows = running_statistics.empty(space.size), []
    for number, round_ in enumerate(rounds):
        total = running_statistics.merge(total, parts[round_])
        recent = running_statistics.merge_all([parts[r] for r in rounds[max(0, number - RECENT + 1):number + 1]])
        held = total if given is None else given
        rows.append((running_statistics.mean(held), running_statistics.std(held, space.floor), recent.mean,
                     np.sqrt(recent.m2 / max(recent.count, 1))))
    return StatisticsHistory(space.names, tuple(value.unit for value in space.values), np.array(rounds),
                             *(np.array(column) for column in zip(*rows)))
