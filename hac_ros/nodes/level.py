"""What planner and controller nodes share: following a bridge's rounds and handing them on."""
import time

from hac_ros import acting, messages, tasks, topics
from hac_ros.config import ActingConfig, RunConfig
from hac_ros.learning.bundle import level_configs
from hac_ros.learning.flat import actors
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.membership import Membership, joins
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare, declare_levels
from hac_ros.protocol import Follower, Turn, Versions
from hac_ros.records import CONTROLLER, PLANNER, ArmState

from rclpy.node import Node


class LevelNode(Node):
    """Follows arm_state; acts in round k with weights k and statistics k; hands the finished round on.

    Given a bundle it acts with that in every round, without exploration. ``learns`` tells which.
    Subclasses answer in ``act(state) -> message``, by ``level``, the pure actor; the answer is kept and sent again for
    a repeated state.
    """

    number: int    # records.CONTROLLER or records.PLANNER

    def __init__(self, name: str, **node_options):
        super().__init__(name, **node_options)
        self.config = declare(self, RunConfig)
        process.declare_priority(self)
        levels = tuple(declare_levels(self, self.config.policy).values())
        bundle = acting.chosen_bundle(declare(self, ActingConfig), self.config)
        self.learns = bundle is None
        if bundle is not None:
            levels = level_configs(bundle)
        self.ownership = Ownership(self, self.config)
        self.task = tasks.by_name(self.config.task, self.config.control)
        planner, controller = actors(self.task, *levels, self.config.arms, self.config.seed, self.config.worker)
        self.level = {PLANNER: planner, CONTROLLER: controller}[self.number]
        self.incarnation = time.time_ns()
        self.follower = Follower(self.config.run, self.config.worker)
        self.versions = Versions([self.number]) if self.learns else acting.Frozen(bundle, self.number)
        self.waiting: ArmState | None = None
        self.answer = None
        self.membership = Membership(self, self.config, joins(self.config) and self.learns)
        self._open_topics()

    def _open_topics(self):
        run, worker = self.config.run, self.config.worker
        self.health = Health(self, run)
        self.episodes = topics.publisher(self, topics.EPISODES[self.number], run)
        self.restarts = topics.publisher(self, topics.RESTART_ROUND, run, worker)
        topics.subscribe(self, topics.ARM_STATE, self.on_arm_state, run, worker)
        topics.subscribe(self, topics.WEIGHTS[self.number], self.on_weights, run)
        topics.subscribe(self, topics.STATISTICS, self.on_statistics, run)
        self.held: dict[str, int] = {}       # consumer -> number of this worker's rounds that it holds
        if self.learns:
            topics.subscribe(self, topics.RECEIPT, self.on_receipt, run)

    def on_arm_state(self, msg):
        """Answer a state; drop one that does not fit."""
        try:
            state = messages.to_arm_state(msg, self.task.observation)
            self.check(state)
        except ValueError as error:
            self.health.refuse('state refused', error)
            return
        self.follow(state)

    def check(self, state: ArmState) -> None:
        """Raise ValueError for a state that is not of this run's number of arms and of its task's episodes."""
        came, wanted = (state.arms, state.steps), (self.config.arms, self.task.steps)
        if came != wanted:
            raise ValueError(f'arm_state: (arms, steps) {came} came, {wanted} are wanted')

    def on_weights(self, msg):
        """Keep weights, and go on if a round waits for them."""
        if msg.run != self.config.run:
            return
        try:
            self.versions.add_weights(messages.to_weights(msg))
        except ValueError as error:
            self.health.refuse('weights refused', error)
        self.go_on()

    def on_statistics(self, msg):
        """Keep statistics, and go on if a round waits for them."""
        if msg.run != self.config.run:
            return
        try:
            self.versions.add_statistics(messages.to_statistics(msg, self.task.observation))
        except ValueError as error:
            self.health.refuse('statistics refused', error)
        self.go_on()

    def on_receipt(self, msg):
        """Note how many of our rounds a consumer holds; one that came back may hold fewer."""
        if msg.run == self.config.run:
            consumer, held = messages.to_receipt(msg)
            self.held[consumer] = held.get(self.config.worker, 0)

    def go_on(self) -> None:
        """Answer the state that waited for weights or statistics."""
        if self.waiting is not None:
            state, self.waiting = self.waiting, None
            self.follow(state)

    def follow(self, state: ArmState) -> None:
        """Deal with a state as the round protocol says."""
        turn = self.follower.turn(state.id)
        if turn is Turn.FOREIGN:
            self.health.note('states of another run or worker ignored')
        elif turn is Turn.REPEAT:
            self.repeat(state)
        elif turn is Turn.RESTART:
            self.health.note('rounds that could not be gone on with')
            self.get_logger().info(f'round {state.id.round}: steps before {state.id.step} are lost; asks for it to be '
                                   'begun anew', throttle_duration_sec=Health.WARN_EVERY)
            self.restarts.publish(messages.from_id(state.id))
        elif turn is Turn.CONTINUE or self.begin(state):
            self.advance(state)

    def repeat(self, state: ArmState) -> None:
        """Send the answer to a repeated state again; episodes only until the learner holds them: they are megabytes."""
        if not state.terminal or state.id.round >= self.held.get(topics.LEARNERS[self.number], 0):
            self.send(self.answer)

    def begin(self, state: ArmState) -> bool:
        """Begin a round; return False, keeping the state, while no weights and statistics that fit are here."""
        self.waiting = state
        try:
            pair = self.versions.pair(state.id.round)
            if pair is None:
                return False
            self.level.begin(state.id.round, *pair, explore=self.learns)
        except ValueError as error:
            self.health.refuse('weights refused', error)
            return False
        self.waiting = None
        return True

    def advance(self, state: ArmState) -> None:
        """Answer the next state of the round, or finish the round."""
        if state.terminal:
            self.level.finish(state)
            episodes = self.level.episodes(self.incarnation)
            self.finished(episodes)
            self.reply(state, messages.from_episodes(episodes, self.config.run, self.task.observation, header(state)))
        else:
            self.reply(state, self.act(state))

    def reply(self, state: ArmState, answer) -> None:
        """Send ``answer`` and note that the state has been dealt with."""
        self.answer = answer
        self.follower.answered(state.id)
        self.send(answer)

    def finished(self, episodes) -> None:
        """Hook: a round has ended."""

    def send(self, answer) -> None:
        """Publish an answer: a round's episodes or the subclass's message."""
        publisher = self.episodes if isinstance(answer, topics.EPISODES[self.number].type) else self.answers
        publisher.publish(answer)

    def act(self, state: ArmState):
        """Return the message that answers ``state``."""
        raise TypeError(f'{type(self).__name__} must define act')

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def header(state: ArmState):
    """Return the message header of ``state``, for answers to it."""
    result = topics.ARM_STATE.type().header
    result.stamp, result.frame_id = messages.to_time(state.time), state.frame
    return result
