"""One node of a run on a wire of the test's own: what the others would send it, and what it says of it."""
import time

import numpy as np

from hac_ros import config, messages, records, tasks, topics
from hac_ros.learning.ledger import Ledger
from hac_ros.simulation.simulation import Simulation
from std_msgs.msg import Header

RUN, ARMS, SEED = 'hostile', 3, 5
TASK = tasks.by_name('reach')
FRAMES = ARMS * (TASK.steps + 1)     # observations of a round
LEVELS = {records.CONTROLLER: config.ControllerConfig(hidden=(8,)), records.PLANNER: config.PlannerConfig(hidden=(8,))}
STAMP = Header().stamp
AGAIN = 5.0     # [s]


class Wire:
    """Publishes on every topic of the run and waits for what a node says of it."""

    def __init__(self, listener, processes, root):
        self.listener, self.processes, self.root, self.publishers = listener, processes, root, {}
        self.sent = {}      # topic -> what was sent last

    def start(self, executable, **parameters):
        """Start a node of the run."""
        worker = executable in ('planner', 'controller', 'mujoco_bridge')
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
        self.sent[topic.name] = message

    def insists(self, topic, message, condition):
        """Send ``message`` until ``condition()`` holds: as a bridge does, since a reader may be found late."""
        def done():
            assert self.process.poll() is None, self.said()
            if not condition():
                self.send(topic, message)
            return condition()
        self.listener.until(done, f'what {topic.name} asks for')

    def asks(self, topic, message, answers):
        """Send ``message`` until there are ``answers``."""
        self.insists(topic, message, lambda: answers)

    def refuses(self, words):
        """Wait until the node's log has ``words``; the node goes on.

        What was sent last on each topic is sent again now and then: the node's reader may be found before it has found the writer.
        """
        again = time.monotonic() + AGAIN

        def told():
            nonlocal again
            if time.monotonic() > again:
                for name, message in self.sent.items():
                    self.publishers[name].publish(message)
                again = time.monotonic() + AGAIN
            return words in self.said() or self.process.poll() is not None
        self.listener.until(told, f'{words!r} in the log')
        assert self.process.poll() is None and words in self.said(), self.said()

    def said(self):
        """Return what the node has printed."""
        return self.process.log.read_text()

    def hears(self, topic):
        """Return the list to which messages of ``topic`` are added as they come."""
        heard = []
        topics.subscribe(self.listener.node, topic, heard.append, RUN)
        return heard


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


def episodes(arms=ARMS):
    steps, size = TASK.steps, TASK.observation.size
    rng = np.random.default_rng(3)
    return messages.from_episodes(records.Episodes(
        0, 1, 0, records.PLANNER, 0, 0, rng.normal(size=(steps + 1, arms, size)), rng.normal(size=(steps + 1, arms, 3)),
        rng.normal(size=(arms, 3)), np.zeros((steps + 1, arms), bool), rng.normal(size=(steps, arms, 4)),
        np.full((steps, arms, 2), 0.02), np.ones((steps, arms)), np.zeros((steps, arms), np.uint32),
        np.ones((steps, arms), np.uint16), np.zeros((steps, arms), bool), rng.uniform(-1, 1, (steps, arms, 4)),
        np.ones((steps, arms), bool)), RUN, TASK.observation, Header())


def contribution(first=0, last=0, m2=1.0, samples=FRAMES):
    size = TASK.observation.size
    return messages.from_contribution(records.Contribution(
        records.ContributionId(0, 5, 1, first, last), TASK.observation.name,
        records.Moments(samples, np.zeros(size), np.full(size, m2))), RUN, STAMP)


def metrics(source, round_, values):
    return messages.from_metrics(source, 0, round_, values, RUN, STAMP)
