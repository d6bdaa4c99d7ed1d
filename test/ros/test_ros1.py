"""What runs on a robot's ROS 1 side fits what hac_ros speaks: names, types, and what the relay makes of /robot_state."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hac_ros import topics

ROS1 = Path(__file__).resolve().parents[2] / 'ros1'
LIMIT = 60     # [s] for what takes one

# There is no ROS 1 here: a robot state comes as a line of 0 and 1, runstopped and faulted, and what is published goes out as one.
STAND_INS = {
    'rospy.py': """
import sys
from fetch_driver_msgs.msg import RobotState

callbacks = []

def init_node(name):
    pass

class Publisher:
    def __init__(self, name, kind, queue_size):
        self.name, self.kind = name, kind

    def publish(self, message):
        assert isinstance(message, self.kind)
        print('/' + self.name, int(message.data), flush=True)

class Subscriber:
    def __init__(self, name, kind, callback, queue_size):
        assert (name, kind) == ('robot_state', RobotState)
        callbacks.append(callback)

def spin():
    for line in sys.stdin:
        for callback in callbacks:
            callback(RobotState(*(word == '1' for word in line.split())))
""",
    'fetch_driver_msgs/__init__.py': '',
    'fetch_driver_msgs/msg.py': """
class RobotState:
    def __init__(self, runstopped, faulted):
        self.runstopped, self.faulted = runstopped, faulted
"""}


def type_of(topic):
    package, folder, _ = topic.type.__module__.split('.', 2)
    return f'{package}/{folder}/{topic.type.__name__}'


@pytest.fixture
def relay(tmp_path):
    for name, text in STAND_INS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get('PYTHONPATH')])])
    return lambda states: subprocess.run(
        [sys.executable, str(ROS1 / 'robot_state_relay.py')], input=''.join(f'{state}\n' for state in states), text=True,
        capture_output=True, timeout=LIMIT, check=True, env={**os.environ, 'PYTHONPATH': path}).stdout.splitlines()


def test_each_state_of_the_robot_is_told_once_on_the_topics_that_the_bridge_hears(relay):
    button, faulted = topics.BUTTON.name, topics.FAULTED.name
    assert relay(['0 0', '1 0', '0 1']) == [
        f'{button} 0', f'{faulted} 0', f'{button} 1', f'{faulted} 0', f'{button} 0', f'{faulted} 1']


def test_where_the_robot_says_nothing_the_relay_says_nothing(relay):
    assert relay([]) == []


def test_what_ros1_bridge_carries_are_the_robots_topics_with_their_types():
    carried = {entry['topic']: entry['type'] for entry in yaml.safe_load((ROS1 / 'bridge.yaml').read_text())['topics']}
    of_robot = (topics.ROBOT_JOINT_STATES, topics.TWIST_COMMAND, topics.RUNSTOP, topics.RUNSTOPPED, topics.BUTTON, topics.FAULTED,
                topics.RELAYED_GRIPPER, topics.OBJECT_POSE)
    assert carried == {topic.name: type_of(topic) for topic in of_robot}
