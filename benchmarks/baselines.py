"""Success against time and environment steps: ours, ours flat, and stable-baselines3 with HER, on one machine in one run.

    python -m venv baselines && baselines/bin/python -m pip install -r benchmarks/requirements.txt
    ./hac shell python benchmarks/baselines.py --task push --limit 600 --seeds 0 1 2 --python baselines/bin/python

One after another, so that each has the machine for itself, each for ``limit`` seconds: ours by `./hac train`, through all
nodes. Writes results/baselines_<task>.json, .csv and .md, and docs/images/baselines_<task>.png. A bar that is not reached
within the limit is said to be not reached within the limit.
"""
import argparse
import contextlib
import csv
import json
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from in_process import usual_bar

from hac_ros import atomic_files, tasks
from hac_ros.metrics_table import read_rows

REPOSITORY = Path(__file__).parents[1]
RESULTS, IMAGES = REPOSITORY / 'benchmarks' / 'results', REPOSITORY / 'docs' / 'images'
OURS = {'ours': 'hierarchical', 'ours flat': 'flat'}
OTHERS = {'TQC + HER': 'tqc', 'SAC + HER': 'sac'}
WITHOUT_SETTINGS = {('SAC + HER', 'slide')}     # the zoo has none for it
GRACE = 60      # [s] for a process to end after it was told to, or after its limit
POLL = 0.5      # [s] between looks at the metrics


def ours(name: str, task: str, seed: int, limit: float, _python: str) -> list[dict]:
    """Train through the nodes until the limit; return its evaluations."""
    with tempfile.TemporaryDirectory() as folder:
        words = {'task': task, 'policy': OURS[name], 'seed': seed, 'run': 'baseline', 'folder': folder, 'stop': 'false',
                 'bar': 2.0, 'max_steps': 10**8}     # no confirmations: nobody else is confirmed either
        command = [sys.executable, '-m', 'hac_ros.cli', 'train', *(f'{key}:={value}' for key, value in words.items())]
        began, seen, log = time.monotonic(), {}, Path(folder) / 'printed'
        with log.open('wb') as printed:
            process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None and time.monotonic() - began < limit:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL)
                look(Path(folder) / 'baseline' / 'metrics.csv', time.monotonic() - began, seen)
            if process.poll() is not None:      # it has neither a bar nor an end: what it says is no measurement
                raise RuntimeError(f'{name}: ended by itself with status {process.returncode}: '
                                   f'{log.read_text(errors="replace").strip().splitlines()[-1:]}')
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(GRACE)
    return [seen[round_] for round_ in sorted(seen)]


def look(path: Path, seconds: float, seen: dict[int, dict]) -> None:
    """Add the evaluations that have come since the last look: round -> what came of it."""
    rows = read_rows(path) if path.is_file() else []
    for number, row in enumerate(rows[1:], 1):
        if row.get('evaluation/success_rate') and number not in seen:      # of weights trained before this round
            seen[number] = {'steps': int(rows[number - 1]['environment_steps']), 'seconds': round(seconds, 2),
                            'success': float(row['evaluation/success_rate'])}


