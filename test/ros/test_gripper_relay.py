"""Where only topics reach the robot, the gripper's action is offered all the same; the test is the robot."""
import time

import numpy as np
import pytest

from builtin_interfaces.msg import Time
from control_msgs.action import GripperCommand
from hac_ros import kinematics, robot_messages, topics
from hac_ros.simulation.fetch_robot import STALL_TIME
from rclpy.action import ActionClient
from std_msgs.msg import Bool

RUN = 'relayed'


@pytest.fixture
def relay(listener, processes):
    """Sends goals, moves the fingers, and hears what the robot would be told."""
    processes.start('gripper_relay', '/', run=RUN, use_sim_time=True)     # it stands still: a goal ends by the machine's own clock
    return Relay(listener)


class Relay:
    def __init__(self, listener):
        self.listener, self.told = listener, []
        topics.subscribe(listener.node, topics.RELAYED_GRIPPER, lambda msg: self.told.append(list(msg.data)), RUN)
        self.joints = topics.publisher(listener.node, topics.ROBOT_JOINT_STATES, RUN)
        self.client = ActionClient(listener.node, GripperCommand, topics.GRIPPER_ACTION)
        listener.until(lambda: self.client.server_is_ready() and self.joints.get_subscription_count()
                       and listener.node.count_publishers(topics.RELAYED_GRIPPER.name), 'the relay')

    def move(self, opening):
        values = np.array([[opening / 2, 0.0, 0.0]] * 2)
        self.joints.publish(robot_messages.from_joints(kinematics.FINGER_JOINTS, values, Time()))

    def send(self, position):
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = position, 60.0
        return self.listener.response(lambda: self.client.send_goal_async(goal), 'acceptance')

    def accepted(self, position):
        """Send until it is accepted: the relay must have heard of the fingers first."""
        handles = []

        def sent():
            self.move(0.1)
            handles.append(self.send(position))
            return handles[-1].accepted
        self.listener.until(sent, 'an accepted goal')
        return handles[-1]


def test_a_goal_is_told_to_the_robot_and_ends_when_the_fingers_are_there(relay):
    goal = relay.accepted(0.02)
    ending = goal.get_result_async()
    relay.listener.until(lambda: relay.told, 'the goal on its topic')
    assert relay.told == [[0.02, 60.0]] and not ending.done()

    def there():
        relay.move(0.021)
        return ending.done()
    relay.listener.until(there, 'the end of the goal')
    result = ending.result().result
    assert result.reached_goal and not result.stalled and result.position == pytest.approx(0.021)


@pytest.mark.parametrize('topic', [topics.RUNSTOPPED, topics.BUTTON], ids=lambda topic: topic.name.split('/')[1])
def test_a_run_stop_ends_the_goal_and_none_is_taken_while_it_is_pressed(relay, topic):
    switch = topics.publisher(relay.listener.node, topic, RUN)
    relay.listener.until(switch.get_subscription_count, 'the relay')
    ending = relay.accepted(0.02).get_result_async()

    def ended(pressed=True):
        switch.publish(Bool(data=pressed))
        return ending.done()
    relay.listener.until(ended, 'the end of the goal')
    assert not ending.result().result.reached_goal and not relay.send(0.02).accepted
    relay.listener.until(lambda: len(relay.told) > 1, 'the fingers\' place')
    relay.move(0.06)
    relay.listener.until(lambda: ended(False) and len(relay.told) > 2, 'their place after the release')
    assert relay.told == [[0.02, 60.0], [0.1, 60.0], [0.06, 60.0]]

    def goes_on():
        relay.move(0.06)
        return ended(False) and relay.send(0.02).accepted
    relay.listener.until(goes_on, 'a goal after its release')


def test_fingers_that_nobody_tells_of_any_more_neither_stall_nor_are_given_goals(relay):
    ending, began = relay.accepted(0.02).get_result_async(), time.monotonic()
    relay.listener.until(lambda: time.monotonic() - began > STALL_TIME + 1.0, 'the time in which fingers stall')
    assert not ending.done() and not relay.send(0.05).accepted
    relay.move(0.02)
    relay.listener.until(ending.done, 'the end of the goal')
    assert ending.result().result.reached_goal
