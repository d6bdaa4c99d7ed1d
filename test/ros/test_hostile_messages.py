"""What a message that does not fit does to each node: it is refused, named in the log, and the node goes on."""
import pytest
from wire import ARMS, FRAMES, LEVELS, RUN, SEED, STAMP, TASK, Wire, contribution, episodes, first_state, give_pair, metrics
from wire import statistics, subgoals

from hac_ros import messages, records, topics
from hac_ros.learning.learner import Learner


@pytest.fixture(scope='module')
def weights():
    """Untrained weights of each level, version 0."""
    return {level: Learner(level, TASK, settings, SEED).initial_weights() for level, settings in LEVELS.items()}


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path)


@pytest.mark.parametrize('bad', [first_state(arms=ARMS + 1), first_state(steps=7)], ids=['arms', 'steps'])
def test_a_state_of_another_size_is_refused_and_the_next_one_answered(wire, weights, bad):
    wire.start('planner')
    answers = wire.hears(topics.SUBGOAL)
    give_pair(wire, records.PLANNER, weights)
    wire.send(topics.ARM_STATE, bad)
    wire.refuses('state refused')
    wire.asks(topics.ARM_STATE, first_state(), answers)


def test_a_subgoal_of_another_size_is_refused_and_the_next_one_followed(wire, weights):
    wire.start('controller')
    answers = wire.hears(topics.ARM_COMMAND)
    give_pair(wire, records.CONTROLLER, weights)
    wire.send(topics.ARM_STATE, first_state())
    wire.send(topics.SUBGOAL, subgoals(ARMS + 1))
    wire.refuses('subgoal refused')
    wire.send(topics.SUBGOAL, subgoals())
    wire.asks(topics.ARM_STATE, first_state(), answers)


@pytest.mark.parametrize('spoil', [
    lambda w: records.Weights(7, 0, 0, 0, w.tensors), lambda w: records.Weights(1 - w.level, 0, 0, 0, w.tensors),
    lambda w: records.Weights(w.level, 0, 0, 0, {})], ids=['level', 'other level', 'no networks'])
def test_weights_that_do_not_fit_are_refused_and_good_ones_taken(wire, weights, spoil):
    wire.start('planner')
    answers = wire.hears(topics.SUBGOAL)
    wire.send(topics.STATISTICS, statistics())
    wire.send(topics.ARM_STATE, first_state())
    wire.send(topics.PLANNER_WEIGHTS, messages.from_weights(spoil(weights[records.PLANNER]), RUN, STAMP))
    wire.refuses('weights refused')
    give_pair(wire, records.PLANNER, weights)
    wire.asks(topics.ARM_STATE, first_state(), answers)


@pytest.mark.parametrize('spoil', [
    lambda m: setattr(m, 'level', 7), lambda m: setattr(m, 'weights', 1)], ids=['level', 'version'])
def test_episodes_that_do_not_fit_are_refused_and_good_ones_held(wire, spoil):
    wire.start('learner', level='planner')
    receipts = wire.hears(topics.RECEIPT)
    bad = episodes()
    spoil(bad)
    wire.send(topics.PLANNER_EPISODES, bad)
    wire.refuses('episodes refused')
    wire.send(topics.PLANNER_EPISODES, episodes())
    wire.listener.until(lambda: receipts and list(receipts[-1].rounds) == [1], 'the receipt')


def test_a_learner_whose_journal_is_damaged_says_what_it_lost_and_wants_that_first(wire):
    def sends(message, held):
        wire.insists(topics.PLANNER_EPISODES, message, lambda: receipts and list(receipts[-1].rounds) == [held])

    wire.start('learner', level='planner')
    receipts, first, second = wire.hears(topics.RECEIPT), episodes(), episodes()
    second.round = second.weights = second.statistics = 1
    sends(first, 1)
    sends(second, 2)
    wire.process.kill()
    wire.process.wait()
    path = next(wire.root.rglob('worker_0-00000000.safetensors'))
    path.write_bytes(path.read_bytes()[:-9])
    wire.start('learner', level='planner')
    wire.refuses('rounds 0 and later of worker 0 are lost, and wanted again')
    sends(second, 0)
    heard = len(receipts)
    wire.insists(topics.PLANNER_EPISODES, second, lambda: len(receipts) > heard)
    assert list(receipts[-1].rounds) == [0], 'a later round does not hide the one that was lost'
    sends(first, 1)
    sends(second, 2)


def test_episodes_of_another_number_of_arms_are_refused(wire):
    wire.start('learner', level='planner')
    wire.send(topics.PLANNER_EPISODES, episodes(ARMS + 1))
    wire.refuses('episodes refused')


@pytest.mark.parametrize('bad', [contribution(0, 6, samples=7 * FRAMES), contribution(2, 0), contribution(m2=-1.0),
                                 contribution(samples=100)], ids=['too far', 'backwards', 'negative', 'other arms'])
def test_a_contribution_that_does_not_fit_is_refused_and_leaves_nothing_behind(wire, bad):
    wire.start('normalizer')
    versions, receipts = wire.hears(topics.STATISTICS), wire.hears(topics.RECEIPT)
    wire.send(topics.CONTRIBUTION, bad)
    wire.refuses('contribution refused')
    wire.send(topics.CONTRIBUTION, contribution())
    wire.listener.until(lambda: receipts and list(receipts[-1].rounds) == [1], 'the receipt')
    wire.listener.until(lambda: [v.version for v in versions] == [0, 1, 2], 'statistics 2')
    assert versions[-1].count == FRAMES


@pytest.mark.parametrize('bad', [
    metrics('evaluator', 4, {}), metrics('evaluator', 4, {'evaluation/confirmed': 1.0}),
    metrics('evaluator', 4, {'evaluation/confirmed': 1.0, 'evaluation/success_rate': 1.0, 'evaluation/luck': 1.0}),
    metrics('stranger', 0, {})], ids=['empty', 'half', 'luck', 'stranger'])
def test_metrics_that_do_not_fit_are_refused_and_end_nothing(wire, bad):
    wire.start('recorder')
    status = wire.hears(topics.STATUS)
    wire.send(topics.METRICS, bad)
    wire.refuses('metrics refused')
    wire.send(topics.METRICS, metrics('normalizer', 0, {'environment_steps': ARMS * TASK.steps, 'normalizer/count': 0.0}))
    for source in ('planner', 'controller'):
        wire.send(topics.METRICS, metrics(f'{source}_learner', 0, {f'{source}/updates': 0.0}))
    wire.listener.until(lambda: status and status[-1].environment_steps == ARMS * TASK.steps, 'the row of round 0')
    assert status[-1].state == status[-1].RUNNING
