"""`hac bench chaos`: a training whose processes are killed at random, and what came of it.

Whom to kill and when is drawn from the seed; the moments are seconds of wall clock, so where in a round a kill falls
differs from machine to machine.
"""
import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hac_ros import records, tasks
from hac_ros.cli import Parser, bench_machine, key_values
from hac_ros.cli.bench_recovery import Recovery
from hac_ros.cli.evaluate import number
from hac_ros.evaluation import evaluate_bundle
from hac_ros.launching import launch_log, shared_memory
from hac_ros.launching.launch_file import Argument
from hac_ros.learning import checkpoint, journal
from hac_ros.metrics_table import read_rows
from hac_ros.randomness import generator
from hac_ros.run_folder import RunFolder

ARGUMENTS = {argument.name: argument for argument in (
    Argument('seed', '0', 'Decides whom to kill, when, and the training', ()),
    Argument('kills', '30', 'Processes to kill', ()),
    Argument('workers', '3', 'Workers of the training', ('1', '2', '3', '4')),
    Argument('arms', '4', 'Arms of each worker', ()),
    Argument('limit', '60', 'Longest recovery that is accepted [s]', ()),
    Argument('folder', '', 'Folder of the run; empty: one that is removed afterwards', ()),
)}
RUN, TASK, EPISODES, BAR = 'chaos', 'reach', 100, 0.95
EXECUTABLES = ('mujoco_bridge', 'planner', 'controller', 'planner_learner', 'controller_learner', 'normalizer',
               'evaluator', 'recorder')
