"""The same interface: training goes through the robot's bridge and an emulated Fetch, with nothing else changed."""
import os
import signal

import pytest
from test_training import finished, in_round
from training_run import TrainingRun

from hac_ros import topics


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    """Start trainings, which are ended with the module."""
    runs, root = [], tmp_path_factory.mktemp('robots')

    def begin(name):
        runs.append(TrainingRun(root, name, control='fetch', arms=1, bridge='fetch_bridge', max_steps=500, evaluate_every=1,
                                evaluation_episodes=1))
        return runs[-1]
    yield begin
    for run in runs:
        run.stop()


@pytest.fixture(scope='module')
def undisturbed(start):
    run = start('undisturbed')
    finished(run)
    return run


def silences(listener, run) -> list[int]:
    """Return the list that every count of silences which the bridge tells of goes to."""
    told = []
    topics.subscribe(listener.node, topics.DIAGNOSTICS, lambda message: told.extend(
        int(value.value) for status in message.status if status.name.endswith('/fetch_bridge') for value in status.values
        if value.key == 'emulator silent'), run.run)
    return told


def test_a_training_runs_through_the_robots_bridge_and_the_stepped_emulator(undisturbed):
    rows = undisturbed.rows()
    assert [int(row['round']) for row in rows][:2] == [0, 1]
    assert [float(row['environment_steps']) for row in rows][:2] == [250.0, 500.0]
    assert [float(row['normalizer/count']) for row in rows][:2] == [251.0, 502.0]
    assert not undisturbed.pids('mujoco_bridge') and len(undisturbed.pids('fetch_bridge')) == 1
    assert len(undisturbed.pids('fetch_emulator')) == 1 and 'emulator silent' not in undisturbed.log('fetch_bridge')


def test_an_emulator_killed_in_mid_round_leaves_no_trace_in_the_metrics(undisturbed, start, listener):
    run = start('killed')
    in_round(listener, run.run, 1, 30)
    killed = run.kill('fetch_emulator')
    assert finished(run) == undisturbed.rows()
    assert killed != run.pids('fetch_emulator')[-1] and len(run.pids('fetch_bridge')) == 1


def test_an_emulator_that_dies_while_it_is_asked_for_a_round_is_asked_again(undisturbed, start, listener):
    run = start('killed_when_asked')
    told = silences(listener, run)
    in_round(listener, run.run, 0, 30)
    run.kill('fetch_emulator', signal.SIGSTOP)      # it is there, and does not answer
    listener.until(lambda: told, 'a second request')
    killed = run.kill('fetch_emulator')
    assert finished(run) == undisturbed.rows()
    assert killed != run.pids('fetch_emulator')[-1] and len(run.pids('fetch_bridge')) == 1


def test_an_emulator_that_was_only_slow_answers_several_requests_and_the_last_one_counts(undisturbed, start, listener):
    run = start('stopped')
    told = silences(listener, run)
    in_round(listener, run.run, 0, 30)
    run.kill('fetch_emulator', signal.SIGSTOP)
    listener.until(lambda: 3 in told, 'a third request')
    os.kill(run.pids('fetch_emulator')[-1], signal.SIGCONT)
    assert finished(run) == undisturbed.rows()
    assert len(run.pids('fetch_emulator')) == 1 and len(run.pids('fetch_bridge')) == 1
