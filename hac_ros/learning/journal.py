"""What consumers have acknowledged, on disk before they say so: a process that dies forgets nothing.

    checkpoint/journal/<learner>/worker_<n>-<round>.safetensors   episodes that a learner holds
                       normalizer.jsonl                           contributions and requests, one a line, in order of arrival
                       planner_<worker>.json                      a worker's own contribution, before it is published
"""
import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hac_ros import atomic_files, tensor_file
from hac_ros.records import Change, Contribution, ContributionId, Episodes, Moments

KIND = 'episodes'
_FILE = re.compile(r'worker_(\d+)-(\d{8})\.safetensors')
_ARRAYS = tuple(f.name for f in dataclasses.fields(Episodes) if 'ndarray' in str(f.type))
_NUMBERS = tuple(f.name for f in dataclasses.fields(Episodes) if f.name not in _ARRAYS)


class EpisodeJournal:
    """The rounds that one learner holds beyond its last checkpoints, in ``folder``."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def write(self, episodes: Episodes) -> None:
        """Write a round durably; raises WriteFailed if the disk does not take it."""
        atomic_files.make_folder(self.folder)
        arrays = {name: getattr(episodes, name) for name in _ARRAYS}
        tensor_file.write(self._path(episodes.worker, episodes.round), KIND, arrays,
                          {name: getattr(episodes, name) for name in _NUMBERS})

    def read(self, held: dict[int, int], tell: Callable[[int, int, str], None] = lambda worker, round_, why: None):
        """Yield the episodes after those in ``held`` (worker -> round after the last one held), by round, then worker.

        A damaged file ends its worker's sequence, and ``tell(worker, round, why)`` is called: the bridge must run the
        rounds from this one on again.
        """
        damaged = set()
        for round_, worker in sorted((round_, worker) for worker, round_ in self._names()):
            if worker not in damaged and round_ >= held.get(worker, 0):
                try:
                    file = tensor_file.read(self._path(worker, round_), KIND)
                except tensor_file.DamagedFile as error:
                    damaged.add(worker)
                    tell(worker, round_, str(error))
                    continue
                yield Episodes(**file.content, **file.tensors)

    def drop(self, held: dict[int, int]) -> None:
        """Remove the rounds before those in ``held`` (worker -> round after the last one that every checkpoint holds)."""
        for worker, round_ in self._names():
            if round_ < held.get(worker, 0):
                self._path(worker, round_).unlink(missing_ok=True)

    def _path(self, worker: int, round_: int) -> Path:
        return self.folder / f'worker_{worker}-{round_:08d}.safetensors'

    def _names(self) -> list[tuple[int, int]]:
        found = (_FILE.fullmatch(entry.name) for entry in self.folder.glob('worker_*'))
        return [(int(match[1]), int(match[2])) for match in found if match]


class ContributionJournal:
    """What the normalizer entered, in order, one JSON object a line in the file at ``path``: contributions, the
    workers (integers) that it left out, and changes of the statistics that were asked for.
    """

    def __init__(self, path):
        self.path = Path(path)

    def append(self, entry: Contribution | Change | int) -> None:
        """Append durably; raises OSError if the disk does not take it."""
        atomic_files.make_folder(self.path.parent)
        with open(self.path, 'ab', buffering=0) as file:
            end = file.tell()
            if not end:       # a new file: without its name in the folder a power cut would take what was synced in it
                atomic_files.sync_folder(self.path.parent)
            line = (json.dumps(_entry_to_json(entry)) + '\n').encode()
            if file.write(line) < len(line):
                file.truncate(end)
                raise OSError(f'{self.path} took a part of a line only')
            os.fsync(file.fileno())

    def read(self, mend: bool = True) -> list[Contribution | Change | int]:
        """Return what was appended; a line that a crash cut short, which nobody acknowledged, is removed.

        ``mend`` False: it is left alone; the journal's owner may be about to write it.
        """
        content = self.path.read_bytes() if self.path.exists() else b''
        complete = content[:content.rfind(b'\n') + 1]
        if mend and complete != content:
            atomic_files.write_bytes(self.path, complete)
        return [_entry_from_json(json.loads(line)) for line in complete.splitlines()]


def _entry_to_json(entry: Contribution | Change | int) -> dict:
    if isinstance(entry, int):
        return {'left_out': entry}
    if isinstance(entry, Change):
        moments = None if entry.moments is None else _moments_to_json(entry.moments)
        return {'change': {'version': entry.version, 'frozen': entry.frozen, 'moments': moments}}
    return to_json(entry)


def _entry_from_json(content: dict) -> Contribution | Change | int:
    if 'left_out' in content:
        return content['left_out']
    if 'change' in content:
        change = content['change']
        return Change(change['version'], change['frozen'], change['moments'] and _moments_from_json(change['moments']))
    return from_json(content)


def write_contribution(path, contribution: Contribution) -> None:
    """Write a worker's own contribution durably, in place of the one before."""
    atomic_files.make_folder(Path(path).parent)
    atomic_files.write_json(path, to_json(contribution))


def read_contribution(path) -> Contribution | None:
    """Return what ``write_contribution`` wrote, None if nothing."""
    return from_json(json.loads(Path(path).read_bytes())) if Path(path).exists() else None


def to_json(contribution: Contribution) -> dict:
    """Return a contribution as JSON values; JSON's numbers keep every bit of a float64."""
    return {'id': dataclasses.asdict(contribution.id), 'space': contribution.space,
            **_moments_to_json(contribution.moments), 'rejected': contribution.rejected}


def from_json(content: dict) -> Contribution:
    """Return the contribution that ``to_json`` gave."""
    return Contribution(ContributionId(**content['id']), content['space'], _moments_from_json(content),
                        content['rejected'])


def _moments_to_json(moments: Moments) -> dict:
    return {'count': moments.count, 'mean': moments.mean.tolist(), 'm2': moments.m2.tolist()}


def _moments_from_json(content: dict) -> Moments:
    return Moments(content['count'], np.array(content['mean']), np.array(content['m2']))
