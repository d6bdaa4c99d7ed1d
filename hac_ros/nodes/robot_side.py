"""The robot's side of fetch_bridge: its topics and actions, and those who watch over it."""
import time

import numpy as np

from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.config import DeploymentConfig
from hac_ros.fetch_driver import Sent
from hac_ros.nodes import robot_switches
from hac_ros.nodes.hold_goal import HoldGoal, NewestGoal
from hac_ros.pilot import Pilot
from hac_ros.safety.takeover import HOLDING

from control_msgs.action import GripperCommand
from std_msgs.msg import Header

MOST_EFFORT = 60.0     # [N] of a finger
HOLD_TIME = 0.5        # [s] of the one-point trajectory that holds the arm
BEGUN, STILL = 0.5, 0.001    # [s] after its goal, and [m] within some periods: fingers that move less hold something, or are there


class RobotSide:
    """joint_states, object_pose, switches -> pilot; pilot -> twist, gripper and trajectory goals.

    A message that does not fit is dropped whole and counted. In shadow mode nothing is sent.
    """

    def __init__(self, node, pilot: Pilot, config: DeploymentConfig, run: str, worker: int, health, on_joints):
        self.node, self.pilot, self.config, self.health, self.on_joints = node, pilot, config, health, on_joints
        self.twists = None if config.shadow else topics.publisher(node, topics.TWIST_COMMAND, run)
        self.heartbeat = topics.publisher(node, topics.HEARTBEAT, run, worker)
        self.gripping, self.holding = NewestGoal(node, GripperCommand, topics.GRIPPER_ACTION, node.now), HoldGoal(node, node.now)
        self.gripped_in = None      # round and take in which the gripper was sent its goal
        self.stilled = None         # fingers were told to stay where they are, False: while nothing had power; None: they were not
        signals = pilot.signals
        health.standing = lambda: [status.text for status in pilot.statuses if status.latches]
        self.subscriptions = robot_switches.listen(node, run, self.on_switch) + [
            topics.subscribe(node, topic, callback, run, worker) for topic, callback in (
                (topics.ROBOT_JOINT_STATES, self.on_joint_states), (topics.OBJECT_POSE, self.on_object_pose),
                (topics.DEAD_MAN, self.on_dead_man), (topics.GUARD_ALIVE, self.on_guard),
                (topics.NORMALIZER_ALIVE, lambda msg: signals.normalizer.beat(time.monotonic(), msg.frame_id)))]

    # What comes

    def on_joint_states(self, msg):
        """Merge a partial joint state."""
        try:
            self.pilot.senses.take_joints(*robot_messages.to_joints(msg), messages.seconds(msg.header.stamp))
        except ValueError as error:
            self.health.refuse('joint state refused', error)
            return
        self.on_joints()

    def read(self) -> None:
        """Take what has come, without an executor."""
        for subscription in self.subscriptions:
            while (taken := subscription.handle.take_message(subscription.msg_type, False)) is not None:
                subscription.callback(taken[0])

    def on_object_pose(self, msg):
        """Take a pose of the object, in base_link."""
        try:
            position, quaternion = robot_messages.to_pose(msg)
            shift = self.shift(msg.header.frame_id) + self.config.object_correction
        except ValueError as error:
            self.health.refuse('object pose refused', error)
            return
        self.pilot.senses.take_object(position + shift, quaternion, messages.seconds(msg.header.stamp))

    def on_switch(self, name: str, pressed: bool) -> None:
        """Run-stop or fault: whatever held the arm may hold it no longer."""
        self.pilot.take_switch(name, pressed, self.node.active)
        if pressed:
            self.holding.forget()

    def on_guard(self, msg):
        """The guard lives. Where it holds the arm, its goal has replaced ours."""
        self.pilot.signals.guard.beat(time.monotonic(), msg.frame_id)
        if msg.frame_id == HOLDING:
            self.holding.forget()

    def on_dead_man(self, msg):
        """The button is held, or not."""
        self.pilot.signals.held, self.pilot.signals.held_stamp = msg.data, self.node.now()

    def shift(self, frame: str):
        """Return where the origin of ``frame`` is in base_link; raises ValueError for one that was not declared."""
        known = {kinematics.FRAME: (0.0, 0.0, 0.0)}
        if self.config.frame:
            known[self.config.frame] = self.config.frame_origin
        if frame not in known:
            raise ValueError(f'frame {frame!r} came, {" or ".join(known)} is wanted: give deployment.frame and '
                             'deployment.frame_origin, or transform the pose before')
        return np.array(known[frame])

    # What goes

    def send(self, sent: Sent, now: float) -> None:
        """Send what a period came to. An arm at rest is given a trajectory that holds it, and then no more twists.

        One that moves again takes the trajectory back, which might still be on its way and would bring it to where it was.
        """
        if self.config.shadow:
            return
        if not sent.still:
            self.holding.cancel()
        elif self.config.clock != 'stepped':
            self.hold(now)
        if self.config.clock != 'stepped':
            self.still_gripper(sent.verdict.statuses, now)
        if sent.opening is not None:
            self.grip(sent.opening, lambda _: self.publish(sent, now))
            return
        self.regrip()
        if not (sent.still and self.holding.accepted):
            self.publish(sent, now)

    def publish(self, sent: Sent, now: float) -> None:
        """Publish the twist."""
        self.twists.publish(robot_messages.from_twist(sent.twist, messages.to_time(now)))

    def grip(self, opening: float, then) -> None:
        """Send a gripper goal, and go on with ``then``; where time stands still, when the goal was accepted.

        There nothing ends a goal but a newer one and the next episode: nobody asks how it ended.
        """
        self.gripped_in = self.episode
        if not self.gripping.ready:
            self.gripping.fail()
            self.health.refuse('gripper goal not sent', f'nobody offers {topics.GRIPPER_ACTION}')
            then(None)
            return
        stepped = self.config.clock == 'stepped'
        future = self.gripping.send(_gripper_goal(opening), until_its_end=not stepped)
        if stepped:
            future.add_done_callback(then)
        else:
            then(None)

    def regrip(self) -> None:
        """Let the next command send a gripper goal again that failed, after a pause and within its episode."""
        if self.gripping.failed is None or self.gripping.pausing:
            return
        self.gripping.forget()
        if self.gripped_in == self.episode:
            self.health.note('gripper goals that failed')
            self.pilot.driver.goals.lose(0)

    def still_gripper(self, statuses, now: float) -> None:
        """Tell fingers on their way to stay where they are while something stops them, and again when they have power again.

        A Fetch's gripper goes on to the last position that it was given, whether a goal is active or not, in each update
        (robot_controllers, ``parallel_gripper.cpp``), and takes none while it has no power. What was wished is sent anew after.
        Fingers that hold something are left alone: where they are they would not press.
        """
        if not any(status.stops_gripper for status in statuses):
            self.stilled = None
            return
        powered, state = not self.pilot.signals.switches.pressed, self.pilot.senses.robot_state()
        on_their_way = self.gripping.under_way and (now - self.gripping.sent_at < BEGUN or self.pilot.fingers_moved > STILL)
        due = on_their_way if self.stilled is None else powered and not self.stilled
        if due and self.gripping.ready and state is not None and np.isfinite(state.fingers).all():
            self.gripping.send(_gripper_goal(float(np.sum(state.fingers))))
            self.pilot.driver.goals.lose(0)
            self.stilled = powered

    @property
    def episode(self) -> tuple[int, int] | None:
        """Round and take of the episode that is flown; None: none."""
        flown = self.pilot.id
        return None if flown is None else (flown.round, flown.take)

    def hold(self, now: float) -> None:
        """Ask once for a trajectory to where the joints are, as far as that is known now; again where it failed.

        Joints that were measured elsewhere a moment ago may be elsewhere: a goal there would move the arm. While the arm is not
        ours, or has no power, or may have none, the goal would replace the guard's, or be refused.
        """
        if not self.may_hold:
            self.holding.forget()
            return
        known = abs(now - self.pilot.senses.stamp) <= self.pilot.safety.stale_after and self.pilot.at_rest
        if self.holding.asked or self.holding.pausing or not known:
            return
        self.holding.ask(np.array([HOLD_TIME]), self.pilot.senses.robot_state().joints[None])

    @property
    def may_hold(self) -> bool:
        """Whether a goal that holds the arm would be taken, and is ours to ask for."""
        signals = self.pilot.signals
        return not signals.switches.causes(self.pilot.clock()) and signals.guard.word != HOLDING and self.holding.ready

    @property
    def settled(self) -> bool:
        """Whether all has been done for an arm whose twists are zero: a goal that holds it is asked for, or none can be."""
        return self.config.shadow or self.holding.asked or not self.may_hold

    def beat(self, word: str, now: float) -> None:
        """Tell the guard that this process lives, and whether the arm moves."""
        self.heartbeat.publish(Header(stamp=messages.to_time(now), frame_id=word))


def _gripper_goal(opening: float) -> GripperCommand.Goal:
    goal = GripperCommand.Goal()
    goal.command.position, goal.command.max_effort = opening, MOST_EFFORT
    return goal
