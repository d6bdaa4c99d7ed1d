"""A bridge that is told to stop in full motion has the arm held before it goes; real processes, real time."""
import signal

import numpy as np
import pytest
from one_arm import answers
from robot_client import RUN, parameters

from action_msgs.msg import GoalStatusArray
from builtin_interfaces.msg import Time
from hac_ros import kinematics, messages, robot_messages, topics
from rclpy.qos import DurabilityPolicy, QoSProfile

GOAL = (0.68, 0.05, 0.5)        # in base_link
MOVING, AT_REST = 0.05, 0.02    # [rad/s]


class Rig:
    """An emulated robot and its bridge; the test is the policy, and moves the arm sidewards, to and fro by the round."""

    def __init__(self, listener, processes, folder):
        self.listener, self.speed, self.holds, self.newest, self.length = listener, 0.0, set(), None, 0
        topics.subscribe(listener.node, topics.ROBOT_JOINT_STATES, self.on_joints, RUN)
        topics.subscribe(listener.node, topics.ARM_STATE, self.on_state, RUN)
        listener.node.create_subscription(
            GoalStatusArray, f'{topics.TRAJECTORY_ACTION}/_action/status', self.on_goals,
            QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self.goals, self.subgoals, self.commands = (topics.publisher(listener.node, topic, RUN) for topic in (
            topics.GOAL, topics.SUBGOAL, topics.ARM_COMMAND))
        processes.start('fetch_emulator', '/', run=RUN, task='reach', folder=folder, **parameters())
        self.bridge = processes.start('fetch_bridge', f'/{RUN}/worker_0', run=RUN, task='reach', control='fetch', arms=1, folder=folder,
                                      deployment__watched=False, deployment__autostart=True, deployment__log=False)

    def moves(self) -> bool:
        """Return whether the arm moves; give a goal where no round runs, so that it does."""
        if self.newest is None or self.newest.step >= self.length:
            self.goals.publish(robot_messages.from_pose(GOAL, (1, 0, 0, 0), Time()))
        return self.speed > MOVING

    def on_joints(self, msg):
        if kinematics.JOINTS[0] in msg.name:
            self.speed = np.abs(robot_messages.to_joints(msg)[2]).max()

    def on_goals(self, msg):
        self.holds |= {status.goal_info.goal_id.uuid.tobytes() for status in msg.status_list}

    def on_state(self, msg):
        """Say that the arm shall move, in every period."""
        self.newest, self.length = messages.to_id(msg.id), msg.steps
        sidewards = -1.0 if self.newest.round % 2 else 1.0
        subgoal = np.append(kinematics.base_to_world(np.array(GOAL)), 0.0)
        for publisher, message in zip((self.subgoals, self.commands), answers(self.newest, subgoal, (0.0, sidewards, 0.0, 0.0))):
            publisher.publish(message)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_bridge_that_is_told_to_stop_in_motion_asks_for_a_goal_that_holds_the_arm(number, listener, processes, tmp_path):
    rig = Rig(listener, processes, tmp_path)
    listener.until(rig.moves, 'the arm in motion')
    before = len(rig.holds)
    rig.bridge.send_signal(number)
    listener.until(lambda: rig.bridge.poll() is not None, 'the end of the bridge')
    assert rig.bridge.returncode == 0
    listener.until(lambda: len(rig.holds) > before and rig.speed < AT_REST, 'an arm that is held')
