"""When rounds begin on a robot: with a goal that somebody gives, or, on an emulator, as learners want them."""
import time

import numpy as np

from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.fetch_senses import Senses
from hac_ros.nodes import process
from hac_ros.pilot import EARLY, Pilot
from hac_ros.protocol import Commit

WORLD = 'world'     # the frame of the bridge's own states: FetchEnv's
PATIENCE = 5.0      # [s] an emulator that lives answers within milliseconds
LOOK = 0.5          # [s] from one look at what is awaited to the next
BEGIN_WITHIN = 1.0  # [s] a goal waits for fresh states: an object's pose comes at 10 Hz


class GoalRounds:
    """Each goal begins a round; the one that runs ends there.

    A goal that cannot begin soon is dropped: it must not move the arm when nobody thinks of it any more. While the bridge is
    paused a round begins too, and waits.
    """

    def __init__(self, node, pilot: Pilot, first: int):
        self.node, self.pilot, self.following = node, pilot, first
        config = node.config
        # An emulator that stands for the robot puts the arm elsewhere between two goals; a robot has no such service.
        self.emulator = node.create_client(topics.BEGIN_EPISODE.type, topics.BEGIN_EPISODE.path(config.run))
        self.stepped = node.deployment.clock == 'stepped'
        topics.subscribe(node, topics.GOAL, self.on_goal, config.run, config.worker)
        process.timer(node, LOOK, self.on_timer)

    def on_goal(self, msg):
        """Take a goal; its stamp, where it has one, says from when on states belong to the round."""
        try:
            position = self.in_base(robot_messages.to_pose(msg)[0], msg.header.frame_id)
            since = self.since(messages.seconds(msg.header.stamp))
        except ValueError as error:
            self.node.health.refuse('goal refused', error)
            return
        if not self.node.active:
            self.node.health.refuse('goal refused', 'the bridge is not active: activate it first')
            return
        self.pilot.ask(self.following, 0, position, since, self.stepped or self.emulator.service_is_ready(),
                       np.inf if self.stepped else BEGIN_WITHIN)     # stepped time waits for whoever is late
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

    def since(self, stamp: float) -> float:
        """Return from when on [s] states belong to the round of a goal of ``stamp`` [s], 0 where it has none.

        Raises ValueError for a stamp that is to come, or so old that the goal may have waited on its way.
        """
        now, most = self.node.now(), self.pilot.safety.stale_after
        if now > 0.0 and stamp > now + most:     # 0: no clock has come yet
            raise ValueError(f'its stamp is {stamp - now:.2f} s ahead of the clock, at most {most:g} s is taken: '
                             'compare the clocks')
        if not self.stepped and 0.0 < stamp < now - BEGIN_WITHIN:
            raise ValueError(f'its stamp is {now - stamp:.2f} s old, at most {BEGIN_WITHIN:g} s is taken: give it again')
        return max(stamp, now - most)

    def on_timer(self):
        """Drop a goal that could not begin in time."""
        asked = self.pilot.asked
        if asked is not None and self.pilot.clock() > asked.expires:
            why = self.pilot.lacking(self.node.now()) or 'the states came too late'
            self.pilot.asked = None
            self.node.health.refuse('goal refused', f'it could not begin within {BEGIN_WITHIN:g} s: {why}')

    def restart(self) -> None:
        """Begin the round anew from where the arm is, unless a goal waits that ends it."""
        if self.pilot.running and self.pilot.asked is None:
            self.pilot.ask(self.pilot.id.round, self.pilot.id.take + 1, self.pilot.base_goal, 0.0)


class LearnerRounds:
    """Rounds follow as on mujoco_bridge; the emulator sets up the same start for the same round.

    An emulator that dies takes its robot with it: the next one is asked for the round's start again.
    """

    def __init__(self, node, pilot: Pilot):
        self.node, self.pilot = node, pilot
        self.answer = None                       # the future of what the emulator was asked last, until it has answered
        self.awaited, self.since = None, 0.0     # what it owes, and since when [s] of the steady clock
        config = node.config
        self.commit = Commit(config.worker, topics.CONSUMERS)
        self.emulator = node.create_client(topics.BEGIN_EPISODE.type, topics.BEGIN_EPISODE.path(config.run))
        topics.subscribe(node, topics.RECEIPT, self.on_receipt, config.run)
        topics.subscribe(node, topics.STATUS, self.on_status, config.run)
        topics.subscribe(node, topics.STATISTICS, self.on_statistics, config.run)
        process.timer(node, LOOK, self.on_timer)

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
        if not self.node.active or self.answer is not None or self.pilot.asked is not None or self.pilot.running:
            return
        following = self.commit.next_round(None if self.pilot.id is None else self.pilot.id.round)
        if following is not None:
            self.set_up(following, 0)

    def set_up(self, round_: int, take: int) -> None:
        """Ask the emulator for the start of ``round_``; ask again when it is not there yet."""
        if not self.emulator.service_is_ready():
            return      # the next repetition of the status or the timer asks again
        self.answer = self.emulator.call_async(topics.BEGIN_EPISODE.type.Request(episode=round_))
        self.answer.add_done_callback(lambda future: self.on_begun(future, round_, take))

    def on_begun(self, future, round_: int, take: int):
        """The emulator has set up the round."""
        if future is not self.answer:
            return      # it was asked again since then: this start is not the one that stands there
        self.answer, response = None, future.result()
        if not response.success:
            self.node.health.refuse('round not set up', response.message)
            return
        since = messages.seconds(response.goal.header.stamp)
        if self.newest() > since + EARLY:
            self.forget_states()        # the time of another emulator begins anew
        self.pilot.ask(round_, take, robot_messages.to_pose(response.goal)[0], since, set_up=True)
        self.node.on_joints()

    def restart(self) -> None:
        """Abandon the round and set it up anew: the same draws give the same round."""
        if self.pilot.running and self.answer is None and self.pilot.asked is None:
            self.set_up(self.pilot.id.round, self.pilot.id.take + 1)

    # An emulator that has died

    def on_timer(self):
        """Begin again when the emulator has owed something for too long."""
        awaited, now = self.owed() if self.node.active else None, time.monotonic()
        if awaited is None or awaited is not self.awaited:
            self.awaited, self.since = awaited, now
        elif now - self.since > PATIENCE:
            self.awaited = None
            self.begin_again()

    def owed(self):
        """Return what the emulator owes: an answer, the states of the start, or those that follow a twist; None: nothing."""
        pilot = self.pilot
        if self.answer is not None or pilot.asked is not None:
            return self.answer or pilot.asked
        return pilot.id if pilot.running and pilot.answered and not pilot.paused else None

    def begin_again(self) -> None:
        """Begin anew with the round that not all consumers hold, as after a start: the robot that knew of it may be gone."""
        self.node.health.refuse('emulator silent', f'nothing has come for {PATIENCE:g} s: its round is begun anew')
        self.answer = None
        self.pilot.abandon()
        self.forget_states()
        self.begin_next()

    def forget_states(self) -> None:
        """Forget joints and object: their stamps may be those of an emulator that has died, whose time was later."""
        self.pilot.senses = Senses(self.pilot.task, self.pilot.senses.config)

    def newest(self) -> float:
        """Return the latest stamp [s] of joints and object."""
        return max(*self.pilot.senses.stamps, self.pilot.senses.object_stamp or float('-inf'))