EVERY = 8               # rounds from one evaluation to the next
ROUNDS_AFTER = 6        # rounds that the run goes on for after the last kill
HANGS = 5               # limits after which a run that is late is taken to hang, and the campaign ends


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 0 only if every check holds."""
    parser = Parser(prog='hac bench chaos', description='Kill processes of a training at random.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    numbers = {name: number(name, value[name], low)
               for name, low in (('seed', 0), ('kills', 1), ('workers', 1), ('arms', 1), ('limit', 1))}
    signal.signal(signal.SIGTERM, signal.default_int_handler)      # whoever ends the campaign ends its training
    with contextlib.ExitStack() as stack:
        root = Path(value['folder'] or stack.enter_context(tempfile.TemporaryDirectory(prefix='hac_chaos_')))
        report = Chaos(root, **numbers).report()
    print(json.dumps(report) if options.json else '\n'.join(lines(report)))
    return 0 if report['passed'] else 1


def lines(report: dict) -> list[str]:
    """Return the report as text for people."""
    rows = [f'{k["at_s"]:7.1f} s  {k["victim"]:<20} in round {k["round"]:<4} recovered in {k["recovery_s"]:.1f} s'
            for k in report['kills']]
    if cut := report['power_cut']:
        rows.append(f'{cut["at_s"]:7.1f} s  {"all, as power loss":<20} in round {cut["round"]:<4} recovered in '
                    f'{cut["recovery_s"]:.1f} s')
    return rows + [f'{"ok" if ok else "FAILED":<7}{name}' for name, ok in report['checks'].items()]


def cycles(rng):
    """Yield kinds of nodes for ever, all of them in each cycle, in an order that ``rng`` draws for it."""
    while True:
        yield from (EXECUTABLES[index] for index in rng.permutation(len(EXECUTABLES)))


def kind_of(label: str) -> str:
    """Return the kind of node that a label of the launch log, kind and number, stands for."""
    return label.rpartition('-')[0]


class Chaos:
    """One campaign."""

    def __init__(self, root: Path, seed: int, kills: int, workers: int, arms: int, limit: int):
        self.root, self.seed, self.count, self.workers, self.arms, self.limit = root, seed, kills, workers, arms, limit
        self.folder = RunFolder(root, RUN)
        self.log = self.folder.log / 'launch.log'
        self.rng = generator(seed, 'chaos')
        self.kinds = cycles(self.rng)
        self.process: subprocess.Popen | None = None
        self.began = time.monotonic()
        self.memory: set[tuple[Path, int]] = set()      # files, with inodes, that the run should not leave
        self.power_cut: dict | None = None   # when all were killed at once: at_s, round, recovery_s

    def report(self) -> dict:
        """Run the campaign and return what was found."""
        shared_memory.clean()
        load, kills, status = bench_machine.load(), [], None
        try:
            self.start()
            self.wait_until(lambda: len(self.rows()) > 1, 'the first two rounds')
            while len(kills) < self.count:
                kills.append(self.kill())
            status = self.end()
        except TimeoutError as error:
            print(f'hac bench chaos: {error}', file=sys.stderr)
        finally:
            self.stop(signal.SIGKILL)
        left = shared_memory.left(self.memory)
        checks = self.checks(kills, status, left)
        shared_memory.clean()       # what a campaign that was cut short leaves
        return {'command': f'hac bench chaos seed:={self.seed} kills:={self.count} workers:={self.workers} '
                           f'arms:={self.arms} limit:={self.limit}', 'cores': os.cpu_count(),
                'load_before': load, 'load': bench_machine.load(), 'limit_s': self.limit, 'kills': kills,
                'power_cut': self.power_cut,
                'longest_recovery_s': max((k['recovery_s'] for k in kills), default=None),
                'seconds': round(time.monotonic() - self.began, 1), 'rounds': len(self.rows()),
                'checks': checks, 'left_in_memory': left, 'passed': all(checks.values())}

    # The run

    def start(self, **more) -> None:
        """Start the training, or go on with it."""
        pairs = {'task': TASK, 'run': RUN, 'folder': self.root, 'seed': self.seed, 'workers': self.workers,
                 'arms': self.arms, 'bar': 2.0, 'evaluate_every': EVERY, 'evaluation_episodes': 25, 'checkpoint_every': 5,
                 'max_steps': 10**8, **more}
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / f'{RUN}.out', 'ab') as output:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'hac_ros.cli', 'train', *(f'{key}:={value}' for key, value in pairs.items())],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    def stop(self, number: int) -> int | None:
        """Send a signal to the launcher, which takes its nodes along, and wait for it."""
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(self.limit)

    def end(self) -> int:
        """Stop the run as power loss does, let it go on for some rounds to its end, and return its exit status."""
        self.note_memory()
        before, at = len(self.rows()), time.monotonic()
        self.stop(signal.SIGKILL)
        self.start(resume='true',
                   max_steps=(before + ROUNDS_AFTER) * self.workers * self.arms * tasks.by_name(TASK).steps)
        self.wait_until(lambda: len(self.rows()) > before, 'the first round after power was lost')
        self.power_cut = {'at_s': round(at - self.began, 1), 'round': before,
                          'recovery_s': round(time.monotonic() - at, 2)}
        self.note_memory()
        try:
            return self.process.wait(self.limit * HANGS)
        except subprocess.TimeoutExpired:
            raise TimeoutError('the resumed run did not come to its end') from None

    def rows(self) -> list[dict]:
        """Return the rows of metrics.csv so far."""
        return read_rows(self.folder.metrics) if self.folder.metrics.exists() else []

    def wait_until(self, condition, what: str):
        """Wait until ``condition()`` gives something true, and return it. Raises TimeoutError, naming ``what``."""
        end = time.monotonic() + self.limit * HANGS
        while not (result := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f'{what} did not come within {self.limit * HANGS} s')
            if self.ended_within(0.05):
                raise TimeoutError(f'the run ended with status {self.process.returncode} before this came: {what}')
        return result

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end of the run, at most so long; return whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    # Killing

    def kill(self) -> dict:
        """Kill a process of the next kind at a random moment, and wait until the run has recovered from that."""
        self.ended_within(float(self.rng.uniform(0.2, 2.5)))
        kind = next(self.kinds)
        label, pid = self.wait_until(lambda: self.strike(kind), f'a living {kind}')
        began = time.monotonic()
        recovery = Recovery(self.folder, self.workers, EVERY, label, pid)
        self.wait_until(recovery.started_again, f'the next process of {label}')
        again = time.monotonic()
        self.wait_until(recovery.over, f'the recovery from the death of {label}')
        return {'at_s': round(began - self.began, 1), 'victim': label, 'round': recovery.round,
                'started_again_s': round(again - began, 2), 'recovery_s': round(time.monotonic() - began, 2)}

    def strike(self, kind: str) -> tuple[str, int] | None:
        """Kill one of the living processes of ``kind``; return its label and id, None while none lives."""
        victims = [(label, pid) for label, pid in self.living() if kind_of(label) == kind]
        if not victims:
            return None
        self.note_memory()
        label, pid = victims[self.rng.integers(len(victims))]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return label, pid
        return None

    def living(self) -> list[tuple[str, int]]:
        """Return label and id of the processes that live."""
        newest = dict(launch_log.started(self.log))
        return sorted((label, pid) for label, pid in newest.items() if launch_log.lives(pid))

    def note_memory(self) -> None:
        """Add the shared memory that living processes have mapped to what must not be left."""
        self.memory |= shared_memory.used_by({pid for _, pid in self.living()})

    # What came of it

    def checks(self, kills: list[dict], status: int | None, left: list[str]) -> dict[str, bool]:
        """Return every claim and whether it holds."""
        rows = self.rows()
        solved = self.folder.bundle.exists() and evaluate_bundle(
            self.folder.bundle, TASK, EPISODES, self.seed)['success_rate'] >= BAR
        return {f'{self.count} processes were killed, and the run came to its end': len(kills) == self.count and status == 0,
                'every node kind was killed': self.killed_all(kills),
                f'no recovery took longer than {self.limit} s': self.recovered(kills),
                'the count equals the frames of the committed episodes': bool(rows) and self.counted_right(rows[-1]),
                'every round has its row': [int(row['round']) for row in rows] == list(range(len(rows))),
                'the task is solved': solved,
                'no process is left': not self.left_over(),
                'no shared-memory segment of the run is left': not left}

    def recovered(self, kills: list[dict]) -> bool:
        """Whether the run went on in time after each kill and after power was lost."""
        return self.power_cut is not None and all(
            each['recovery_s'] <= self.limit for each in [*kills, self.power_cut])

    @staticmethod
    def killed_all(kills: list[dict]) -> bool:
        """Whether each kind of node is among the victims."""
        return {kind_of(kill['victim']) for kill in kills} == set(EXECUTABLES)

    def counted_right(self, row: dict) -> bool:
        """Whether the last count equals the frames of the episodes that both learners hold for these rounds."""
        newest = {}
        for entry in journal.ContributionJournal(self.folder.journal / 'normalizer.jsonl').read():
            if isinstance(entry, records.Contribution):
                newest[entry.id.worker, entry.id.incarnation] = entry.id
        rounds = {(key.worker, round_) for key in newest.values() for round_ in range(key.first_round, key.last_round + 1)}
        frames = [self.frames(learner, rounds) for learner in ('planner_learner', 'controller_learner')]
        return all(count == int(float(row['normalizer/count'])) for count in frames)

    def frames(self, learner: str, rounds: set) -> int:
        """Return how many observations of ``rounds``, (worker, round), a learner holds: checkpoint and journal."""
        manifest = checkpoint.read_manifest(self.folder.checkpoint)
        seen = checkpoint.read_part(self.folder.checkpoint, learner, manifest.version).info['learner']['replay']['seen']
        episodes = {(worker, round_): count for round_, worker, count in seen}
        for value in journal.EpisodeJournal(self.folder.journal / learner).read({}):
            episodes[value.worker, value.round] = value.arms
        return sum(count for key, count in episodes.items() if key in rounds) * (tasks.by_name(TASK).steps + 1)

    def left_over(self) -> list[str]:
        """Return the command lines of nodes of this run that still live, and the zombies of those that do not."""
        found = [f'zombie {pid}' for pid in launch_log.zombies(self.log)]
        for entry in Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                words = entry.read_bytes().decode(errors='replace').split('\0')
                if str(self.root) in ' '.join(words) and '--ros-args' in words:
                    found.append(' '.join(words))
        return found
