"""Training through real nodes: the same seed gives the same run, whatever dies on the way."""
import re
import shlex
import signal
import subprocess

import numpy as np
import pytest
import run_traces
from training_run import TrainingRun

from hac_ros import topics
from hac_ros.launching import shared_memory
from hac_ros.learning import checkpoint
from hac_ros.learning.journal import ContributionJournal, EpisodeJournal


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return tmp_path_factory.mktemp('runs')


@pytest.fixture(scope='module')
def undisturbed(root):
    run = TrainingRun(root, 'undisturbed')
    yield run
    run.stop()


@pytest.fixture
def start(root):
    """Start further runs, which are ended with the test."""
    runs = []

    def begin(name, **arguments):
        runs.append(TrainingRun(root, name, **arguments))
        return runs[-1]
    yield begin
    for run in runs:
        run.stop()


def in_round(listener, run, round_, step):
    """Wait until the bridge of ``run`` has reached a state."""
    seen = []
    subscription = topics.subscribe(listener.node, topics.ARM_STATE, lambda m: seen.append((m.id.round, m.id.step)), run)
    listener.until(lambda: seen and seen[-1] >= (round_, step), f'step {step} of round {round_}', limit=120)
    listener.node.destroy_subscription(subscription)


def finished(run):
    assert run.wait() == 0, run.printed()
    return run.rows()


def test_the_same_seed_gives_the_same_metrics_to_the_byte(undisturbed, start):
    again = finished(start('again'))
    assert again == finished(undisturbed)
    assert len(again) == 8 and float(again[-1]['planner/updates']) > 0 and again[4]['evaluation/success_rate'] != ''


def test_another_seed_gives_another_run(undisturbed, start):
    assert finished(start('other', seed=8)) != finished(undisturbed)


ASKS, ANEW = r'round \d: steps before \d+ are lost', r'round \d begun anew, take \d'
LOST = {    # victim -> node -> what it says of the rounds that were lost
    'controller': {'controller': ASKS, 'mujoco_bridge': ANEW}, 'planner': {'planner': ASKS, 'mujoco_bridge': ANEW},
    'mujoco_bridge': {'mujoco_bridge': r'goes on with round \d, which not all consumers hold'},
    'planner_learner': {'planner_learner': r'goes on with version \d; next rounds'},
    'controller_learner': {'controller_learner': r'goes on with version \d; next rounds'},
    'normalizer': {'normalizer': r'goes on with statistics \d; none is lost'},
    'evaluator': {'evaluator': r'evaluates round 4'}, 'recorder': {'recorder': r'goes on with the row of round \d'}}


@pytest.mark.parametrize('victim', sorted(LOST))
def test_a_node_killed_in_mid_round_leaves_no_trace_in_the_metrics(undisturbed, start, listener, victim):
    run = start(f'killed_{victim}', pace=3.0, checkpoint_every=3)     # so slow that the kill is early, on a busy machine too
    in_round(listener, run.run, 5, 10)
    killed = run.kill(victim)
    rows = finished(run)
    assert killed != run.pids(victim)[-1], 'it was not started again'
    assert rows == finished(undisturbed)
    for node, words in LOST[victim].items():
        assert re.search(words, run.log(node)), f'{words!r} is not in the log of {node}'


def test_every_frame_is_counted_once(undisturbed):
    assert [int(float(row['normalizer/count'])) for row in finished(undisturbed)] == [4 * 51 * n for n in range(1, 9)]


def test_several_workers_train_one_policy_and_the_same_seed_gives_the_same_run(start, listener):
    first, second = (start(name, workers=2, arms=2, max_steps=1600) for name in ('two_workers', 'two_workers_again'))
    in_round(listener, second.run, 4, 10)
    second.kill('planner')
    rows = finished(first)
    assert rows == finished(second)
    assert [int(float(row['normalizer/count'])) for row in rows] == [2 * 2 * 51 * n for n in range(1, 9)]
    assert [row['environment_steps'] for row in rows] == [str(2 * 2 * 50 * n) for n in range(1, 9)]


def test_a_second_run_of_the_same_name_is_refused_and_does_the_first_no_harm(undisturbed, start, root):
    run = start('twice', pace=5.0)
    (root / 'twice').mkdir(exist_ok=True)
    while not (root / 'twice' / 'config.json').exists():
        assert run.process.poll() is None, run.printed()
    command = [*run.process.args]
    second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert second.returncode == 2 and 'Traceback' not in second.stderr
    assert second.stderr.count('\n') == 1 and 'run twice' in second.stderr and 'run:=' in second.stderr, second.stderr
    assert finished(run) == finished(undisturbed)


def test_a_second_run_of_the_same_name_in_another_folder_is_refused(start, listener, tmp_path):
    run = start('elsewhere', pace=5.0, max_steps=800)
    in_round(listener, run.run, 0, 1)
    second = subprocess.run([*run.process.args[:4], 'run:=elsewhere', f'folder:={tmp_path}'], capture_output=True,
                            text=True, timeout=120)
    assert second.returncode == 2 and second.stderr.count('\n') == 1, second.stderr
    assert 'elsewhere.recorder is at work already' in second.stderr and 'run:=' in second.stderr
    assert len(finished(run)) == 4


