"""A trajectory goal that holds the arm: asked for once, and taken back."""
import numpy as np

from hac_ros import kinematics, robot_messages, topics
from hac_ros.simulation.joint_trajectory import JointTrajectory

from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient


class HoldGoal:
    """asked: a goal has been sent and not been taken back. active: the robot has accepted it, and it has not ended."""

    def __init__(self, node, health):
        self._health = health
        self._client = ActionClient(node, FollowJointTrajectory, topics.TRAJECTORY_ACTION)
        self._handle, self.asked, self.active = None, False, False

    def ask(self, times: np.ndarray, places: np.ndarray) -> None:
        """Send the goal: ``places`` (P, 7) [rad] at ``times`` (P,) [s], at rest there. Nothing, where nobody offers it."""
        if not self._client.server_is_ready():
            self._health.note('nobody offers the action that would hold the arm')
            return
        trajectory = JointTrajectory(kinematics.JOINTS, times, places, np.zeros_like(places))
        goal = FollowJointTrajectory.Goal(trajectory=robot_messages.from_trajectory(trajectory))
        self.asked = True
        future = self._client.send_goal_async(goal)
        future.add_done_callback(self._on_answer)

    def cancel(self) -> None:
        """Take the goal back: the arm stays where it is until somebody moves it."""
        if self._handle is not None:
            self._handle.cancel_goal_async()
        self.forget()

    def forget(self) -> None:
        """Leave an older goal to the robot: a new one will replace it."""
        self._handle, self.asked, self.active = None, False, False

    def _on_answer(self, future):
        handle = future.result()
        if not handle.accepted:
            self._health.refuse('holding the arm', 'the robot refused the goal')
        elif not self.asked:        # taken back meanwhile
            handle.cancel_goal_async()
        else:
            self._handle, self.active = handle, True
            handle.get_result_async().add_done_callback(lambda _: self._on_end(handle))

    def _on_end(self, handle):
        if self._handle is handle:
            self._handle, self.active = None, False
