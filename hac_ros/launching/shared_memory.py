"""Removes what Fast DDS processes that were killed have left in /dev/shm.

As ``fastdds shm clean`` does it: each segment and port has a lock file (_el exclusive, _sl shared) that a living
process holds. Departures: a port goes only if none of its locks is held, and the lock is kept while files are removed.
Ports that have no lock file any more, since their reader ended well and a writer did not, go if nobody has them mapped;
so do the mutexes that are left of ports when several processes end at once.
"""
import contextlib
import fcntl
import os
import re
import threading
import time
from pathlib import Path

FOLDER = Path('/dev/shm')
NEW = 1.0    # [s] a port that is younger may be about to be locked and mapped
STARTED = 30.0  # [s] after which a living process has locked what it has made, also on a machine that is slow
_PORT = re.compile(r'(fastrtps_port\d{1,5})|sem\.(fastrtps_port\d{1,5})_mutex')
_LOCK = re.compile(r'(fastrtps_(?:[0-9a-z]{16}|port\d{1,5}))_[es]l')


def clean(folder: Path = FOLDER, wait: bool = False, age: float = 0.0) -> list[str]:
    """Remove the segments and ports of dead processes; return the names of the files that were removed, sorted.

    ``wait``: where a port looks forgotten but is young, look again when it is old enough. ``age``: leave alone what is
    younger [s]: where others start meanwhile, what they have made but not locked yet looks as if they were dead.
    """
    if wait and _forgotten_ports(folder, 0.0) - _forgotten_ports(folder):
        threading.Event().wait(NEW)
    locks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('fastrtps_*')):
        if match := _LOCK.fullmatch(path.name):
            locks.setdefault(match.group(1), []).append(path)
    locks.update({base: [] for base in _forgotten_ports(folder, max(age, NEW)) if base not in locks})
    if age:
        locks = {base: paths for base, paths in locks.items()
                 if all(_is_old(path, age) for path in _files(folder, base, paths))}
    return sorted(name for base, paths in locks.items() for name in _remove(folder, base, paths))


def _forgotten_ports(folder: Path, age: float = NEW) -> set[str]:
    """Return the ports without lock files, of at least that age [s], that no process has mapped, mutex or memory."""
    files: dict[str, list[Path]] = {}
    for path in folder.glob('*fastrtps_port*'):
        if match := _PORT.fullmatch(path.name):
            files.setdefault(match.group(1) or match.group(2), []).append(path)
    ports = {name: paths for name, paths in files.items() if all(_is_old(path, age) for path in paths)
             and not any((folder / f'{name}_{kind}l').exists() for kind in 'es')}
    used = in_use(folder) if ports else set()
    return {name for name, paths in ports.items() if not used.intersection(paths)}


def mapped(pid: int | str, folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that a process has mapped; none if it is gone, or another user's."""
    with contextlib.suppress(OSError):
        text = Path(f'/proc/{pid}/maps').read_text(errors='replace')
        return {Path(name) for name in re.findall(rf'{re.escape(str(folder))}/(?:sem\.)?fastrtps_\w+$', text, re.MULTILINE)}
    return set()


def in_use(folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that any process has mapped."""
    return {path for entry in Path('/proc').glob('[0-9]*') for path in mapped(entry.name, folder)}


def _is_old(path: Path, age: float) -> bool:
    try:
        status = path.stat()
    except OSError:     # somebody else has just removed it
        return False
    return status.st_uid == os.geteuid() and time.time() - status.st_mtime >= age


def _files(folder: Path, base: str, locks: list[Path]) -> list[Path]:
    """Return the files of a segment or port that are there."""
    return [path for path in (folder / base, folder / f'sem.{base}_mutex', *locks) if path.exists()]


def _remove(folder: Path, base: str, locks: list[Path]) -> list[str]:
    with contextlib.ExitStack() as held:
        if not all(_take(held, lock) for lock in locks):
            return []
        return [path.name for path in _files(folder, base, locks) if _unlink(path)]


def _take(held: contextlib.ExitStack, lock: Path) -> bool:
    try:
        fcntl.flock(held.enter_context(open(lock, 'ab')), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:     # held by a living process, or another user's
        return False
    return True


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
