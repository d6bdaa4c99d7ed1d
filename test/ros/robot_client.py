"""A test's own place at an emulated robot's topics, and its twin in this process: the same robot without ROS."""
import dataclasses

import numpy as np

from builtin_interfaces.msg import Time
from control_msgs.action import FollowJointTrajectory, GripperCommand
from hac_ros import config, kinematics, messages, robot_messages, tasks, topics
from hac_ros.simulation.emulated_fetch import EmulatedFetch
from hac_ros.simulation.joint_trajectory import JointTrajectory
from rclpy.action import ActionClient
from std_msgs.msg import Bool

RUN, SEED, PERIOD_TICKS = 'emulated', 7, 4
QUIET = config.NOMINAL      # nothing differs, nothing is noisy
ENDS = {4: 'succeeded', 5: 'cancelled', 6: 'aborted'}


def parameters(randomization=QUIET) -> dict:
    """Return parameters of the node for ``randomization``."""
    return {f'randomization__{item.name}': list(value) if isinstance(value := getattr(randomization, item.name), tuple)
            else value for item in dataclasses.fields(randomization)}


class RobotClient:
    """Commands a stepped emulator and its twin alike, period by period, and hears all that it says."""

    def __init__(self, listener, task: str, randomization=QUIET):
        self.listener, self.twin = listener, EmulatedFetch(tasks.by_name(task, 'fetch'), SEED, randomization)
        self.parts, self.status, self.poses, self.transforms, self.stamp = {}, [], [], [], -1.0
        self.button, self.faulted = [], []
        self.clients = {}
        node = listener.node
        for topic, heard in ((topics.ROBOT_JOINT_STATES, self.on_joints), (topics.RUNSTOPPED, self.status.append),
                             (topics.BUTTON, self.button.append), (topics.FAULTED, self.faulted.append),
                             (topics.OBJECT_POSE, self.poses.append), (topics.TF, self.transforms.append)):
            topics.subscribe(node, topic, heard, RUN)
        self.twists, self.runstops = (topics.publisher(node, topic, RUN) for topic in (topics.TWIST_COMMAND, topics.RUNSTOP))
        self.gripper = ActionClient(node, GripperCommand, topics.GRIPPER_ACTION)
        self.trajectories = ActionClient(node, FollowJointTrajectory, topics.TRAJECTORY_ACTION)
        listener.until(lambda: self.parts and self.twists.get_subscription_count() and self.gripper.server_is_ready()
                       and self.trajectories.server_is_ready() and self.runstops.get_subscription_count(), 'the robot')

    def on_joints(self, message):
        """Keep the newest of each part."""
        self.parts[tuple(message.name)] = message

    def call(self, topic, **request):
        """Call a service of the emulator."""
        if topic.name not in self.clients:      # kept: to find a service takes longer than to call it
            self.clients[topic.name] = self.listener.node.create_client(topic.type, topic.name)
        client = self.clients[topic.name]
        self.listener.until(client.service_is_ready, f'service {topic.name}')
        future = client.call_async(topic.type.Request(**request))
        self.listener.until(future.done, f'response of {topic.name}')
        return future.result()

    def begin(self, episode: int = 0):
        """Begin an episode on both; return the response."""
        response = self.call(topics.BEGIN_EPISODE, episode=episode)
        self.twin.begin(episode)
        self.stamp = messages.seconds(response.goal.header.stamp)
        self._wait(self.stamp)
        return response

    def step(self, twist=None, frame: str = 'base_link', periods: int = 1):
        """Go on by control periods, each with ``twist`` (6,), or without one; return joints (9,) and velocities (9,)."""
        for _ in range(periods):
            if twist is None:
                assert self.call(topics.ADVANCE).success
            else:
                self.twists.publish(robot_messages.from_twist(np.array(twist, dtype=float), Time(), frame))
                self.twin.twist(frame, twist)
            for _ in range(PERIOD_TICKS):
                self.twin.tick()
            self.stamp += 0.04
            self._wait(self.stamp)
        return self.joints()

    def _wait(self, stamp):
        def came():
            return len(self.parts) == 2 and all(
                abs(messages.seconds(part.header.stamp) - stamp) < 1e-3 for part in self.parts.values())
        self.listener.until(came, f'joint states of {stamp:.2f} s')

    def joints(self):
        """Return positions (9,) and velocities (9,) of arm, right and left finger, as told."""
        told = {name: pair for part in self.parts.values() for name, *pair in zip(part.name, part.position, part.velocity)}
        return np.array([told[name] for name in (*kinematics.JOINTS, *kinematics.FINGER_JOINTS)]).T

    def grip(self, position: float, effort: float = 0.0):
        """Send a gripper goal to both, wait until it is accepted or not, and return its handle."""
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = position, effort
        return self._send(self.gripper, goal, lambda: self.twin.grip(position, effort))

    def follow(self, joints, seconds: float, names=kinematics.JOINTS, feedback=None):
        """Send a trajectory goal of one point to both, and return its handle."""
        trajectory = JointTrajectory(tuple(names), np.array([seconds]), np.array([joints], dtype=float))
        goal = FollowJointTrajectory.Goal(trajectory=robot_messages.from_trajectory(trajectory))
        return self._send(self.trajectories, goal, lambda: self.twin.follow(trajectory), feedback)

    def _send(self, client, goal, tell_twin, feedback=None):
        future = client.send_goal_async(goal, feedback)
        self.listener.until(future.done, 'acceptance of a goal')
        handle = future.result()
        if handle.accepted:
            tell_twin()
            handle.ending = handle.get_result_async()
        return handle

    def ending(self, handle):
        """Return how a goal that ends now has ended, in words, and its result."""
        self.listener.until(handle.ending.done, 'result of a goal')
        response = handle.ending.result()
        return ENDS[response.status], response.result

    def press(self, pressed: bool):
        """Press or release the run-stop of both, and wait until the robot says so."""
        self.status.clear()
        self.runstops.publish(Bool(data=pressed))
        self.listener.until(lambda: self.status and self.status[-1].data == pressed, 'the run-stop')
        self.twin.runstop(pressed)

    def grip_position(self):
        """Return where the grip is (3,) [m] in base_link, by the joints as told."""
        return kinematics.forward(self.joints()[0][:7])[0][0]
