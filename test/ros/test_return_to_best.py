"""A training through real nodes that is destroyed by its learning rate goes back to the best that it had."""
import re
from pathlib import Path

import pytest
import yaml
from training_run import TrainingRun

from hac_ros import metrics_table, shipped, topics
from hac_ros.cli import launch
from hac_ros.learning import checkpoint
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.nodes.health import Health
from hac_ros.nodes.verdicts import Verdicts

# It starts from a trained bundle. The planner's new critics let its actor rest for 2000 updates: version 4 has 1980. Then steps
# of 0.1 throw it into a corner. By the time of the return the learning rate has fallen to nothing.
RUINOUS = {'controller.updates': 0.0, 'planner.updates': 3300.0, 'planner.batch': 16, 'planner.policy_delay': 4,
           'planner.learning_rate': 0.1, 'planner.final_learning_rate': 1e-6, 'planner.decay_from': 1200,
           'planner.decay_until': 1400, 'evaluation.lag': 1}
ARGUMENTS = {'from': shipped.path('reach', 'mocap'), 'evaluate_every': 1, 'max_steps': 2000, 'return_to_best': 0.15,
             'checkpoint_every': 3, 'pace': 3.0}
BEST, RETURNS = 4, 9     # six evaluations make a decline; version 9 is the first to rely on the sixth


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return tmp_path_factory.mktemp('returns')


@pytest.fixture(scope='module')
def ruinous(root) -> Path:
    """The launch file of trainings, with settings of the learners that are no launch arguments."""
    path, own = launch.find('train.launch.xml'), root / 'params'
    own.mkdir()
    for file in (path.parent / 'params').glob('*.yaml'):
        (own / file.name).write_text(file.read_text(encoding='utf-8'), encoding='utf-8')
    preset = yaml.safe_load((own / 'reach.yaml').read_text(encoding='utf-8'))
    preset['/**']['ros__parameters'].update(RUINOUS)
    (own / 'reach.yaml').write_text(yaml.safe_dump(preset), encoding='utf-8')
    text = path.read_text(encoding='utf-8').replace('$(find-pkg-share hac_ros)/launch/params', str(own))
    (root / 'ruinous.launch.xml').write_text(text, encoding='utf-8')
    return root / 'ruinous.launch.xml'


@pytest.fixture(scope='module')
def start(root, ruinous):
    runs = []

    def begin(name):
        runs.append(TrainingRun(root, name, ruinous, **ARGUMENTS))
        return runs[-1]
    yield begin
    for run in runs:
        run.stop()


def finished(run):
    assert run.wait() == 0, run.printed()
    return run.rows()


def told(run):
    """Return (version, best) of every return that the terminal shows."""
    found = re.findall(r'success fell from 1\.00 .* version (\d+) goes on from the networks of version (\d+)', run.printed())
    return [(int(version), int(best)) for version, best in found]


@pytest.fixture(scope='module')
def undisturbed(start):
    run = start('undisturbed')
    finished(run)
    return run


def test_training_goes_back_to_the_best_networks_once_and_succeeds_again(undisturbed):
    rows = undisturbed.rows()
    success = [float(row['evaluation/success_rate']) for row in rows[1:]]
    assert min(success[:BEST]) == 1.0 and max(success[BEST:RETURNS - 1]) < 0.5 and success[RETURNS - 1] == 1.0, success
    assert [float(row['planner/returns_to_best']) for row in rows] == [0.0] * RETURNS + [1.0] * (len(rows) - RETURNS)
    assert told(undisturbed) == [(RETURNS, BEST)]


def test_learners_killed_at_their_return_leave_no_trace_in_the_metrics(undisturbed, start, listener):
    run, seen = start('killed'), []
    topics.subscribe(listener.node, topics.ARM_STATE, lambda m: seen.append((m.id.round, m.id.step)), run.run)
    listener.until(lambda: seen and seen[-1] >= (RETURNS - 1, 10), 'the round in which the return is trained', limit=120)
    killed = {name: run.kill(name) for name in ('planner_learner', 'controller_learner')}
    assert finished(run) == undisturbed.rows() and told(run) == [(RETURNS, BEST)]
    assert all(pid != run.pids(name)[-1] for name, pid in killed.items()), 'they were not started again'
    folder = run.folder / 'checkpoint'
    part = checkpoint.read_part(folder, 'controller_learner', checkpoint.read_manifest(folder).version)
    assert part.version == RETURNS
    assert {int(name.split('/')[1]) for name in part.tensors if name.startswith('kept/')} == {BEST, 7, 8, 9}


def test_a_verdict_that_nobody_tells_again_is_read_from_the_metrics(listener, tmp_path):
    listener.node.health = Health(listener.node, 'told')
    rule, come = ReturnRule(0.15, 4, 1), []
    verdicts = Verdicts(listener.node, 'told', tmp_path / 'metrics.csv', rule, lambda: rule.lacks(7), lambda: come.append(7))
    verdicts.look()       # the run has no row yet
    table = metrics_table.MetricsTable(tmp_path / 'metrics.csv', lambda _: {'evaluator'}, steps_per_round=200)
    for round_ in range(5):
        table.add('evaluator', round_, ['evaluation/success_rate'], [0.1 * round_])
    with open(table.path, 'a', encoding='utf-8') as file:
        file.write('5,1200,0.')      # the recorder is about to write it
    listener.until(lambda: not rule.lacks(7), 'the verdict')
    assert rule.verdicts == {4: 0.4} and come
