"""Workers that join, leave and come back while a training runs."""
import signal
import subprocess
import sys

import numpy as np
import pytest
import still_round
from training_run import TrainingRun

from hac_ros import records, tasks, topics
from hac_ros.learning import checkpoint, journal, running_statistics
from hac_ros.learning.journal import EpisodeJournal
from hac_ros.run_folder import RunFolder

RUN, ARMS, SEED = 'joined', 2, 7


@pytest.fixture
def run(tmp_path):
    training = TrainingRun(tmp_path, RUN, arms=ARMS, max_steps=100_000, evaluate_every=12, pace=8.0, patience=2.0)
    yield training
    training.stop()


@pytest.fixture
def worker(processes, tmp_path):
    """Start the three nodes of a worker, or those that are named; return its processes."""
    def start(number, names=('planner', 'controller', 'mujoco_bridge'), **other):
        settings = {'run': RUN, 'folder': tmp_path, 'task': 'reach', 'arms': ARMS, 'seed': SEED, 'worker': number, **other}
        return [processes.start(name, f'/{RUN}/worker_{number}', **settings) for name in names]
    return start


YESTERDAY = 5       # incarnation


def leave_behind(folder, rounds):
    """Leave in ``folder`` what worker 4 has contributed to another run of this name."""
    space = tasks.by_name('reach').observation
    moments, _ = running_statistics.of_samples(np.full((rounds * ARMS * 51, space.size), 1e3))
    journal.write_contribution(RunFolder(folder, RUN).journal / 'planner_4.json', records.Contribution(
        records.ContributionId(4, YESTERDAY, rounds, 0, rounds - 1), space.name, moments))


