"""What a run leaves on the machine: processes, and segments of shared memory."""
from pathlib import Path

from hac_ros.launching import launch_log

MEMORY = Path('/dev/shm')


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


def mapped(pids) -> set[str]:
    """Return the names of the files of Fast DDS in /dev/shm that the processes have mapped."""
    lines = (line for pid in pids for line in _read(Path(f'/proc/{pid}/maps')).decode().splitlines())
    return {Path(line.split()[-1]).name for line in lines if f'{MEMORY}/' in line and 'fastrtps_' in line}


def left(names: set[str]) -> set[str]:
    """Return those of ``names`` that lie in /dev/shm although no living process has mapped them."""
    there = {name for name in names if (MEMORY / name).exists()}
    return there - mapped(int(process.name) for process in Path('/proc').glob('[0-9]*'))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:     # it has ended meanwhile, or is another user's
        return b''
