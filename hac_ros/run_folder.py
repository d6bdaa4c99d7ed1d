"""The folder of a run: what lies where, who owns it, and what it was started with.

    runs/<name>/config.json    every setting, the seed, versions, the command: what it takes to run it again
               arguments.json  what `hac train` was given
               metrics.csv     a row a round            tensorboard/  the same as events
               checkpoint/     everything needed to go on
               origin/         copy of the policy that it started from, if any
               elapsed.json    how long it has been under way, over all starts, up to the newest row
               statistics.json running statistics, if their service was asked to save them
               bundle/         what acts: both policies, statistics, spaces, limits, evaluation
               proposals/      where the planner sent the gripper, for each evaluation
               films/          a film every so many rounds, if asked for
               log/            what each process printed
"""
import contextlib
import fcntl
import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import hac_ros
from hac_ros import atomic_files

FORMAT = 1
GIT = 10.0     # [s] that git may take on a busy machine
_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]{0,99}')
_PACKAGES = ('numpy', 'torch', 'mujoco', 'gymnasium-robotics', 'rclpy')
# Settings that say how long, how fast or where a run goes, not what it learns: a resumed run may change them.
MAY_CHANGE = frozenset({'resume', 'folder', 'max_steps', 'limit', 'bar', 'usual_bar', 'confirm', 'stop', 'pace', 'threads',
                        'repeat_after', 'clock', 'render_every', 'device', 'patience'})


class RunInUse(RuntimeError):
    """Another process owns the run."""


class RunExists(RuntimeError):
    """The run was begun before, and going on was not asked for."""


class RunMissing(RuntimeError):
    """Going on was asked for, but there is nothing to go on from."""


class RunFolder:
    """Paths of the run called ``run`` below ``root``; raises ValueError for a name that no namespace can have.

    A run's name is also its ROS namespace: letters, digits and underscores, a letter first, no two underscores
    in a row, at most 100 characters. So it cannot leave ``root`` either.
    """

    def __init__(self, root, run: str):
        if not isinstance(run, str) or not _NAME.fullmatch(run) or '__' in run:
            raise ValueError(f'run name: {run!r} came; letters, digits and single underscores, a letter first, '
                             'at most 100, are wanted')
        self.root = Path(root)
        self.run = run
        self.path = self.root / run
        self.config = self.path / 'config.json'
        self.arguments = self.path / 'arguments.json'
        self.metrics = self.path / 'metrics.csv'
        self.elapsed = self.path / 'elapsed.json'
        self.tensorboard = self.path / 'tensorboard'
        self.checkpoint = self.path / 'checkpoint'
        self.journal = self.checkpoint / 'journal'
        self.bundle = self.path / 'bundle'
        self.statistics = self.path / 'statistics.json'
        self.proposals = self.path / 'proposals'
        self.films = self.path / 'films'
        self.log = self.path / 'log'

    @contextlib.contextmanager
    def claim(self, role: str = 'run'):
        """Own ``role`` in the run while the block lasts; raises RunInUse, naming the owner, if another process does.

        'run' is the run itself; each node claims its own name, so that none is there twice. The lock goes with the
        process, however it ends. Not shared with child programs.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / f'.lock-{role}', 'a+', encoding='ascii') as lock:
            self._lock(lock, role)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield self
            lock.truncate(0)

    def _lock(self, lock, role: str):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            what = 'is' if role == 'run' else f'has a {role}, which is'
            raise RunInUse(f'run {self.run} in {self.root} {what} in use by process {lock.read() or "unknown"}: '
                           'wait for it, end it, or choose another name with run:=<name>') from error

    def begin(self, settings: dict[str, dict], command: list[str], resume: bool = False, more: dict | None = None) -> dict:
        """Make the folders, write config.json (or check it, on resume) and return its content.

        ``settings``: section -> setting -> JSON value; ``more``: versions that only the caller knows.
        Call it inside ``claim``. Raises RunExists, RunMissing, or ValueError naming the settings that a resumed run would change.
        """
        if resume:
            config = self._resumed(settings, _start(command, more))
        elif self.config.exists():
            raise RunExists(f'run {self.run} in {self.root} exists already; to go on with it add resume:=true, '
                            'to begin another add run:=<another name>')
        else:
            config = {'format': FORMAT, 'run': self.run, 'settings': settings, 'starts': [_start(command, more)]}
        for folder in (self.tensorboard, self.checkpoint, self.log):
            folder.mkdir(parents=True, exist_ok=True)
        atomic_files.remove_leftovers(self.path)
        atomic_files.recover_folder(self.bundle)
        atomic_files.write_json(self.config, config)
        return config

    def read_config(self) -> dict:
        """Return the content of config.json; raises RunMissing if it is not there or not readable."""
        try:
            return json.loads(self.config.read_bytes())
        except OSError as error:
            raise RunMissing(f'run {self.run} in {self.root} was never begun ({error.strerror}: {self.config}); '
                             'start it without resume:=true') from error
        except ValueError as error:
            raise RunMissing(f'{self.config} is damaged: {error}') from error

    def read_seconds(self) -> float:
        """Return for how long [s] the run has been under way, as ``write_seconds`` was told last; 0 where it was not."""
        try:
            return float(json.loads(self.elapsed.read_bytes())['seconds'])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    def write_seconds(self, seconds: float) -> None:
        """Keep for how long the run has been under way; raises WriteFailed if the disk does not take it."""
        atomic_files.write_json(self.elapsed, {'seconds': round(seconds, 3)})

    def _resumed(self, settings: dict, start: dict) -> dict:
        config = self.read_config()
        changes = _changes(config['settings'], json.loads(json.dumps(settings)))
        if changes:
            raise ValueError(f'run {self.run} cannot go on with other settings: ' + '; '.join(changes))
        return {**config, 'settings': settings, 'starts': [*config['starts'], start]}


def versions() -> dict[str, str]:
    """Return the versions that a result depends on; 'not installed' for what is absent. ``commit``: where known."""
    found = {'python': platform.python_version(), 'hac_ros': hac_ros.__version__}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = 'not installed'
    return found | ({'commit': known} if (known := commit(Path(hac_ros.__file__).resolve().parents[1])) else {})


def commit(root: Path) -> str:
    """Return the commit of the repository at ``root``, '-dirty' after it if files differ; nothing where there is none."""
    if not (root / '.git').exists():
        return ''
    ask = ['git', '--no-optional-locks', '-C', str(root), 'describe', '--always', '--dirty', '--exclude=*', '--abbrev=12']
    try:
        return subprocess.run(ask, capture_output=True, text=True, timeout=GIT, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ''


def _start(command: list[str], more: dict | None) -> dict:
    return {'command': list(command or sys.argv), 'versions': versions() | (more or {})}


def _changes(old: dict, new: dict) -> list[str]:
    """Return a sentence for each setting that differs and must not."""
    sentences = []
    for section in sorted(old.keys() | new.keys()):
        before, after = old.get(section, {}), new.get(section, {})
        for name in sorted((before.keys() | after.keys()) - MAY_CHANGE):
            if before.get(name) != after.get(name):
                sentences.append(f'{section}.{name} was {before.get(name)!r}, {after.get(name)!r} came')
    return sentences
