"""`hac bench workers`: what further workers bring and cost, on this machine and over links that delay and lose."""
import argparse
import contextlib
import itertools
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hac_ros import tasks
from hac_ros.cli import Parser, Refused, bench_machine, key_values
from hac_ros.cli.bench_network import Network, missing
from hac_ros.cli.evaluate import number
from hac_ros.launching.launch_file import Argument
from hac_ros.launching.substitutions import share_folder
from hac_ros.run_folder import RunFolder

ARGUMENTS = {argument.name: argument for argument in (
    Argument('task', 'reach', 'Task of the trainings', tuple(tasks.TASKS)),
    Argument('workers', '1,2,4', 'Numbers of workers, with commas; 1 to 4', ()),
    Argument('arms', '16', 'Arms of each worker', ()),
    Argument('rounds', '8', 'Rounds that are measured, after the first ones', ()),
    Argument('delays', '', 'Also over a network: its delays one way [ms], with commas; needs root and iproute2', ()),
    Argument('loss', '1', 'Frames that this network loses [%]', ()),
    Argument('seed', '0', 'Decides the trainings and which frames are lost', ()),
    Argument('limit', '600', 'Longest time that one measurement may take [s]', ()),
)}
FIRST = 4               # version from which on is measured: learners are at work by then
CONSUMERS = ('planner_learner', 'controller_learner', 'normalizer')
WORKER = ('mujoco_bridge', 'planner', 'controller')
_TICK = os.sysconf('SC_CLK_TCK')


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 1 if it ended early, with the figures of before."""
    parser = Parser(prog='hac bench workers', description='Measure trainings with several workers.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    for stopper in (signal.SIGINT, signal.SIGTERM):      # what was started is ended, what was measured is told
        signal.signal(stopper, signal.default_int_handler)
    report = measure(key_values.read(options.arguments, ARGUMENTS))
    print(json.dumps(report) if options.json else '\n'.join(lines(report)))
    return 1 if 'ended_early' in report else 0


def measure(given: dict[str, str]) -> dict:
    """Return what ``given`` asks to be measured, and the model made of it. Raises ValueError for a bad value."""
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    arms, rounds, seed, limit = (number(name, value[name], low) for name, low in
                                 (('arms', 1), ('rounds', 1), ('seed', 0), ('limit', 1)))
    workers = [number('workers', text, 1) for text in value['workers'].split(',')]
    delays = [number('delays', text, 0) for text in value['delays'].split(',') if text]
    loss = number('loss', value['loss'], 0)
    if max(workers) > 4 or loss > 50:
        raise Refused(f'workers:={value["workers"]} loss:={loss}: at most 4 workers and 50 % are wanted')
    reason = missing() if delays else ''
    apart = [count for count in workers if count > 1 and not reason]
    report = {'command': 'hac bench workers ' + ' '.join(f'{k}:={v}' for k, v in given.items()), 'cores': os.cpu_count(),
              'load_before': bench_machine.load(), 'skipped': reason, 'cases': []}
    try:
        for count, delay in [*itertools.product(workers, [None]), *itertools.product(apart, delays)]:
            report['cases'].append(Case(value['task'], count, arms, rounds, seed, limit, delay, loss).measure())
            print(_line(report['cases'][-1]), file=sys.stderr, flush=True)
    except (OSError, KeyboardInterrupt) as error:      # a timeout too: what was measured before has taken minutes
        report['ended_early'] = str(error) or 'interrupted'
    report['load_after'] = bench_machine.load()
    report['model'] = model([case for case in report['cases'] if case['delay_ms'] is None])
    return report


def lines(report: dict) -> list[str]:
    """Return the report as text for people."""
    rows = [_line(case) for case in report['cases']]
    rows += [f'{name}: {m["fixed_ms"]:.0f} ms + {m["per_worker_ms"]:.0f} ms for each worker of a round'
             for name, m in report['model'].get('consumers', {}).items()]
    if 'saturates_at' in report['model']:
        rows.append(f'a round takes a worker {report["model"]["worker_ms"]:.0f} ms of CPU: the learners are busy all the '
                    f'time from {report["model"]["saturates_at"]:.1f} workers on')
    rows += [f'ended early: {report["ended_early"]}'] * ('ended_early' in report)
    return rows + [f'skipped the network: {report["skipped"]}'] * bool(report['skipped'])


def _line(case: dict) -> str:
    where = 'this machine' if case['delay_ms'] is None else f'{case["delay_ms"]} ms, {case["loss_percent"]} % lost'
    wire = '' if case['wire_bytes_per_s'] is None else f', {case["wire_bytes_per_s"] / 1e3:.0f} kB/s on the wire'
    return (f'{where}: {case["workers"]} workers, {case["steps_per_s"]:.0f} steps/s, '
            f'{case["cpu_ms_per_step"]:.3f} ms of CPU a step, {sum(case["bytes_per_s"].values()) / 1e3:.0f} kB/s heard{wire}, '
            + ', '.join(f'{name} weights {w["behind_mean"]:.2f} rounds behind' for name, w in case['weights'].items()))


def model(cases: list[dict]) -> dict:
    """Return the cost of each consumer as a line over the workers, and where the busiest is busy all the time.

    A round takes as long as the slower of a worker, whose three processes take turns, and the busiest learner. Needs two
    numbers of workers.
    """
    counts = [case['workers'] for case in cases]
    if len(set(counts)) < 2:
        return {}
    consumers = {}
    for name in CONSUMERS:
        slope, fixed = np.polyfit(counts, [case['cpu_ms_per_round'][name] for case in cases], 1)
        consumers[name] = {'fixed_ms': round(float(fixed), 2), 'per_worker_ms': round(float(slope), 2)}
    worker = float(np.mean([case['cpu_ms_per_round']['worker'] for case in cases]))
    busiest = max((m for m in consumers.values()), key=lambda m: m['per_worker_ms'])
    result = {'worker_ms': round(worker, 1), 'consumers': consumers}
    if busiest['per_worker_ms'] > 0:
        result['saturates_at'] = round((worker - busiest['fixed_ms']) / busiest['per_worker_ms'], 2)
    return result


class Case:
    """One training with so many workers: all on this machine, or each on a machine of its own (``delay`` [ms])."""

    def __init__(self, task: str, workers: int, arms: int, rounds: int, seed: int, limit: int, delay: int | None, loss: int):
        self.task, self.workers, self.arms, self.rounds, self.seed = task, workers, arms, rounds, seed
        self.limit, self.delay, self.loss = limit, delay, loss
        self.run = f'bench_{os.getpid()}'
        self.network: Network | None = None
        self.environment = dict(os.environ)

    def measure(self) -> dict:
        """Run the training for as long as it takes, and return the figures."""
        with contextlib.ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='hac_workers_')))
            if self.delay is not None:
                self.network = stack.enter_context(Network(self.workers, self.delay / 1e3, self.loss / 100, self.seed))
                profile = share_folder('hac_ros') / 'dds' / 'network.xml'
                self.environment.update(ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTRTPS_DEFAULT_PROFILES_FILE=str(profile))
            folders = self._start(root, stack)
            traffic = self._spawn(0, [sys.executable, '-m', 'hac_ros.cli.bench_traffic', self.run, str(self.workers),
                                      str(FIRST), str(self.rounds)], root / 'traffic.out', stack, stdout=subprocess.PIPE)
            self._line_of(traffic)
            before, wire = self._cpu(folders), self._wire()
            heard = json.loads(self._line_of(traffic))
            after, wire_after = self._cpu(folders), self._wire()
            return self._report(heard, {name: after[name] - before.get(name, 0.0) for name in after}, wire_after - wire)

    def _start(self, root: Path, stack: contextlib.ExitStack) -> list[RunFolder]:
        """Start the training on the first machine and, over a network, a worker on each other one; return the folders."""
        common = {'task': self.task, 'run': self.run, 'seed': self.seed, 'arms': self.arms}
        here = self.workers if self.network is None else 1
        training = {**common, 'folder': root / '0', 'workers': here, 'bar': 2.0, 'evaluate_every': 12,
                    'evaluation_episodes': 1, 'max_steps': 10**8, 'patience': self.limit}
        self._spawn(0, self._hac('train', training), root / '0.out', stack)
        for machine in range(1, self.workers if self.network else 1):
            worker = {**common, 'folder': root / str(machine), 'worker': machine}
            self._spawn(machine, self._hac('launch', worker, 'worker.launch.xml'), root / f'{machine}.out', stack)
        return [RunFolder(root / str(machine), self.run) for machine in range(self.workers if self.network else 1)]

    @staticmethod
    def _hac(verb: str, pairs: dict, *words: str) -> list[str]:
        return [sys.executable, '-m', 'hac_ros.cli', verb, *words, *(f'{key}:={value}' for key, value in pairs.items())]

    def _spawn(self, machine: int, command: list[str], output: Path, stack, stdout=None) -> subprocess.Popen:
        before = self.network.command(machine) if self.network else []
        file = stack.enter_context(open(output, 'wb'))
        process = subprocess.Popen([*before, *command], stdin=subprocess.DEVNULL, stdout=stdout or file, stderr=file,
                                   env=self.environment, start_new_session=True)
        process.output = output
        stack.callback(_end, process)
        return process

    def _line_of(self, process: subprocess.Popen) -> str:
        """Return the next line that ``process`` prints; raises TimeoutError, with its last words, if none comes."""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(self.limit) else b''
        if not line:
            said = (process.output.parent / '0.out').read_text(errors='replace')[-300:]
            raise TimeoutError(f'{self.workers} workers: no {self.rounds} rounds came within {self.limit} s: {said}')
        return line.decode()

    def _cpu(self, folders: list[RunFolder]) -> dict[str, float]:
        """Return the seconds of CPU that each process has used, by label and machine."""
        used = {}
        for machine, folder in enumerate(folders):
            log = (folder.log / 'launch.log').read_text()
            for label, pid in re.findall(r'\[([\w-]+)\]: process started with pid \[(\d+)\]', log):
                with contextlib.suppress(OSError):
                    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
                    used[f'{machine}/{label}'] = (int(fields[11]) + int(fields[12])) / _TICK
        return used

    def _wire(self) -> int:
        return sum(self.network.sent) if self.network else 0

    def _report(self, heard: dict, cpu: dict[str, float], wire: int) -> dict:
        steps = self.workers * heard['rounds'] * self.arms * tasks.by_name(self.task).steps
        names = {label.partition('/')[2].rpartition('-')[0] for label in cpu}
        spent = {name: sum(s for label, s in cpu.items() if label.partition('/')[2].rpartition('-')[0] == name)
                 for name in sorted(names)}
        per_round = {name: round(1e3 * spent[name] / heard['rounds'], 1) for name in spent if name not in WORKER}
        per_round['worker'] = round(1e3 * sum(spent[name] for name in WORKER) / heard['rounds'] / self.workers, 1)
        return {'workers': self.workers, 'arms': self.arms, 'delay_ms': self.delay,
                'loss_percent': None if self.delay is None else self.loss, 'steps_per_s': round(steps / heard['seconds'], 1),
                'cpu_ms_per_step': round(1e3 * sum(spent.values()) / steps, 4), 'cpu_ms_per_round': per_round,
                'cores_used': round(sum(spent.values()) / heard['seconds'], 2),
                'wire_bytes_per_s': None if self.network is None else round(wire / heard['seconds']), **heard}


def _end(process: subprocess.Popen) -> None:
    """Stop a launcher as Ctrl-C does: it takes its nodes along."""
    for sent in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
            break
    if process.stdout is not None:
        process.stdout.close()
