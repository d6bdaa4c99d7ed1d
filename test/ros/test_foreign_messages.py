"""What belongs to another run is dropped by every node, whatever topic it comes on, and names no file.

Each node hears a message of the other run first, on the topic of its own, then its own run's: that shows which it took.
"""
import pytest
from wire import ARMS, FRAMES, LEVELS, RUN, SEED, STAMP, TASK, Wire, contribution, episodes, first_state
from wire import metrics, statistics

from hac_ros import messages, records, topics
from hac_ros.learning import running_statistics
from hac_ros.learning.journal import EpisodeJournal
from hac_ros.learning.learner import Learner
from hac_ros.msg import RunStatus
from rclpy.duration import Duration

OTHER = '../another'      # a run whose messages would also lead out of the run's folder, if they named a file


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path / 'runs')


def foreign(message):
    """Return ``message`` as another run would send it."""
    (message.id if hasattr(message, 'id') else message).run = OTHER
    return message


def deliver(wire, topic, message):
    """Send ``message`` and wait until it is there: a latched writer keeps its newest only."""
    wire.send(topic, message)
    assert wire.publishers[topic.name].wait_for_all_acked(Duration(seconds=60))


def other_statistics():
    """Return a message of statistics 0 with values of their own."""
    moments = running_statistics.of_samples(messages.to_arm_state(first_state(), TASK.observation).observation)[0]
    return messages.from_statistics(records.Statistics(0, TASK.observation.name, moments), RUN, STAMP)


def weights():
    learner = Learner(records.PLANNER, TASK, LEVELS[records.PLANNER], SEED)
    return messages.from_weights(learner.initial_weights(), RUN, STAMP)


def planner(wire):
    wire.start('planner')
    answers, health = wire.hears(topics.SUBGOAL), wire.hears(topics.DIAGNOSTICS)
    deliver(wire, topics.PLANNER_WEIGHTS, weights())
    deliver(wire, topics.STATISTICS, statistics())
    deliver(wire, topics.PLANNER_WEIGHTS, foreign(messages.from_weights(
        records.Weights(records.PLANNER, 0, 0, 0, {}), RUN, STAMP)))
    deliver(wire, topics.STATISTICS, foreign(other_statistics()))
    wire.insists(topics.ARM_STATE, foreign(first_state()), lambda: 'states of another run or worker ignored' in {
        value.key for array in health for status in array.status for value in status.values})
    wire.asks(topics.ARM_STATE, first_state(), answers)
    assert {answer.id.run for answer in answers} == {RUN}


def normalizer(wire):
    wire.start('normalizer')
    versions = wire.hears(topics.STATISTICS)
    deliver(wire, topics.CONTRIBUTION, foreign(contribution(m2=7.0)))
    deliver(wire, topics.CONTRIBUTION, contribution())
    wire.listener.until(lambda: versions and versions[-1].version == 2, 'statistics 2')
    assert versions[-1].count == FRAMES and set(versions[-1].m2) == {1.0}


def learner(wire):
    wire.start('learner', level='planner')
    receipts, stranger = wire.hears(topics.RECEIPT), foreign(episodes())
    stranger.incarnation = 99
    deliver(wire, topics.PLANNER_EPISODES, stranger)
    wire.insists(topics.PLANNER_EPISODES, episodes(), lambda: receipts and list(receipts[-1].rounds) == [1])
    held = EpisodeJournal(wire.root / RUN / 'checkpoint' / 'journal' / 'planner_learner').read({})
    assert [each.incarnation for each in held] == [1]


def recorder(wire):
    wire.start('recorder')
    status, row = wire.hears(topics.STATUS), {'environment_steps': ARMS * TASK.steps, 'normalizer/count': 0.0}
    deliver(wire, topics.METRICS, foreign(metrics('normalizer', 0, {**row, 'environment_steps': 7.0})))
    deliver(wire, topics.METRICS, metrics('../another', 0, row))
    deliver(wire, topics.METRICS, metrics('normalizer', 0, row))
    for level in records.LEVELS:
        deliver(wire, topics.METRICS, metrics(f'{level}_learner', 0, {f'{level}/updates': 0.0}))
    wire.listener.until(lambda: status and status[-1].environment_steps, 'the row of round 0')
    assert status[-1].environment_steps == ARMS * TASK.steps


def bridge(wire):
    wire.start('mujoco_bridge')
    states = wire.hears(topics.ARM_STATE)
    for made, rounds in ((foreign, 0), (lambda message: message, 3)):
        for consumer in topics.CONSUMERS:
            deliver(wire, topics.RECEIPT, made(messages.from_receipt(consumer, 1, {0: rounds}, RUN)))
        deliver(wire, topics.STATISTICS, made(statistics()))
        deliver(wire, topics.STATUS, made(RunStatus(run=RUN, rounds_permitted=9)))
    wire.listener.until(lambda: states, 'the first state')
    assert (states[0].id.run, states[0].id.round) == (RUN, 3)


@pytest.mark.parametrize('node', [planner, normalizer, learner, recorder, bridge], ids=lambda node: node.__name__)
def test_messages_of_another_run_are_dropped_and_name_no_file(wire, node, tmp_path):
    node(wire)
    assert not [path for path in tmp_path.rglob('*') if 'another' in path.name]
