"""`hac train seeds:=0..4`: a run for each seed, one after another or side by side, and a table of what came of them."""
import contextlib
import os
import re
import selectors
import signal
import statistics
import sys
from pathlib import Path

from hac_ros import atomic_files
from hac_ros.cli import Refused
from hac_ros.launching.child_process import ChildProcess
from hac_ros.launching.launch_file import Argument

ARGUMENTS = {argument.name: argument for argument in (
    Argument('seeds', '', 'A run for each of these seeds, called <run>_<seed>: 0..4, or 0,3,7', ()),
    Argument('side_by_side', '1', 'How many of them run at a time', ()),
)}
MOST = 100     # seeds of one command
SUCCESSIVE = 5 # evaluations whose mean tells whether a run decays after its bar


def numbers(text: str) -> list[int]:
    """Return the seeds that ``text`` names: 0..4 or 0,3,7. Raises Refused for anything else, or a seed given twice."""
    if found := re.fullmatch(r'(\d+)\.\.(\d+)', text, re.ASCII):
        seeds = list(range(int(found[1]), int(found[2]) + 1)[:MOST + 1])
    elif re.fullmatch(r'\d+(,\d+)*', text, re.ASCII):
        seeds = [int(word) for word in text.split(',')]
    else:
        raise Refused(f'seeds:={text}: a range such as 0..4, or a list such as 0,3,7, is wanted')
    if not 0 < len(seeds) <= MOST or len(set(seeds)) < len(seeds):
        raise Refused(f'seeds:={text}: 1 to {MOST} seeds, ascending, each once, are wanted')
    return seeds


def train(commands: dict[str, list[str]], at_once: int, tell=print) -> dict[str, int]:
    """Run the commands, name -> words, ``at_once`` at a time; return name -> exit status.

    What they print is told line by line behind their names. Ctrl-C, or SIGTERM, ends those that run, and none is begun
    after it.
    """
    with _interruptible():
        return _train(commands, at_once, tell)


@contextlib.contextmanager
def _interruptible():
    """Have SIGTERM do what Ctrl-C does, and both do so where a shell starts its background jobs without the latter."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(commands: dict[str, list[str]], at_once: int, tell) -> dict[str, int]:
    waiting, running, ended = list(commands), {}, {}
    selector, stopping = selectors.DefaultSelector(), False
    while running or (waiting and not stopping):
        try:
            while waiting and not stopping and len(running) < at_once:
                name = waiting.pop(0)
                running[name] = _begin(name, commands[name], selector)
            _tell(selector, tell)
            for name in [name for name, child in running.items() if child.ended()]:
                ended[name] = _end(name, running.pop(name), selector, tell)
        except KeyboardInterrupt:
            stopping = True
            for child in running.values():
                child.send(signal.SIGINT)
    selector.close()
    return ended | dict.fromkeys(waiting, 128 + signal.SIGINT)


def _begin(name: str, command: list[str], selector) -> ChildProcess:
    child = ChildProcess(command, dict(os.environ))
    for fd in child.streams:
        selector.register(fd, selectors.EVENT_READ, (name, child))
    return child


def _tell(selector, tell) -> None:
    """Tell what has come; at most a fifth of a second later look after the processes again."""
    for key, _ in selector.select(0.2):
        name, child = key.data
        lines = child.read(key.fd)
        if lines is None:
            selector.unregister(key.fd)
        for line in lines or []:
            tell(f'{name}: {line}')


def _end(name: str, child: ChildProcess, selector, tell) -> int:
    for fd in child.streams:
        for line in child.rest(fd):
            tell(f'{name}: {line}')
        with contextlib.suppress(KeyError):
            selector.unregister(fd)
    child.close()
    return child.status if child.status >= 0 else 128 - child.status


def command(words: list[str], run: str, seed: int, resume: bool) -> list[str]:
    """Return the command of one run: the ``words`` of all, but for what is its own."""
    own = {'run': run, 'seed': str(seed), 'resume': str(resume).lower()}
    kept = [word for word in words if word.partition(':=')[0] not in own]
    return [sys.executable, '-m', 'hac_ros.cli', 'train', *kept, *(f'{key}:={value}' for key, value in own.items())]


def summary(task: str, found: dict[int, tuple[str, int, dict | None]], metrics: dict[int, list] | None = None) -> dict:
    """Return what came of the runs, fit for JSON.

    ``found``: seed -> (run, exit status, its result.json or None). ``metrics``: seed -> rows of its metrics.csv.
    """
    rows = [{'seed': seed, 'run': run, 'status': status, **_row(result or {}),
             **afterwards(result, (metrics or {}).get(seed, []))}
            for seed, (run, status, result) in found.items()]
    steps = [row['steps'] for row in rows]
    reached = [each for each in steps if each is not None]
    every = len(reached) == len(rows)
    return {'task': task, 'runs': rows, 'reached': len(reached),
            'median_steps': statistics.median(reached) if every else None, 'worst_steps': max(reached) if every else None}


def _row(result: dict) -> dict:
    reached = result.get('reached') or {}
    return {'steps': reached.get('environment_steps'), 'success': reached.get('success_rate'),
            'confirmed': reached.get('confirmed'), 'all_steps': result.get('environment_steps'),
            'seconds': result.get('seconds')}


def afterwards(result: dict | None, metrics: list[dict[str, str]]) -> dict[str, float | None]:
    """Return how far success, and accuracy on the probes, fell from the bar on: the least mean of SUCCESSIVE evaluations.

    ``metrics``: rows of metrics.csv, in which row k has the evaluation of the weights of round k. None where the run ended
    before there were so many.
    """
    reached = (result or {}).get('reached')
    rows = [row for row in metrics[reached['round']:] if row['evaluation/success_rate']] if reached else []
    return {name: _least_mean([float(row[column]) for row in rows])
            for name, column in (('least_success', 'evaluation/success_rate'),
                                 ('least_accuracy', 'evaluation/probe_accuracy'))}


def _least_mean(values: list[float]) -> float | None:
    means = [statistics.fmean(values[i:i + SUCCESSIVE]) for i in range(len(values) - SUCCESSIVE + 1)]
    return round(min(means), 4) if means else None


def table(found: dict) -> list[str]:
    """Return the summary as lines of a table."""
    head = ('seed', 'steps', 'success', 'confirmed', 'all_steps', 'least_success', 'least_accuracy', 'seconds', 'run')
    rows = [head, *([_cell(row[name]) for name in head] for row in found['runs'])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ['  '.join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    total = f'{found["reached"]} of {len(found["runs"])} runs of {found["task"]} have reached the bar'
    if found['median_steps'] is not None:
        total += f': median {found["median_steps"]:g} steps, worst {found["worst_steps"]}'
    return [*lines, f'{total}.']


def _cell(value) -> str:
    return '-' if value is None else f'{value:.3f}' if isinstance(value, float) else str(value)


def write(folder: str, run: str, found: dict) -> Path:
    """Write the summary beside the runs; return where it is."""
    path = Path(folder) / f'{run}_seeds.json'
    atomic_files.write_json(path, found)
    return path
