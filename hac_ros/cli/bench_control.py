"""`hac bench control`: a bundle drives the emulated Fetch in real time; how late are its commands, and how many are missed?

A bare timer process of the same period and real-time priority is measured beside it, on the same machine at the same time;
and before it, alone, one that computes for a millisecond in each period: no latency is better than what the machine does to that.
"""
import argparse
import contextlib
import json
import math
import subprocess
import sys
import tempfile
import threading

import numpy as np

from hac_ros import deployment_log
from hac_ros.cli import Parser, deploy, key_values
from hac_ros.cli.deploy_emulated import Deployment
from hac_ros.cli.evaluate import number
from hac_ros.launching.launch_file import Argument

ARGUMENTS = {argument.name: argument for argument in (
    Argument('seconds', '600', 'How long the robot is driven, in whole episodes of ten seconds', ()),
    Argument('bundle', '', 'Folder of a bundle; empty: the shipped one', ()),
    Argument('task', 'reach', 'What it was trained for', ('reach', 'push', 'pick_and_place')),
    Argument('seed', '0', 'Decides the episodes', ()),
    deploy.accepted()['priority'],      # the bare timers' too
)}
LIMIT = 5.0     # [ms] from state to command, for 99 of 100
ALONE = 40.0    # [s] for which the machine is measured alone


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 0 only if the commands were in time and no more missed than by a bare timer."""
    parser = Parser(prog='hac bench control', description='Measure latency and missed periods of a deployment.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    with tempfile.TemporaryDirectory(prefix='hac_control_') as folder:
        report = measure(given, folder)
    print(json.dumps(report) if options.json else '\n'.join(f'{name}: {item}' for name, item in report.items()))
    return 0 if report['passed'] else 1


def measure(given: dict[str, str], folder: str) -> dict:
    """Drive the robot and return what was measured. Raises ValueError for a bad value or bundle."""
    seconds = number('seconds', given.get('seconds', ARGUMENTS['seconds'].default), 1)
    words = {name: given[name] for name in ('bundle', 'task', 'seed', 'priority') if name in given}
    value = deploy.complete({**words, 'run': 'control', 'folder': folder})
    deploy.check(value)
    deployment = Deployment(value, 1)
    deployment.episodes = math.ceil(seconds / (deployment.task.steps * deployment.task.period))
    like_the_nodes = '--priority', str(number('priority', value['priority'], 0))
    with timer(deployment.task.period, '--work', *like_the_nodes) as alone:
        threading.Event().wait(min(ALONE, seconds))
    with timer(deployment.task.period, *like_the_nodes) as found:
        driven = deployment.report()
    clocked = [missed_periods(deployment_log.read(path), deployment.task.period)
               for path in deployment_log.files(driven['folder'])]
    latency, missed = driven['latency_ms'], sum(clocked)
    return {**{name: driven[name] for name in ('task', 'seed', 'bundle', 'episodes', 'success_rate', 'periods', 'seconds',
                                               'interventions_by_reason')},
            'priority': int(value['priority']), 'latency_ms': latency, 'missed_periods': missed, 'bare_timer': found, 'alone': alone,
            'passed': bool(driven['complete'] and latency['p99'] < LIMIT
                           and missed / driven['periods'] <= found['missed'] / found['periods'])}


def missed_periods(episode: deployment_log.Episode, period: float) -> int:
    """Return how many periods of an episode went by without a new state."""
    return int(np.sum(np.maximum(np.rint(np.diff(episode.arrays['time']) / period) - 1, 0)))


@contextlib.contextmanager
def timer(period: float, *words: str):
    """Measure a bare timer while the block lasts; yields a dict that holds the result afterwards."""
    process = subprocess.Popen([sys.executable, '-m', 'hac_ros.cli.bare_timer', str(period), *words],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found: dict = {}
    try:
        yield found
    finally:
        printed, _ = process.communicate()
        found.update(json.loads(printed))
