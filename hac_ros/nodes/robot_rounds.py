"""When rounds begin on a robot: with a goal that somebody gives, or, on an emulator, as learners want them."""
import numpy as np

from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.pilot import Pilot
from hac_ros.protocol import Commit

WORLD = 'world'     # the frame of the bridge's own states: FetchEnv's


class GoalRounds:
    """Each goal begins a round; the one that runs ends there."""

    def __init__(self, node, pilot: Pilot, first: int):
        self.node, self.pilot, self.following = node, pilot, first
        config = node.config
        topics.subscribe(node, topics.GOAL, self.on_goal, config.run, config.worker)

    def on_goal(self, msg):
        """Take a goal; its stamp, where it has one, says from when on states belong to the round."""
        try:
            position = self.in_base(robot_messages.to_pose(msg)[0], msg.header.frame_id)
        except ValueError as error:
            self.node.health.refuse('goal refused', error)
            return
        if not self.node.active:
            self.node.health.refuse('goal refused', 'the bridge is not active: activate it first')
            return
        self.pilot.ask(self.following, 0, position, messages.seconds(msg.header.stamp))
        self.following += 1
        self.node.on_joints()

    def in_base(self, position: np.ndarray, frame: str) -> np.ndarray:
        """Return a goal (3,) [m] of ``frame`` in base_link. Raises ValueError for a frame that is not known.

        RViz's 2D tool gives z = 0 of its fixed frame: on the floor no goal can be, so one on the table is meant.
        """
        config, senses, on_floor = self.node.deployment, self.pilot.senses, position[2] == 0.0
        if frame not in (WORLD, kinematics.FRAME) or frame == config.frame:
            return position + self.node.robot.shift(frame)
        if frame == WORLD:
            if senses.robot_state() is None:
                raise ValueError(f'frame {WORLD!r} came before the joint states that tell where it is')
            position = senses.to_base(position)
        return np.append(position[:2], self.pilot.safety.table_height + config.click_height) if on_floor else position

    def restart(self) -> None:
        """Begin the round anew from where the arm is."""
        if self.pilot.running:
            self.pilot.ask(self.pilot.id.round, self.pilot.id.take + 1, self.pilot.base_goal, 0.0)


class LearnerRounds:
    """Rounds follow as on mujoco_bridge; the emulator sets up the same start for the same round."""

    def __init__(self, node, pilot: Pilot):
        self.node, self.pilot, self.expected = node, pilot, None
        config = node.config
        self.commit = Commit(config.worker, topics.CONSUMERS)
        self.emulator = node.create_client(topics.BEGIN_EPISODE.type, topics.BEGIN_EPISODE.path(config.run))
        topics.subscribe(node, topics.RECEIPT, self.on_receipt, config.run)
        topics.subscribe(node, topics.STATUS, self.on_status, config.run)
        topics.subscribe(node, topics.STATISTICS, self.on_statistics, config.run)

    def on_receipt(self, msg):
        """A consumer holds further rounds."""
        if msg.run == self.node.config.run:
            self.commit.receive(*messages.to_receipt(msg))
            self.begin_next()

    def on_status(self, msg):
        """The recorder permits further rounds."""
        if msg.run == self.node.config.run:
            self.commit.permit(msg.rounds_permitted)
            self.begin_next()

    def on_statistics(self, msg):
        """A version of the statistics is out."""
        if msg.run == self.node.config.run:
            self.commit.publish(msg.version)
            self.begin_next()

    def begin_next(self) -> None:
        """Set up the next round if the last one has ended and is held by all consumers."""
        if not self.node.active or self.expected is not None or self.pilot.asked is not None or self.pilot.running:
            return
        following = self.commit.next_round(None if self.pilot.id is None else self.pilot.id.round)
        if following is not None:
            self.set_up(following, 0)

    def set_up(self, round_: int, take: int) -> None:
        """Ask the emulator for the start of ``round_``; ask again when it is not there yet."""
        if not self.emulator.service_is_ready():
            return      # the next repetition of the status or the timer asks again
        self.expected = round_, take
        request = topics.BEGIN_EPISODE.type.Request(episode=round_)
        self.emulator.call_async(request).add_done_callback(self.on_begun)

    def on_begun(self, future):
        """The emulator has set up the round."""
        (round_, take), self.expected, response = self.expected, None, future.result()
        if not response.success:
            self.node.health.refuse('round not set up', response.message)
            return
        self.pilot.ask(round_, take, robot_messages.to_pose(response.goal)[0],
                       messages.seconds(response.goal.header.stamp))
        self.node.on_joints()

    def restart(self) -> None:
        """Abandon the round and set it up anew: the same draws give the same round."""
        if self.pilot.running and self.expected is None:
            self.set_up(self.pilot.id.round, self.pilot.id.take + 1)