def test_a_run_whose_recorder_is_told_to_end_fails_and_tells_how_to_go_on(undisturbed, start, listener):
    run = start('told', pace=5.0)
    in_round(listener, run.run, 2, 0)
    run.kill('recorder', signal.SIGINT)
    assert run.wait() == 1, run.printed()
    line = next(line for line in run.printed().splitlines() if line.startswith('To go on: ./hac train '))
    again = subprocess.run([*run.process.args[:4], *shlex.split(line)[5:]], capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr
    assert run.rows() == finished(undisturbed)


def test_a_second_node_of_the_same_name_is_refused(start, processes, listener, root):
    run = start('double', pace=5.0)
    in_round(listener, run.run, 0, 1)
    second = processes.start('planner', '/double/worker_0', run='double', folder=root, arms=4)
    assert second.wait(60) == 2
    assert 'double.worker_0.planner' in second.log.read_text()


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(undisturbed, start, root):
    first = start('resumed', max_steps=1000, checkpoint_every=3)
    finished(first)
    kept = (root / 'resumed' / 'metrics.csv').read_text()
    again = start('resumed', resume='true', checkpoint_every=3)
    assert finished(again) == finished(undisturbed)
    assert (root / 'resumed' / 'metrics.csv').read_text().startswith(kept), 'it began from the start again'


def test_a_learner_far_ahead_of_the_last_checkpoint_comes_back(undisturbed, start, listener):
    run = start('ahead', pace=5.0, checkpoint_every=1)
    in_round(listener, run.run, 1, 0)
    run.kill('evaluator', signal.SIGSTOP)      # no row is complete, so no checkpoint is, while training goes on
    weights = []
    subscription = topics.subscribe(listener.node, topics.PLANNER_WEIGHTS, lambda m: weights.append(m.version), run.run)
    listener.until(lambda: weights and weights[-1] == 8, 'version 8')
    run.kill('planner_learner')
    run.kill('evaluator', signal.SIGCONT)
    assert finished(run) == finished(undisturbed)
    listener.node.destroy_subscription(subscription)


VICTIMS = ('mujoco_bridge', 'planner', 'controller', 'planner_learner', 'controller_learner', 'normalizer', 'evaluator')


def test_six_nodes_killed_at_random_moments_leave_no_trace(undisturbed, start, listener):
    rng, run = np.random.default_rng(2), start('campaign', pace=5.0, checkpoint_every=3)
    moments = sorted((int(r), int(s)) for r, s in zip(rng.integers(0, 8, 6), rng.integers(0, 50, 6)))
    for moment, victim in zip(moments, rng.choice(VICTIMS, 6)):
        in_round(listener, run.run, *moment)
        killed = listener.until(lambda: run.kill_running(victim), f'a living {victim}')
        listener.until(lambda: run.has_died(killed), f'the end of {victim}')
    assert finished(run) == finished(undisturbed)
    folder, learner = run.folder / 'checkpoint', 'planner_learner'
    part = checkpoint.read_part(folder, learner, checkpoint.read_manifest(folder).version)
    assert not any(name.startswith('kept/') for name in part.tensors), 'nobody asked for a return'
    arms = {round_: count for round_, _, count in part.info['learner']['replay']['seen']}
    arms |= {each.round: each.arms for each in EpisodeJournal(folder / 'journal' / learner).read({})}
    assert sorted(arms) == list(range(8))
    counted = ContributionJournal(folder / 'journal' / 'normalizer.jsonl').read()[-1].moments.count
    assert counted == sum(arms.values()) * 51 == 8 * 51 * 4


@pytest.mark.parametrize('how', [None, signal.SIGINT, signal.SIGTERM], ids=['its end', 'ctrl-c', 'sigterm'])
def test_a_run_leaves_no_process_and_no_shared_memory(through_memory, start, listener, how):
    run = start(f'traces_{int(how or 0)}', pace=5.0, max_steps=800)
    in_round(listener, run.run, 1, 0)
    processes = run_traces.children(run.process.pid)
    memory = shared_memory.used_by(processes)
    assert len(processes) == 8 and memory
    if how is not None:
        run.process.send_signal(how)
    assert run.wait() == (0 if how is None else 128 + how)
    assert not run_traces.living(run) and not shared_memory.left(memory)
    assert not any(run_traces.children(pid) for pid in processes)


def test_a_run_that_lost_its_power_goes_on_to_the_same_end_and_cleans_shared_memory(
        undisturbed, through_memory, start, listener):
    expected = finished(undisturbed)        # it cleans shared memory too when it ends
    run = start('traces_kill', pace=5.0, checkpoint_every=3)
    in_round(listener, run.run, 5, 10)
    processes = run_traces.children(run.process.pid)
    memory = shared_memory.used_by(processes)
    run.process.send_signal(signal.SIGKILL)
    run.wait()
    listener.until(lambda: not run_traces.living(run), 'the end of its nodes')
    assert shared_memory.left(memory), 'kill -9 left nothing to clean'
    again = start('traces_kill', resume='true', checkpoint_every=3)
    listener.until(lambda: not shared_memory.left(memory), 'the cleaning of shared memory')
    assert finished(again) == expected
