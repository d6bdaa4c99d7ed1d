"""A bridge that waits repeats its state: it gets the answer again, but no episodes that the learner holds already."""
import pytest
import still_round
from still_round import answered
from wire import ARMS, LEVELS, RUN, SEED, TASK, Wire, give_pair

from hac_ros import messages, records, topics
from hac_ros.learning.learner import Learner
from rclpy.duration import Duration

HELD = topics.CONSUMERS[records.PLANNER]


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path)


def states(take=0):
    """Return the messages of a take of round 0."""
    return still_round.states(TASK, ARMS, SEED, records.StepId(RUN, 0, 0, take, 0))


def test_episodes_are_sent_again_until_the_learner_holds_them(wire):
    wire.start('planner')
    answers, episodes = wire.hears(topics.SUBGOAL), wire.hears(topics.PLANNER_EPISODES)
    weights = {records.PLANNER: Learner(records.PLANNER, TASK, LEVELS[records.PLANNER], SEED).initial_weights()}
    give_pair(wire, records.PLANNER, weights)
    first, second, third = (states(take) for take in range(3))
    for message in first[:-1]:
        wire.insists(topics.ARM_STATE, message, lambda m=message: answered(m, answers))
    wire.insists(topics.ARM_STATE, first[-1], lambda: len(episodes) > 1)
    # States are answered in the order in which they are sent: with this one all before it have been.
    wire.insists(topics.ARM_STATE, second[0], lambda: answered(second[0], answers))
    wire.send(topics.RECEIPT, messages.from_receipt(HELD, 1, {0: 1}, RUN))
    assert wire.publishers[topics.RECEIPT.name].wait_for_all_acked(Duration(seconds=60))
    for message in second[1:-1]:
        wire.insists(topics.ARM_STATE, message, lambda m=message: answered(m, answers))
    before = len(episodes)
    wire.send(topics.ARM_STATE, second[-1])
    wire.listener.until(lambda: len(episodes) > before, 'episodes')
    for message in (second[-1], second[-1]):
        wire.send(topics.ARM_STATE, message)
    wire.insists(topics.ARM_STATE, third[0], lambda: answered(third[0], answers))
    wire.listener.executor.spin_once(timeout_sec=0.1)
    assert len(episodes) == before + 1
