"""Files that are either the old one or the new one, whatever happens in between.

A file is written under a temporary name in its own folder, synced, renamed, and the folder is synced: a crash, a
power cut or a full disk leaves the old file as it was. Leftovers of a crash begin with ``.`` and hold ``.part-`` with
the number of the process that wrote them.
"""
import contextlib
import ctypes
import itertools
import json
import os
import re
import shutil
import time
from pathlib import Path

_COUNTER = itertools.count()
_LEFTOVER = re.compile(r'\..+\.part-(\d+)\D.*')
_TICK = 1.0     # [s] that a file may seem older than the process that wrote it: their clocks are not one
_HERE, _EXCHANGE = -100, 2   # AT_FDCWD, RENAME_EXCHANGE of Linux's renameat2


class WriteFailed(OSError):
    """A file could not be written, for example because the disk is full; what was there before is untouched."""


def write_bytes(path, data: bytes):
    """Replace the file at ``path`` by ``data``; raises WriteFailed and leaves the old file if that fails."""
    with replacing(path) as file:
        file.write(data)


def write_json(path, value):
    """Replace the file at ``path`` by ``value`` as indented JSON with sorted keys; raises as write_bytes."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + '\n').encode())


@contextlib.contextmanager
def replacing(path):
    """Yield a binary file, open to write and read, that takes the place of ``path`` when the block ends.

    If the block or the writing fails nothing is replaced and the temporary file is removed. An OSError becomes
    a WriteFailed that names the file.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        with open(temporary, 'xb+') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise _failure(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path):
    """Yield a new empty folder that takes the place of the folder ``path``, whole, when the block ends.

    Files inside must have been synced by whoever wrote them (this module does). Linux exchanges two folders in one
    step; where the file system cannot, there is an instant in which the name does not exist, and after a crash in
    it ``recover_folder`` brings the old folder back.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        temporary.mkdir()
        yield temporary
        sync_folder(temporary)
        _swap_in(temporary, path)
    except OSError as error:
        raise error if isinstance(error, WriteFailed) else _failure(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover_folder(path):
    """Bring back the folder that an interrupted ``replacing_folder`` had moved aside, if ``path`` is missing."""
    path, aside = Path(path), _aside(Path(path))
    if not path.exists() and aside.is_dir():
        os.replace(aside, path)
        sync_folder(path.parent)


def remove_leftovers(folder):
    """Remove temporary files and folders that a crash left in ``folder`` and below; its owner calls it before writing.

    What another process that lives may be writing stays. A process may have the number of one that crashed: it does not
    write what is older than itself.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path, found = Path(place, name), _LEFTOVER.fullmatch(name)
            if found is None or _may_write(int(found[1]), path):
                continue
            if name in folders:
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _may_write(pid: int, path: Path) -> bool:
    """Whether process ``pid`` is another one that lives, and had begun when ``path`` was written last."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text(errors='replace').rpartition(')')[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(state[19]) / os.sysconf('SC_CLK_TCK')
        older = path.stat().st_mtime < time.time() - age - _TICK
    except OSError:      # the process or the file is gone
        return False
    return pid != os.getpid() and state[0] not in 'ZX' and not older


def temporary_name(path: Path) -> Path:
    """Return a name beside ``path`` that no other process or call uses."""
    return path.with_name(f'.{path.name}.part-{os.getpid()}-{next(_COUNTER)}')


def make_folder(path):
    """Make the folder ``path``, and those above it that are missing, durably; raises WriteFailed if that fails."""
    path = Path(path)
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise _failure(path, error) from error


def sync_folder(folder):
    """Make what was created, renamed and removed inside ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap_in(temporary: Path, path: Path):
    recover_folder(path)
    if not path.exists():
        os.replace(temporary, path)
    elif not _exchange(temporary, path):
        shutil.rmtree(_aside(path), ignore_errors=True)
        os.replace(path, _aside(path))
        os.replace(temporary, path)
    sync_folder(path.parent)
    shutil.rmtree(_aside(path), ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False where system or file system has no such call (renameat2)."""
    call = getattr(ctypes.CDLL(None), 'renameat2', None)
    return call is not None and call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def _aside(path: Path) -> Path:
    return path.with_name(f'.{path.name}.previous')


def _failure(path: Path, error: OSError) -> WriteFailed:
    if isinstance(error, WriteFailed):
        return error
    reason = error.strerror or str(error)
    return WriteFailed(error.errno, f'{path} could not be written: {reason}; what was there before is untouched; '
                                    f'make room or grant access in {path.parent}, then try again')
