"""What a run leaves on the machine: processes."""
from pathlib import Path

from hac_ros.launching import launch_log


def living(run) -> set[int]:
    """Return the ids of the processes that were told of the folder of ``run``, zombies included."""
    found = set(launch_log.zombies(run.folder / 'log' / 'launch.log'))      # their command lines are empty
    for process in Path('/proc').glob('[0-9]*'):
        words = _read(process / 'cmdline')
        if str(run.folder).encode() in words or f'folder:={run.folder.parent}'.encode() in words:
            found.add(int(process.name))
    return found


def children(pid: int) -> list[int]:
    """Return the ids of the children of ``pid``, zombies included."""
    return [int(word) for word in _read(Path(f'/proc/{pid}/task/{pid}/children')).split()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:     # it has ended meanwhile, or is another user's
        return b''
