"""What a run starts from, instead of from nothing: a bundle, or the best bundle of another run with its critics.

Taken are actors and averaged actors of both levels, and the statistics, which go on from there; of a run also the critics
and targets of its newest checkpoint. Replay, optimisers, exploration and schedules begin anew.

    runs/<name>/origin/bundle/              the bundle as it was at the run's first start
                       critics.safetensors  the critics, where there were any
                       origin.json          of what this is the copy, and the digests of both: written last
"""
import fcntl
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hac_ros import atomic_files, tensor_file
from hac_ros.config import RunConfig
from hac_ros.learning import checkpoint
from hac_ros.learning.bundle import DESCRIPTION, Bundle, BundleRefused, read_bundle, write_bundle

VECTORS = ('critic', 'critic_target')
FORMAT = 1
KIND = 'critics of an origin'
COPY, BUNDLE, CRITICS, RECORD = 'origin', 'bundle', 'critics.safetensors', 'origin.json'
TRIES = 5      # at a bundle that a training may replace while it is read


@dataclass(frozen=True)
class Origin:
    """A policy to start from: what was asked for, and the folder that it was read from.

    ``critics``: level -> vector -> values (flat), empty where there are none.
    """

    place: str
    path: Path
    bundle: Bundle
    critics: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def told(self, level: str) -> str:
        """Return what ``level`` takes from here, in words."""
        rest = 'its critics, from its newest checkpoint' if level in self.critics else 'no critics: those begin anew'
        return (f'starts from {self.place}, as {self.path} holds it: the {level}\'s actors (round {self.bundle.planner.version}) '
                f'and statistics, {rest}')


def of_run(run: RunConfig) -> Origin:
    """Return what ``run`` starts from, as it was at its first start: whoever asks first copies it into the run's folder.

    The processes of a run ask at the same time, and again whenever they come back: meanwhile the origin may train on, be
    moved or be removed. While one copies the others wait. Raises ValueError as ``read``, and for a copy that is damaged or
    of another origin; WriteFailed where the disk does not take it.
    """
    folder = Path(run.folder) / run.run
    copy = folder / COPY
    atomic_files.make_folder(folder)
    with open(folder / '.lock-origin', 'a', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)        # goes with the process, however it ends
        if not (copy / RECORD).exists():
            _write_copy(copy, read(run.start_from, run.folder, run.task, run.control))
    return _read_copy(copy, run)


def read(place: str, folder: str, task: str, control: str) -> Origin:
    """Return what ``place`` holds: a bundle's folder, a run's folder, or the name of a run in ``folder``.

    Raises ValueError, with one sentence, where there is none, or it is damaged or of another task or control mode.
    """
    path, bundle = find(place, folder)
    return Origin(place, path, _bundle(bundle, task, control), {} if path == bundle else _critics(path / 'checkpoint'))


def find(place: str, folder) -> tuple[Path, Path]:
    """Return the folder that ``place`` means, as for ``read``, and that of its bundle; raises ValueError where there is none."""
    for path in (Path(place), Path(folder) / place):
        for bundle in (path, path / BUNDLE):
            if (bundle / DESCRIPTION).is_file():
                return path, bundle
    raise ValueError(f'from:={place}: neither a bundle nor a run with one is there, nor in {folder}; give a folder such '
                     f'as {folder}/NAME/bundle or {folder}/NAME')


def _bundle(folder: Path, task: str, control: str) -> Bundle:
    """Read a bundle: of one that is replaced in the midst of it, two files come that do not fit each other."""
    for _ in range(TRIES - 1):
        try:
            return read_bundle(folder, task, control)
        except BundleRefused:
            continue
    return read_bundle(folder, task, control)


def _critics(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    try:
        manifest = checkpoint.read_manifest(folder)
    except checkpoint.NoCheckpoint:
        return {}
    found = {}
    for level in ('planner', 'controller'):
        tensors = checkpoint.read_part(folder, f'{level}_learner', manifest.version).tensors
        found[level] = {name: np.array(tensors[f'learner/td3/{name}']) for name in VECTORS}
    return found


def _write_copy(copy: Path, origin: Origin) -> None:
    atomic_files.make_folder(copy)
    atomic_files.remove_leftovers(copy)
    bundle = write_bundle(copy / BUNDLE, origin.bundle)
    tensors = {f'{level}/{name}': values for level, named in origin.critics.items() for name, values in named.items()}
    critics = tensor_file.write(copy / CRITICS, KIND, tensors, {}) if tensors else ''
    atomic_files.write_json(copy / RECORD, {'format': FORMAT, 'from': origin.place, 'bundle': bundle, 'critics': critics})


def _read_copy(copy: Path, run: RunConfig) -> Origin:
    record = _read_record(copy / RECORD)
    if record['from'] != run.start_from:
        raise ValueError(f'from:={run.start_from} came, but run {run.run} was begun from {record["from"]}: {copy} holds its copy. '
                         'Give that, or begin another run with run:=<another name>')
    bundle = read_bundle(copy / BUNDLE, run.task, run.control)
    kept = tensor_file.read(copy / CRITICS, KIND) if record['critics'] else tensor_file.TensorFile(KIND, {}, {}, '')
    if (bundle.hash, kept.digest) != (record['bundle'], record['critics']):
        raise ValueError(f'{copy} holds another bundle or other critics than those that run {run.run} was begun with')
    critics = {}
    for name, values in kept.tensors.items():
        level, _, vector = name.partition('/')
        critics.setdefault(level, {})[vector] = np.array(values)
    return Origin(run.start_from, copy, bundle, critics)


def _read_record(path: Path) -> dict:
    try:
        record = json.loads(path.read_bytes())
        if record['format'] != FORMAT:
            raise ValueError(f'format {record["format"]} came, {FORMAT} is wanted')
        return {name: record[name] for name in ('from', 'bundle', 'critics')}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is truncated, damaged or no record of an origin: {error}') from error
