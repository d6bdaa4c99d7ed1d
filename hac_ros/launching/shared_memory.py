"""Removes what Fast DDS processes that were killed have left in /dev/shm.

As ``fastdds shm clean`` does it: each segment and port has a lock file (_el exclusive, _sl shared) that a living
process holds. Departures: a port goes only if none of its locks is held, and the lock is kept while files are removed.
"""
import contextlib
import fcntl
import re
from pathlib import Path

FOLDER = Path('/dev/shm')
_LOCK = re.compile(r'(fastrtps_(?:[0-9a-z]{16}|port\d{1,5}))_[es]l')


def clean(folder: Path = FOLDER) -> list[str]:
    """Remove the segments and ports of dead processes; return the names of the files that were removed, sorted."""
    locks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('fastrtps_*')):
        if match := _LOCK.fullmatch(path.name):
            locks.setdefault(match.group(1), []).append(path)
    return sorted(name for base, paths in locks.items() for name in _remove(folder, base, paths))


def _remove(folder: Path, base: str, locks: list[Path]) -> list[str]:
    with contextlib.ExitStack() as held:
        if not all(_take(held, lock) for lock in locks):
            return []
        return [path.name for path in (folder / base, folder / f'sem.{base}_mutex', *locks) if _unlink(path)]


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
