"""What launch.log tells of the processes of a run, and /proc of what became of them."""
import re
from pathlib import Path

_STARTED = re.compile(r'\[([\w-]+)\]: process started with pid \[(\d+)\]')
_ENDED = 'ZX'       # states of a process that has ended: a zombie, which nobody has waited for, and a dead one


def started(path: Path) -> list[tuple[str, int]]:
    """Return (label, process id) of all that were started, oldest first; nothing where there is no file."""
    text = path.read_text(errors='replace') if path.exists() else ''
    return [(label, int(pid)) for label, pid in _STARTED.findall(text)]


def lives(pid: int) -> bool:
    """Whether a process has that id and has not ended."""
    return _state(pid) not in ('', *_ENDED)


def zombies(path: Path) -> list[int]:
    """Return the ids in the launch log of processes that have ended and that nobody has waited for.

    The command line of a zombie is empty: a search by that does not see it.
    """
    return sorted({pid for _, pid in started(path) if _state(pid) == 'Z'})


def _state(pid: int) -> str:
    """Return the letter of proc(5) for what a process does; empty if there is none."""
    try:
        return Path(f'/proc/{pid}/stat').read_text(errors='replace').rpartition(')')[2].split()[0]
    except OSError:
        return ''
