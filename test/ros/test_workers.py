"""Workers that join, leave and come back while a training runs."""
import signal
import subprocess
import sys

import pytest
from training_run import TrainingRun

from hac_ros import topics

RUN = 'joined'


@pytest.fixture
def run(tmp_path):
    training = TrainingRun(tmp_path, RUN, arms=2, max_steps=100_000, evaluate_every=12, pace=8.0, patience=2.0)
    yield training
    training.stop()


@pytest.fixture
def worker(processes, tmp_path):
    """Start the three nodes of a worker; return its processes."""
    def start(number):
        common = {'run': RUN, 'folder': tmp_path, 'task': 'reach', 'arms': 2, 'seed': 7, 'worker': number}
        return [processes.start(name, f'/{RUN}/worker_{number}', **common)
                for name in ('planner', 'controller', 'mujoco_bridge')]
    return start


@pytest.fixture
def launched(tmp_path):
    """Join by the launch file, as from another machine: with a folder of its own. Its nodes end with the launcher."""
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
        self.versions[msg.version] = [(c.worker, c.first_round, c.last_round) for c in msg.includes]

    def rounds(self, number):
        newest = self.versions[max(self.versions)] if self.versions else []
        return [(first, last) for worker, first, last in newest if worker == number]


class LeftOut:
    """Who was left out, by what the normalizer says on /diagnostics."""

    def __init__(self, listener):
        self.said = set()
        topics.subscribe(listener.node, topics.DIAGNOSTICS, self.on_diagnostics, RUN)

    def on_diagnostics(self, msg):
        for status in msg.status:
            if status.name == f'/{RUN}/normalizer':
                self.said |= {(value.key, value.value) for value in status.values}


def stuck_in_and_back(listener, includes, nodes, left_out):
    """Stop the worker's processes without ending them; go on when it has been left out and, continued, is back."""
    for node in nodes:
        node.send_signal(signal.SIGSTOP)
    listener.until(lambda: ('worker 4 left out', '2') in left_out.said, 'the stuck worker on /diagnostics')
    left = includes.rounds(4)[-1][1]
    listener.until(lambda: includes.rounds(0)[0][1] > left + 4, 'rounds of the first worker without the stuck one')
    for node in nodes:
        node.send_signal(signal.SIGCONT)
    back = listener.until(lambda: includes.rounds(4)[-1][1] > left and includes.rounds(4), 'a round of the continued worker')
    assert back[-1][0] > left + 1


def test_a_worker_joins_late_dies_or_is_stuck_is_left_out_and_comes_back(run, worker, listener, request):
    left_out = LeftOut(listener)
    includes = Includes(listener)
    listener.until(lambda: includes.rounds(0) and includes.rounds(0)[0][1] >= 3, 'three rounds of the first worker')
    launcher = request.getfixturevalue('launched')
    joined = listener.until(lambda: includes.rounds(4), 'a round of the worker that joined')
    assert joined[0][0] >= 3, 'it began where the others were'
    listener.until(lambda: includes.rounds(4)[-1][1] > joined[0][0] + 1, 'further rounds of it')
    launcher.send_signal(signal.SIGKILL)
    launcher.wait(30)
    left = includes.rounds(4)[-1][1]
    listener.until(lambda: includes.rounds(0)[0][1] > left + 4, 'rounds of the first worker without it')
    nodes = worker(4)
    back = listener.until(lambda: includes.rounds(4)[-1][1] > left and includes.rounds(4), 'a round of the worker that is back')
    assert back[-1][0] > left + 1, 'it went on where the others were, with a gap'
    listener.until(lambda: ('worker 4 left out', '1') in left_out.said, 'the worker on /diagnostics')
    stuck_in_and_back(listener, includes, nodes, left_out)
    back = includes.rounds(4)
    listener.until(lambda: run.printed() or len(run.rows()) > back[-1][0] + 1, 'the rows of these rounds')
    run.stop()
    assert 'worker 4 left out' in (run.folder / 'log' / 'launch.log').parent.joinpath('normalizer-3.log').read_text()
    rows = run.rows()
    workers = [int(float(row['normalizer/workers'])) for row in rows]
    assert {1, 2} == set(workers) and workers[0] == workers[left + 1] == 1 and workers[left] == 2
    steps = [int(row['environment_steps']) for row in rows]
    assert steps == sorted(set(steps)) and steps[0] == 2 * 50
    assert all(int(float(row['normalizer/count'])) == int(row['environment_steps']) // 50 * 51 for row in rows)
