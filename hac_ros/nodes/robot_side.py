"""The robot's side of fetch_bridge: its topics and actions, and those who watch over it."""
import time

import numpy as np

from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.config import DeploymentConfig
from hac_ros.fetch_driver import Sent
from hac_ros.pilot import Pilot
from hac_ros.simulation.joint_trajectory import JointTrajectory

from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionClient
from std_msgs.msg import Header

MOST_EFFORT = 60.0     # [N] of a finger
HOLD_TIME = 0.5        # [s] of the one-point trajectory that holds the arm


class RobotSide:
    """joint_states, object_pose, switches -> pilot; pilot -> twist, gripper and trajectory goals.

    A message that does not fit is dropped whole and counted. In shadow mode nothing is sent.
    """

    def __init__(self, node, pilot: Pilot, config: DeploymentConfig, run: str, worker: int, health, on_joints):
        self.node, self.pilot, self.config, self.health, self.on_joints = node, pilot, config, health, on_joints
        self.twists = topics.publisher(node, topics.TWIST_COMMAND, run)
        self.heartbeat = topics.publisher(node, topics.HEARTBEAT, run, worker)
        self.gripper = ActionClient(node, GripperCommand, topics.GRIPPER_ACTION)
        self.trajectory = ActionClient(node, FollowJointTrajectory, topics.TRAJECTORY_ACTION)
        self.asked_to_hold = self.held = False
        signals = pilot.signals
        health.standing = lambda: [status.text for status in pilot.statuses if status.latches]
        for topic, callback in (
                (topics.ROBOT_JOINT_STATES, self.on_joint_states), (topics.OBJECT_POSE, self.on_object_pose),
                (topics.RUNSTOPPED, lambda msg: setattr(signals, 'runstopped', msg.data)),
                (topics.FAULTED, lambda msg: setattr(signals, 'faulted', msg.data)),
                (topics.DEAD_MAN, self.on_dead_man),
                (topics.GUARD_ALIVE, lambda msg: signals.guard.beat(time.monotonic(), msg.frame_id)),
                (topics.NORMALIZER_ALIVE, lambda msg: signals.normalizer.beat(time.monotonic(), msg.frame_id))):
            subscription = topics.subscribe(node, topic, callback, run, worker)
            if topic is topics.ROBOT_JOINT_STATES:
                self.joints = subscription

    # What comes

    def on_joint_states(self, msg):
        """Merge a partial joint state."""
        try:
            self.pilot.senses.take_joints(*robot_messages.to_joints(msg), messages.seconds(msg.header.stamp))
        except ValueError as error:
            self.health.refuse('joint state refused', error)
            return
        self.on_joints()

    def read_joints(self) -> None:
        """Take the joint states that have come, without an executor."""
        while (taken := self.joints.handle.take_message(self.joints.msg_type, False)) is not None:
            self.on_joint_states(taken[0])

    def on_object_pose(self, msg):
        """Take a pose of the object, in base_link."""
        try:
            position, quaternion = robot_messages.to_pose(msg)
            shift = self.shift(msg.header.frame_id) + self.config.object_correction
        except ValueError as error:
            self.health.refuse('object pose refused', error)
            return
        self.pilot.senses.take_object(position + shift, quaternion, messages.seconds(msg.header.stamp))

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
        """Send what a period came to. An arm at rest is given a trajectory that holds it, and then no more twists."""
        if self.config.shadow:
            return
        if not sent.still:
            self.asked_to_hold = self.held = False
        elif self.config.clock != 'stepped':
            self.hold(now)
        if sent.opening is not None:
            self.grip(sent.opening, lambda _: self.publish(sent, now))
        elif not (sent.still and self.held):
            self.publish(sent, now)

    def publish(self, sent: Sent, now: float) -> None:
        """Publish the twist."""
        self.twists.publish(robot_messages.from_twist(sent.twist, messages.to_time(now)))

    def grip(self, opening: float, then) -> None:
        """Send a gripper goal, and go on with ``then``; where time stands still, when the goal was accepted."""
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = opening, MOST_EFFORT
        if not self.gripper.server_is_ready():
            self.health.refuse('gripper goal not sent', f'nobody offers {topics.GRIPPER_ACTION}')
            then(None)
            return
        future = self.gripper.send_goal_async(goal)
        if self.config.clock == 'stepped':
            future.add_done_callback(then)
        else:
            then(None)

    def hold(self, now: float) -> None:
        """Ask once for a trajectory to where the joints are, as far as that is known now.

        Joints that were measured elsewhere a moment ago may be elsewhere: a goal there would move the arm.
        """
        known = abs(now - self.pilot.senses.stamp) <= self.pilot.safety.stale_after and self.pilot.at_rest
        if self.asked_to_hold or not known or not self.trajectory.server_is_ready():
            return
        self.asked_to_hold = True
        state = self.pilot.senses.robot_state()
        goal = FollowJointTrajectory.Goal()
        goal.trajectory = robot_messages.from_trajectory(
            JointTrajectory(kinematics.JOINTS, np.array([HOLD_TIME]), state.joints[None], None))
        self.trajectory.send_goal_async(goal).add_done_callback(self._on_held)

    def _on_held(self, future):
        self.held = self.asked_to_hold and future.result() is not None and future.result().accepted

    def beat(self, word: str, now: float) -> None:
        """Tell the guard that this process lives, and whether the arm moves."""
        self.heartbeat.publish(Header(stamp=messages.to_time(now), frame_id=word))
