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
from collections.abc import Collection
from pathlib import Path

FOLDER = Path('/dev/shm')
NEW = 1.0    # [s] a port that is younger may be about to be locked and mapped
STARTED = 30.0  # [s] after which a living process has locked what it has made, also on a machine that is slow
# Segments are known by their lock file, ports by any of their files.
_NAME = re.compile(r'(fastrtps_[0-9a-z]{16})_[es]l|(?:sem\.)?(fastrtps_port\d{1,5})(?:_mutex|_[es]l)?')


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
    old = [base for base in _bases(folder) if _are_old(_files(folder, base), age)]
    forgotten = [base for base in old if not _locks(folder, base)]
    removed = [name for base in set(old).difference(forgotten) for name in _remove(folder, base)]
    used = in_use(folder) if forgotten else set()
    for base in forgotten:
        # To see whether a port is mapped takes a while, in which somebody may have begun to read from it.
        files = _files(folder, base)
        if not _locks(folder, base) and not used.intersection(files):
            removed += [path.name for path in files if _unlink(path)]
    return removed


def _lacks_age(folder: Path, age: float) -> bool:
    """Return whether there is something of ours that may be dead and is too young to be touched."""
    found = (_files(folder, base) for base in _bases(folder))
    young = [files for files in found if _are_old(files, 0.0) and not _are_old(files, age)]
    used = in_use(folder) if young else set()
    return any(not used.intersection(files) for files in young)


def _bases(folder: Path) -> set[str]:
    """Return the names of the segments and ports that are there."""
    found = (_NAME.fullmatch(path.name) for path in folder.glob('*fastrtps_*'))
    return {match.group(1) or match.group(2) for match in found if match}


def _locks(folder: Path, base: str) -> list[Path]:
    """Return the lock files of a segment or port, held or not."""
    return [path for path in (folder / f'{base}_{kind}l' for kind in 'es') if path.exists()]


def _files(folder: Path, base: str) -> list[Path]:
    """Return the files of a segment or port that are there."""
    memory = [path for path in (folder / base, folder / f'sem.{base}_mutex') if path.exists()]
    return memory + _locks(folder, base)


def mapped(pid: int | str, folder: Path = FOLDER) -> set[Path]:
    """Return the files of Fast DDS that a process has mapped; none if it is gone, or another user's."""
    with contextlib.suppress(OSError):
        text = Path(f'/proc/{pid}/maps').read_text(errors='replace')
        return {Path(name) for name in re.findall(rf'{re.escape(str(folder))}/(?:sem\.)?fastrtps_\w+$', text, re.MULTILINE)}
    return set()


def in_use(folder: Path = FOLDER, but: Collection[int] = ()) -> set[Path]:
    """Return the files of Fast DDS that any process has mapped, those ``but`` these left aside."""
    others = (entry.name for entry in Path('/proc').glob('[0-9]*') if int(entry.name) not in but)
    return {path for name in others for path in mapped(name, folder)}


def used_by(pids: Collection[int]) -> set[tuple[Path, int]]:
    """Return the files of Fast DDS, with inodes, that these processes have mapped and should not leave behind.

    Segments have names of their own. Ports have the same in every run of a domain, 7000 in every domain: one that somebody else
    has mapped too, other than the process that asks, is theirs as well, and one of that name with another inode is another.
    """
    own, others = {path for pid in pids for path in mapped(pid)}, in_use(but={*pids, os.getpid()})
    shared = {_whole(path) for path in others if 'fastrtps_port' in path.name}
    return {(path, inode) for path in own if _whole(path) not in shared and (inode := _inode(path)) is not None}


def left(files: Collection[tuple[Path, int]]) -> list[str]:
    """Return the names of those of ``files``, as used_by gives them, that are there and nobody has mapped, sorted.

    A port that is read is in use with its mutex, which its reader need not have mapped.
    """
    used = {_whole(path) for path in in_use()}
    return sorted(path.name for path, inode in files if _whole(path) not in used and _inode(path) == inode)


def _whole(path: Path) -> str:
    """Return the name of the segment or port that a file belongs to."""
    return path.name.removeprefix('sem.').removesuffix('_mutex')


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _are_old(paths: list[Path], age: float) -> bool:
    """Return whether all files are ours and of that age [s]; not if none is there or one has just been removed."""
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return False
    now = time.time()
    return bool(found) and all(each.st_uid == os.geteuid() and now - each.st_mtime >= age for each in found)


def _remove(folder: Path, base: str) -> list[str]:
    locks = _locks(folder, base)
    with contextlib.ExitStack() as held:
        if not locks or not all(_take(held, lock) for lock in locks):
            return []
        return [path.name for path in _files(folder, base) if _unlink(path)]


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