def others(name: str, task: str, seed: int, limit: float, python: str) -> list[dict]:
    """Train one of stable-baselines3's until the limit; return its evaluations."""
    command = [python, str(Path(__file__).with_name('sb3_contestant.py')), '--algorithm', OTHERS[name], '--task', task,
               '--seed', str(seed), '--limit', str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ValueError(f'{name}: {done.stderr.strip().splitlines()[-1:]} came; is --python the environment of '
                         'benchmarks/requirements.txt?')
    return [json.loads(line) for line in done.stdout.splitlines()]


def reached(curve: list[dict], what: str, bar: float):
    """Return steps or seconds of the first evaluation at the bar; None if there is none."""
    return next((point[what] for point in curve if point['success'] >= bar), None)


def table(found: dict) -> str:
    """Return the results as Markdown."""
    lines = [f'{found["task"]}, {found["limit"]:g} s for each, {found["machine"]}; command: `{found["command"]}`', '',
             f'| | seeds | best success: median (worst) | steps to {found["bar"]:g} | seconds to {found["bar"]:g} | steps in all |',
             '|---|---|---|---|---|---|']
    for name in dict.fromkeys(run['name'] for run in found['runs']):
        curves = [run['curve'] for run in found['runs'] if run['name'] == name]
        best = [max((point['success'] for point in curve), default=0.0) for curve in curves]
        steps = statistics.median(curve[-1]['steps'] if curve else 0 for curve in curves)
        lines.append(f'| {name} | {len(curves)} | {statistics.median(best):.2f} ({min(best):.2f}) | '
                     f'{_first(curves, "steps", found["bar"])} | {_first(curves, "seconds", found["bar"])} | {steps:,.0f} |')
    return '\n'.join(lines) + '\n'


def _first(curves: list[list[dict]], what: str, bar: float) -> str:
    first = [reached(curve, what, bar) for curve in curves]
    known = [value for value in first if value is not None]
    if len(known) < len(first):
        return f'not reached within the limit by {len(first) - len(known)} of {len(first)}'
    return f'{statistics.median(known):,.0f} ({max(known):,.0f})'


def write(found: dict) -> None:
    """Write JSON, CSV, table and plot."""
    path = RESULTS / f'baselines_{found["task"]}.json'
    atomic_files.write_json(path, found)
    path.with_suffix('.md').write_text(table(found), encoding='utf-8')
    with open(path.with_suffix('.csv'), 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('name', 'seed', 'steps', 'seconds', 'success'))
        writer.writerows((run['name'], run['seed'], *(point[key] for key in ('steps', 'seconds', 'success')))
                         for run in found['runs'] for point in run['curve'])
    plot(found, IMAGES / f'baselines_{found["task"]}.png')


def plot(found: dict, path: Path) -> None:
    """Draw every run: success against environment steps, and against wall-clock time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter
    figure = Figure(figsize=(10, 4), layout='constrained')
    names = list(dict.fromkeys(run['name'] for run in found['runs']))
    for axes, (what, label) in zip(figure.subplots(1, 2, sharey=True), (('steps', 'environment steps'),
                                                                        ('seconds', 'seconds'))):
        for run in found['runs']:
            number, first = names.index(run['name']), run['seed'] == found['seeds'][0]
            axes.plot([0, *(point[what] for point in run['curve'])], [0, *(point['success'] for point in run['curve'])],
                      color=f'C{number}', alpha=0.8, label=run['name'] if first else None)
        axes.axhline(found['bar'], color='grey', linewidth=0.8, linestyle='--')
        axes.set(xlabel=label, ylabel='success', ylim=(0, 1.02))
        axes.xaxis.set_major_formatter(EngFormatter(sep=''))
    figure.axes[0].legend(loc='lower right')
    figure.suptitle(found['task'])
    figure.savefig(path, dpi=100)


def spelled(options) -> str:
    """Return the command that asks for ``options``."""
    only = '' if options.only == [*OURS, *OTHERS] else ' --only ' + ' '.join(f'"{name}"' for name in options.only)
    return (f'python benchmarks/baselines.py --task {options.task} --limit {options.limit:g} '
            f'--seeds {" ".join(map(str, options.seeds))}{only}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', choices=tuple(tasks.TASKS), default='push')
    parser.add_argument('--limit', type=float, default=600.0, help='seconds of each run')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--only', nargs='+', choices=(*OURS, *OTHERS), default=[*OURS, *OTHERS])
    parser.add_argument('--python', default='baselines/bin/python', help='of the environment with stable-baselines3')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)      # whoever is training ends with us
    found = {'task': options.task, 'bar': usual_bar(options.task), 'limit': options.limit, 'seeds': options.seeds,
             'command': spelled(options),
             'machine': f'{platform.machine()}, Python {platform.python_version()}', 'runs': []}
    RESULTS.mkdir(exist_ok=True)
    for seed in options.seeds:
        for name in (name for name in options.only if (name, options.task) not in WITHOUT_SETTINGS):
            train = ours if name in OURS else others
            curve = train(name, options.task, seed, options.limit, options.python)
            found['runs'].append({'name': name, 'seed': seed, 'curve': curve})
            write(found)
            print(name, seed, curve[-1:] or 'no evaluation within the limit', flush=True)


if __name__ == '__main__':
    main()
