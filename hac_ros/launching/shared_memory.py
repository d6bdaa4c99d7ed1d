"""Removes what Fast DDS processes that were killed have left in /dev/shm.

As ``fastdds shm clean`` does it: each segment and port has a lock file (_el exclusive, _sl shared) that a living
process holds. Departures: a port goes only if none of its locks is held, and the lock is kept while files are removed.
Ports that have no lock file any more, since their reader ended well and a writer did not, go if nobody has them mapped;
so do the mutexes that are left of ports when several processes end at once. A lock file is never made here, and one
that has just been made is never locked: Fast DDS makes it, then locks it, and a reader that cannot stays deaf.
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


def clean(folder: Path = FOLDER, wait: bool = False, age: float = NEW) -> list[str]:
    """Remove the segments and ports of dead processes; return the names of the files that were removed, sorted.

    ``age``: leave alone what is younger [s]: where others start meanwhile, what they have made but not locked yet looks
    as if they were dead. ``wait``: if something is younger, look again when it has that age.
    """
    removed = _clean(folder, age)
    if wait and _lacks_age(folder, age):
        threading.Event().wait(age)
        removed += _clean(folder, age)
    return sorted(removed)


def _clean(folder: Path, age: float) -> list[str]:
    locks = {base: paths for base, paths in _locks(folder).items() if _are_old(_files(folder, base, paths), age)}
    removed = [name for base, paths in locks.items() for name in _remove(folder, base, paths)]
    for base in _forgotten_ports(folder, age):
        # Whether a port is mapped takes a while to see, in which somebody may have begun to read from it.
        if not _is_locked(folder, base):
            removed += [path.name for path in _files(folder, base, []) if _unlink(path)]
    return removed


def _locks(folder: Path) -> dict[str, list[Path]]:
    """Return the lock files of each segment and port."""
    locks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('fastrtps_*')):
        if match := _LOCK.fullmatch(path.name):
            locks.setdefault(match.group(1), []).append(path)
    return locks


def _forgotten_ports(folder: Path, age: float) -> set[str]:
    """Return the ports without lock files, of at least that age [s], that no process has mapped, mutex or memory."""
    ports = {name for name in _ports(folder) if not _is_locked(folder, name) and _are_old(_files(folder, name, []), age)}
    used = in_use(folder) if ports else set()
    return {name for name in ports if not used.intersection(_files(folder, name, []))}


def _ports(folder: Path) -> set[str]:
    found = (_PORT.fullmatch(path.name) for path in folder.glob('*fastrtps_port*'))
    return {match.group(1) or match.group(2) for match in found if match}


def _is_locked(folder: Path, base: str) -> bool:
    """Return whether a port has a lock file, held or not."""
    return any((folder / f'{base}_{kind}l').exists() for kind in 'es')


def _lacks_age(folder: Path, age: float) -> bool:
    """Return whether there is something of ours that may be dead and is too young to be touched."""
    left = {**{base: [] for base in _ports(folder)}, **_locks(folder)}
    used = in_use(folder) if left else set()
    return any(_are_old(files, 0.0) and not _are_old(files, age) and not used.intersection(files)
               for files in (_files(folder, base, paths) for base, paths in left.items()))


def mapped(pid: int | str, folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that a process has mapped; none if it is gone, or another user's."""
    with contextlib.suppress(OSError):
        text = Path(f'/proc/{pid}/maps').read_text(errors='replace')
        return {Path(name) for name in re.findall(rf'{re.escape(str(folder))}/(?:sem\.)?fastrtps_\w+$', text, re.MULTILINE)}
    return set()


def in_use(folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that any process has mapped."""
    return {path for entry in Path('/proc').glob('[0-9]*') for path in mapped(entry.name, folder)}


def _are_old(paths: list[Path], age: float) -> bool:
    """Return whether all files are ours and of that age [s]; not if none is there or one has just been removed."""
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return False
    now = time.time()
    return bool(found) and all(each.st_uid == os.geteuid() and now - each.st_mtime >= age for each in found)


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
        fcntl.flock(held.enter_context(open(lock, 'rb')), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:     # held by a living process, another user's, or gone
        return False
    return True


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
