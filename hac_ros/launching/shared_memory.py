"""Removes what Fast DDS processes that were killed have left in /dev/shm.

As ``fastdds shm clean`` does it: each segment and port has a lock file (_el exclusive, _sl shared) that a living
process holds. Departures: a port goes only if none of its locks is held, and the lock is kept while files are removed.
Ports that have no lock file any more, since their reader ended well and a writer did not, go if nobody has them mapped.
"""
import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

FOLDER = Path('/dev/shm')
NEW = 1.0    # [s] a port that is younger may be about to be locked and mapped
_PORT = re.compile(r'fastrtps_port\d{1,5}')
_LOCK = re.compile(r'(fastrtps_(?:[0-9a-z]{16}|port\d{1,5}))_[es]l')


def clean(folder: Path = FOLDER) -> list[str]:
    """Remove the segments and ports of dead processes; return the names of the files that were removed, sorted."""
    locks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('fastrtps_*')):
        if match := _LOCK.fullmatch(path.name):
            locks.setdefault(match.group(1), []).append(path)
    locks.update({base: [] for base in _forgotten_ports(folder) if base not in locks})
    return sorted(name for base, paths in locks.items() for name in _remove(folder, base, paths))


def _forgotten_ports(folder: Path) -> set[str]:
    """Return the ports without lock files that no process has mapped; processes of others may have theirs."""
    old = {path.name for path in folder.glob('fastrtps_port*') if _PORT.fullmatch(path.name) and _is_old(path)}
    ports = {name for name in old if not any((folder / f'{name}_{kind}l').exists() for kind in 'es')}
    return ports - {path.name for path in in_use(folder)} if ports else ports


def mapped(pid: int | str, folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that a process has mapped; none if it is gone, or another user's."""
    with contextlib.suppress(OSError):
        text = Path(f'/proc/{pid}/maps').read_text(errors='replace')
        return {Path(name) for name in re.findall(rf'{re.escape(str(folder))}/fastrtps_\w+$', text, re.MULTILINE)}
    return set()


def in_use(folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that any process has mapped."""
    return {path for entry in Path('/proc').glob('[0-9]*') for path in mapped(entry.name, folder)}


def _is_old(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:     # somebody else has just removed it
        return False
    return status.st_uid == os.geteuid() and time.time() - status.st_mtime > NEW


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
