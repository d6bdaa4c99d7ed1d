"""What a message that does not fit does to each node: it is refused, named in the log, and the node goes on."""
import numpy as np
import pytest

from hac_ros import config, messages, records, tasks, topics
from hac_ros.learning.learner import Learner
from hac_ros.learning.ledger import Ledger
from hac_ros.simulation.simulation import Simulation
from std_msgs.msg import Header

RUN, ARMS, SEED = 'hostile', 3, 5
TASK = tasks.by_name('reach')
LEVELS = {records.CONTROLLER: config.ControllerConfig(hidden=(8,)), records.PLANNER: config.PlannerConfig(hidden=(8,))}
STAMP = Header().stamp


@pytest.fixture(scope='module')
def weights():
    """Untrained weights of each level, version 0."""
    return {level: Learner(level, TASK, settings, SEED).initial_weights() for level, settings in LEVELS.items()}


class Wire:
    """Publishes on every topic of the run and waits for what a node says of it."""

    def __init__(self, listener, processes, root):
        self.listener, self.processes, self.root, self.publishers = listener, processes, root, {}

    def start(self, executable, **parameters):
        """Start a node of the run."""
        worker = executable in ('planner', 'controller')
        self.process = self.processes.start(
            executable, f'/{RUN}/worker_0' if worker else f'/{RUN}', run=RUN, task='reach', arms=ARMS, seed=SEED,
            folder=self.root, planner__hidden=[8], controller__hidden=[8], **parameters)

    def send(self, topic, message):
        """Publish ``message`` when the node reads the topic."""
        if topic.name not in self.publishers:
            self.publishers[topic.name] = topics.publisher(self.listener.node, topic, RUN)
        publisher = self.publishers[topic.name]
        self.listener.until(lambda: publisher.get_subscription_count() or self.process.poll() is not None, topic.name)
        publisher.publish(message)

    def refuses(self, words):
        """Wait until the node's log has ``words``; the node goes on."""
        self.listener.until(lambda: words in self.said() or self.process.poll() is not None, f'{words!r} in the log', limit=20)
        assert self.process.poll() is None and words in self.said(), self.said()

    def said(self):
        """Return what the node has printed."""
        return self.process.log.read_text()

    def hears(self, topic):
        """Return the list to which messages of ``topic`` are added as they come."""
        heard = []
        topics.subscribe(self.listener.node, topic, heard.append, RUN)
        return heard


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path)


def first_state(arms=ARMS, steps=None):
    simulation = Simulation(TASK, arms, SEED)
    simulation.reset(0)
    s = simulation
    return messages.from_arm_state(records.ArmState(
        records.StepId(RUN, 0, 0, 0, 0), TASK.observation.name, steps or TASK.steps, s.observation, s.achieved_goal,
        s.desired_goal, s.reward, s.success))


def statistics():
    return messages.from_statistics(Ledger(TASK.observation, 1).make(), RUN, STAMP)


def subgoals(arms=ARMS):
    return messages.from_subgoals(records.Subgoals(
        records.StepId(RUN, 0, 0, 0, 0), np.full((arms, 4), 0.5), np.full((arms, 2), 0.1), np.ones(arms),
        np.zeros(arms, np.uint32), np.ones(arms, np.uint16), np.zeros(arms, bool)), Header())


def give_pair(wire, level, weights):
    wire.send(topics.STATISTICS, statistics())
    wire.send(topics.WEIGHTS[level], messages.from_weights(weights[level], RUN, STAMP))


@pytest.mark.parametrize('bad', [first_state(arms=ARMS + 1), first_state(steps=7)], ids=['arms', 'steps'])
def test_a_state_of_another_size_is_refused_and_the_next_one_answered(wire, weights, bad):
    wire.start('planner')
    answers = wire.hears(topics.SUBGOAL)
    give_pair(wire, records.PLANNER, weights)
    wire.send(topics.ARM_STATE, bad)
    wire.refuses('state refused')
    wire.send(topics.ARM_STATE, first_state())
    wire.listener.until(lambda: answers, 'the answer')


def test_a_subgoal_of_another_size_is_refused_and_the_next_one_followed(wire, weights):
    wire.start('controller')
    answers = wire.hears(topics.ARM_COMMAND)
    give_pair(wire, records.CONTROLLER, weights)
    wire.send(topics.ARM_STATE, first_state())
    wire.send(topics.SUBGOAL, subgoals(ARMS + 1))
    wire.refuses('subgoal refused')
    wire.send(topics.SUBGOAL, subgoals())
    wire.listener.until(lambda: answers, 'the answer')


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
    wire.listener.until(lambda: answers, 'the answer')


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


def test_episodes_of_another_number_of_arms_are_refused(wire):
    wire.start('learner', level='planner')
    wire.send(topics.PLANNER_EPISODES, episodes(ARMS + 1))
    wire.refuses('episodes refused')


def episodes(arms=ARMS):
    steps, size = TASK.steps, TASK.observation.size
    rng = np.random.default_rng(3)
    return messages.from_episodes(records.Episodes(
        0, 1, 0, records.PLANNER, 0, 0, rng.normal(size=(steps + 1, arms, size)), rng.normal(size=(steps + 1, arms, 3)),
        rng.normal(size=(arms, 3)), np.zeros((steps + 1, arms), bool), rng.normal(size=(steps, arms, 4)),
        np.full((steps, arms, 2), 0.02), np.ones((steps, arms)), np.zeros((steps, arms), np.uint32),
        np.ones((steps, arms), np.uint16), np.zeros((steps, arms), bool), rng.uniform(-1, 1, (steps, arms, 4)),
        np.ones((steps, arms), bool)), RUN, TASK.observation, Header())


def contribution(first=0, last=0, m2=1.0):
    size = TASK.observation.size
    return messages.from_contribution(records.Contribution(
        records.ContributionId(0, 5, 1, first, last), TASK.observation.name,
        records.Moments(100, np.zeros(size), np.full(size, m2))), RUN, STAMP)


@pytest.mark.parametrize('bad', [contribution(0, 6), contribution(2, 0), contribution(m2=-1.0)],
                         ids=['too far', 'backwards', 'negative'])
def test_a_contribution_that_does_not_fit_is_refused_and_leaves_nothing_behind(wire, bad):
    wire.start('normalizer')
    versions, receipts = wire.hears(topics.STATISTICS), wire.hears(topics.RECEIPT)
    wire.send(topics.CONTRIBUTION, bad)
    wire.refuses('contribution refused')
    wire.send(topics.CONTRIBUTION, contribution())
    wire.listener.until(lambda: receipts and list(receipts[-1].rounds) == [1], 'the receipt')
    wire.listener.until(lambda: [v.version for v in versions] == [0, 1, 2], 'statistics 2')
    assert versions[-1].count == 100


def metrics(source, round_, values):
    return messages.from_metrics(source, 0, round_, values, RUN, STAMP)


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