@pytest.fixture
def launched(tmp_path):
    """Join by the launch file, as from another machine: with a folder of its own. Its nodes end with the launcher.

    In that folder lies what the worker contributed to an older run of the name: of round 0 only, which nothing but its
    incarnation tells from what it could have contributed to this one.
    """
    leave_behind(tmp_path / 'elsewhere', rounds=1)
    words = {'run': RUN, 'task': 'reach', 'arms': 2, 'seed': 7, 'worker': 4, 'folder': tmp_path / 'elsewhere'}
    process = subprocess.Popen([sys.executable, '-m', 'hac_ros.cli', 'launch', 'worker.launch.xml',
                                *(f'{key}:={value}' for key, value in words.items())], stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


class Includes:
    """What the newest statistics include."""

    def __init__(self, listener):
        self.versions = {}
        topics.subscribe(listener.node, topics.STATISTICS, self.on_statistics, RUN)

    def on_statistics(self, msg):
        self.versions[msg.version] = [(c.worker, c.incarnation, c.first_round, c.last_round) for c in msg.includes]

    def newest(self, number):
        newest = self.versions[max(self.versions)] if self.versions else []
        return [each for worker, *each in newest if worker == number]

    def rounds(self, number):
        return [(first, last) for _, first, last in self.newest(number)]

    def incarnations(self, number):
        return [incarnation for incarnation, _, _ in self.newest(number)]


class LeftOut:
    """How often worker 4 was left out, by what the normalizer says on /diagnostics: more often on a busy machine."""

    def __init__(self, listener):
        self.times = 0
        topics.subscribe(listener.node, topics.DIAGNOSTICS, self.on_diagnostics, RUN)

    def on_diagnostics(self, msg):
        for status in msg.status:
            if status.name == f'/{RUN}/normalizer':
                self.times = max(self.times, *(int(v.value) for v in status.values if v.key == 'worker 4 left out'), 0)


def held_arms(run, learner):
    """Return (worker, round) -> arms of the episodes in a learner's last checkpoint and its journal."""
    folder = run.folder / 'checkpoint'
    part = checkpoint.read_part(folder, learner, checkpoint.read_manifest(folder).version)
    arms = {(worker, round_): count for round_, worker, count in part.info['learner']['replay']['seen']}
    return arms | {(each.worker, each.round): each.arms for each in EpisodeJournal(folder / 'journal' / learner).read({})}


def stuck_in_and_back(listener, includes, nodes, left_out):
    """Stop the worker's processes without ending them; go on when it has been left out and, continued, is back."""
    before = left_out.times
    for node in nodes:
        node.send_signal(signal.SIGSTOP)
    listener.until(lambda: left_out.times > before, 'the stuck worker on /diagnostics')
    listener.until(lambda: includes.rounds(0)[0][1] > includes.rounds(4)[-1][1] + 4, 'rounds without the stuck worker')
    left, resumed = includes.rounds(4)[-1][1], includes.rounds(0)[-1][1]
    for node in nodes:
        node.send_signal(signal.SIGCONT)
    back = listener.until(lambda: includes.rounds(4)[-1][0] > left + 1 and includes.rounds(4),
                          'a round of the continued worker, where the others are')
    # Of what went by while it was stopped it has at most the round that it was stopped in.
    assert all(last <= left + 1 or first > resumed for first, last in back), (left, resumed, back)


def test_a_worker_joins_late_dies_or_is_stuck_is_left_out_and_comes_back(run, worker, listener, request):
    left_out = LeftOut(listener)
    includes = Includes(listener)
    listener.until(lambda: includes.rounds(0) and includes.rounds(0)[0][1] >= 3, 'three rounds of the first worker')
    launcher = request.getfixturevalue('launched')
    joined = listener.until(lambda: includes.rounds(4), 'a round of the worker that joined')
    assert joined[0][0] >= 3, 'it began where the others were'
    assert YESTERDAY not in includes.incarnations(4)
    listener.until(lambda: includes.rounds(4)[-1][1] > joined[0][0] + 1, 'further rounds of it')
    launcher.send_signal(signal.SIGKILL)
    launcher.wait(30)
    # What it sent last may still be on its way: only then does it show which round that was.
    listener.until(lambda: includes.rounds(0)[0][1] > includes.rounds(4)[-1][1] + 4, 'rounds of the first worker without it')
    left = includes.rounds(4)[-1][1]
    nodes = worker(4)
    back = listener.until(lambda: includes.rounds(4)[-1][1] > left and includes.rounds(4), 'a round of the worker that is back')
    assert back[-1][0] > left + 1, 'it went on where the others were, with a gap'
    listener.until(lambda: left_out.times, 'the worker on /diagnostics')
    stuck_in_and_back(listener, includes, nodes, left_out)
    incarnations = includes.incarnations(4)
    assert len(set(incarnations)) == len(incarnations) >= 3, 'after each gap it counted anew, the same process too'
    back = includes.rounds(4)
    listener.until(lambda: run.printed() or len(run.rows()) > back[-1][0] + 1, 'the rows of these rounds')
    run.stop()
    assert 'worker 4 left out' in (run.folder / 'log' / 'launch.log').parent.joinpath('normalizer-3.log').read_text()
    rows = run.rows()
    workers = [int(float(row['normalizer/workers'])) for row in rows]
    assert {1, 2} == set(workers) and workers[0] == workers[left + 1] == 1 and workers[left] == 2
    steps = [int(row['environment_steps']) for row in rows]
    assert steps == sorted(set(steps)) and steps[0] == 2 * 50
    for learner in topics.LEARNERS:     # the rows tell what the ledger knows; this is what was learnt from
        arms = held_arms(run, learner)
        for round_, row in enumerate(rows):
            frames = sum(51 * arms[worker, each] for worker, _, first, last in includes.versions[round_ + 2]
                         for each in range(first, last + 1))
            assert int(float(row['normalizer/count'])) == frames == int(row['environment_steps']) // 50 * 51


class PlayedBridge:
    """The test in the place of the bridge of worker 4."""

    def __init__(self, listener):
        self.listener, self.commands, self.receipts = listener, [], {}
        self.states = topics.publisher(listener.node, topics.ARM_STATE, RUN, 4)
        topics.subscribe(listener.node, topics.ARM_COMMAND, self.commands.append, RUN, 4)
        topics.subscribe(listener.node, topics.RECEIPT, self.on_receipt, RUN)

    def on_receipt(self, msg):
        self.receipts[msg.consumer] = dict(zip(msg.workers, msg.rounds))

    def insists(self, state, condition, what):
        """Send ``state`` until ``condition()`` holds."""
        def done():
            if not condition():
                self.states.publish(state)
            return condition()
        self.listener.until(done, what)


def test_a_worker_that_ends_when_one_of_two_learners_holds_its_round_stops_nobody(run, worker, listener):
    includes, bridge = Includes(listener), PlayedBridge(listener)
    listener.until(lambda: includes.rounds(0), 'a round of the first worker')
    planner, controller = worker(4, ('planner', 'controller'))
    listener.until(lambda: bridge.states.get_subscription_count() == 2, 'planner and controller')
    first = records.StepId(RUN, 4, max(includes.versions) - 1, 0, 0)
    *states, last = still_round.states(tasks.by_name('reach'), ARMS, SEED, first)
    for state in states:
        bridge.insists(state, lambda s=state: still_round.answered(s, bridge.commands), f'answer to {state.id}')
    controller.send_signal(signal.SIGSTOP)      # it has answered, but cannot hand on the round
    bridge.insists(last, lambda: bridge.receipts['planner_learner'].get(4) == first.round + 1, 'the planner hands it on')
    for node in (planner, controller):
        node.send_signal(signal.SIGKILL)
        node.wait(30)
    listener.until(lambda: includes.rounds(0)[0][1] > first.round + 6, 'rounds of the first worker without it')
    assert not includes.rounds(4) and bridge.receipts['controller_learner'].get(4, 0) == 0


OTHERS = ({'arms': 3}, {'task': 'push'}, {'control': 'fetch'}, {'policy': 'flat'}, {'seed': 12})


def test_a_worker_ends_with_its_run_and_one_with_other_settings_is_refused(tmp_path, worker, listener):
    run = TrainingRun(tmp_path, RUN, arms=ARMS, max_steps=20 * ARMS * 50, evaluate_every=12, pace=4.0)
    try:
        includes = Includes(listener)
        nodes = worker(4)       # it waits until the run is there
        names = ('mujoco_bridge', 'planner', 'controller', 'mujoco_bridge', 'planner')
        refused = [worker(5 + n, [name], **other)[0] for n, (name, other) in enumerate(zip(names, OTHERS))]
        for number, (node, other) in enumerate(zip(refused, OTHERS), 5):
            assert node.wait(60) == 2
            (name, value), = other.items()
            said = [line for line in node.log.read_text().splitlines() if 'ERROR' in line]
            assert len(said) == 1 and f'worker {number} cannot join run joined: {name} {value} came' in said[0], said
        listener.until(lambda: includes.rounds(4), 'a round of the worker that fits')
        assert run.wait() == 0, run.printed()
        assert [node.wait(30) for node in nodes] == [0, 0, 0]
        assert all('run joined is done: worker 4 ends' in node.log.read_text() for node in nodes)
        assert not any(includes.rounds(number) for number in range(5, 5 + len(OTHERS)))
    finally:
        run.stop()


def test_a_worker_begins_again_with_a_run_that_was_begun_again_and_ends_where_that_has_other_settings(
        tmp_path, worker, processes, listener):
    def recorder(folder, seed):
        return processes.start('recorder', f'/{RUN}', run=RUN, folder=tmp_path / folder, task='reach', arms=ARMS, seed=seed)

    def said(node, words):
        return listener.until(lambda: words in node.log.read_text(), f'{words} of {node.args[0]}')
    before = recorder('before', SEED)
    nodes = worker(4)
    membership, = worker(4, ['membership'])
    for node in (*nodes, membership):
        said(node, 'worker 4 joins run joined')
    before.kill(), before.wait()
    after = recorder('after', SEED)
    assert [node.wait(60) for node in nodes] == [0, 0, 0], 'whoever starts them does so again'
    assert all(said(node, 'run joined was begun again: worker 4 does so too') for node in nodes)
    listener.until(lambda: membership.log.read_text().count('worker 4 joins run joined') == 2, 'it asked again')
    after.kill(), after.wait()
    recorder('other', SEED + 5)
    assert membership.wait(60) == 2, 'and ends the launch, so that nobody is started again'
    assert f'seed {SEED} came, {SEED + 5} is wanted' in membership.log.read_text()
