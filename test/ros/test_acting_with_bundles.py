"""Nodes that are given a bundle act with it alone: no learner, no exploration, its statistics frozen."""
from dataclasses import asdict, replace

import numpy as np
import pytest
from small_bundle import CONTROLLER, PLANNER, VERSION, small_bundle

from hac_ros import acting, messages, tasks, topics
from hac_ros.config import FetchConfig
from hac_ros.learning.controller import Controller
from hac_ros.learning.planner import Planner
from std_msgs.msg import Header

RUN, ARMS, REACH = 'acting', 2, tasks.by_name('reach')
NODES = ('normalizer', 'planner', 'controller')


@pytest.fixture
def start(processes, tmp_path):
    """Start a node of the run with the bundle."""
    bundle = small_bundle(tmp_path / 'bundle')

    def started(executable, **parameters):
        namespace = f'/{RUN}' if executable == 'normalizer' else f'/{RUN}/worker_0'
        return processes.start(executable, namespace, **{
            'run': RUN, 'arms': ARMS, 'folder': tmp_path / 'runs', 'bundle': tmp_path / 'bundle', **parameters})
    started.bundle = bundle
    return started


def kept(listener, topic):
    """Return the list that every message of ``topic`` goes to, however late it is looked at."""
    found = []
    listener.node.create_subscription(topic.type, topic.path(RUN), found.append, 1000)
    return found


def whole_round(states, commands) -> int | None:
    """Return a round, not the first, of which every state and answer came: on a busy machine a listener misses some."""
    seen = [{(message.id.round, message.id.step) for message in messages_} for messages_ in (states, commands)]
    rounds = range(1, 1 + max((round_ for round_, _ in seen[1]), default=0))
    return next((round_ for round_ in rounds
                 if all((round_, step) in each for each in seen for step in range(REACH.steps))), None)


def test_actions_through_the_nodes_are_those_of_the_bundle_for_the_same_states(start, listener, processes):
    states, commands, statistics = kept(listener, topics.ARM_STATE), kept(listener, topics.ARM_COMMAND), []
    topics.subscribe(listener.node, topics.STATISTICS, statistics.append, RUN)      # latched: late is soon enough
    for executable in NODES:
        start(executable)
    listener.until(lambda: commands or all(listener.node.count_publishers(topic.path(RUN)) for topic in (
        topics.STATISTICS, topics.SUBGOAL, topics.ARM_COMMAND)), 'the nodes')
    processes.start('mujoco_bridge', f'/{RUN}/worker_0', run=RUN, arms=ARMS, bridge__standalone=True)
    round_ = listener.until(lambda: statistics and whole_round(states, commands), 'a round of which we missed nothing')
    planner, controller = Planner(REACH, PLANNER, ARMS, 0), Controller(REACH, CONTROLLER, ARMS, 0)
    planner.begin(round_, start.bundle.planner, start.bundle.statistics, explore=False)
    controller.begin(round_, start.bundle.controller, start.bundle.statistics, explore=False)
    answers = {message.id.step: message for message in commands if message.id.round == round_}
    first = {message.id.step: message for message in reversed(states) if message.id.round == round_}
    for step in range(REACH.steps):
        state = messages.to_arm_state(first[step], REACH.observation)
        wanted, came = controller.act(state, planner.act(state)), messages.to_commands(answers[step], ARMS)
        assert np.array_equal(came.value, wanted.value) and (came.weights, came.statistics) == (VERSION, VERSION)
    assert len({message.version for message in statistics}) == 1 and statistics[-1].frozen
    assert not listener.node.count_publishers(topics.PLANNER_WEIGHTS.path(RUN))


@pytest.mark.parametrize('executable, parameters, words', [
    ('planner', {'task': 'push'}, 'trained for task reach'),
    ('controller', {'control': 'fetch'}, 'trained for control mode mocap, fetch is wanted'),
    ('normalizer', {'bundle': '/nowhere'}, 'cannot be read')], ids=['task', 'control', 'missing'])
def test_a_bundle_that_does_not_fit_ends_the_node_with_one_line(start, executable, parameters, words):
    process = start(executable, **parameters)
    assert process.wait(60) == 2
    lines = process.log.read_text().splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: ') and words in lines[0]


def test_statistics_that_are_not_the_bundles_are_refused(start, listener):
    start('planner', control='fetch', allow_control_mismatch=True)
    diagnostics = []
    topics.subscribe(listener.node, topics.DIAGNOSTICS, diagnostics.append, RUN)
    others = small_bundle_statistics(start.bundle)
    publisher = topics.publisher(listener.node, topics.STATISTICS, RUN)
    publisher.publish(messages.from_statistics(others, RUN, Header().stamp))

    def refused():
        return [status for array in diagnostics for status in array.status if 'statistics refused' in status.message]
    message = listener.until(refused, 'the refusal')[0].message
    assert 'give the normalizer the same bundle' in message


def small_bundle_statistics(bundle):
    """Return statistics of the same version that hold other values."""
    moments = replace(bundle.statistics.moments, mean=bundle.statistics.moments.mean + 1.0)
    return replace(bundle.statistics, moments=moments)


def fetch_bundle(tmp_path, **settings):
    bundle = small_bundle(tmp_path / 'fetch', control='fetch')
    return replace(bundle, settings={**bundle.settings, 'fetch': asdict(FetchConfig(**settings))})


def test_a_deployment_moves_as_fast_as_the_bundle_was_trained_to(tmp_path):
    assert acting.motion(FetchConfig(), fetch_bundle(tmp_path, speed=0.05)) == FetchConfig(speed=0.05)
    assert acting.motion(FetchConfig(speed=0.05), fetch_bundle(tmp_path, speed=0.05)) == FetchConfig(speed=0.05)


def test_a_motion_that_the_bundle_was_not_trained_with_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'fetch\.speed: 0\.2 came, the bundle was trained with 0\.05'):
        acting.motion(FetchConfig(speed=0.2), fetch_bundle(tmp_path, speed=0.05))


def test_velocities_are_scaled_for_a_bundle_of_mocap_and_without_a_bundle_what_is_declared_holds(tmp_path):
    assert acting.motion(FetchConfig(), small_bundle(tmp_path / 'mocap')).velocity_scale == acting.MOCAP_SCALE
    assert acting.motion(FetchConfig(speed=0.2), None) == FetchConfig(speed=0.2)
