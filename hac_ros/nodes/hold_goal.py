"""Goals of a robot's actions, of which only the newest counts, and the one that holds the arm."""
from collections.abc import Callable

import numpy as np

from hac_ros import kinematics, robot_messages, topics
from hac_ros.simulation.joint_trajectory import JointTrajectory

from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient

AGAIN_AFTER = 0.5      # [s] of the owner's clock from a goal that failed until it is sent again


class _Sent:
    """One goal that was sent; ``taken_back``: before it was known whether the robot accepts it."""

    taken_back = False


class NewestGoal:
    """What became of the goal of an action that was sent last: an older one that ends says nothing.

    asked: it is on its way, or the robot follows it or has done so. accepted: by the robot. succeeded: and followed to its end.
    sent_at, failed [s] of the owner's clock: when it was sent, and when it was rejected or ended without success; None: it was not.
    """

    def __init__(self, node, kind, name: str, now: Callable[[], float]):
        self._now, self.client = now, ActionClient(node, kind, name)
        self.forget()

    @property
    def asked(self) -> bool:
        """Whether a goal was sent, and is not known to have failed."""
        return self._sent is not None

    @property
    def under_way(self) -> bool:
        """Whether a goal was sent, and is not known to have ended."""
        return self.asked and not self.succeeded

    @property
    def ready(self) -> bool:
        """Whether somebody offers the action."""
        return self.client.server_is_ready()

    @property
    def pausing(self) -> bool:
        """Whether a goal failed a moment ago."""
        return self.failed is not None and 0.0 <= self._now() - self.failed < AGAIN_AFTER

    def send(self, goal, until_its_end: bool = True):
        """Send a goal and return the future of its acceptance; ``until_its_end``: it may fail after that, too."""
        self.forget()
        sent = self._sent = _Sent()
        self.sent_at = self._now()
        future = self.client.send_goal_async(goal)
        future.add_done_callback(lambda done: self._on_answer(done.result(), sent, until_its_end))
        return future

    def forget(self) -> None:
        """Take the goal for one that was never sent: it is left to the robot."""
        self._sent, self._handle, self.sent_at, self.failed = None, None, None, None
        self.accepted, self.succeeded = False, False

    def cancel(self) -> None:
        """Take the goal back, if it has not been followed to its end; what is known of it is forgotten."""
        if self.succeeded:
            pass
        elif self._handle is not None:
            self._handle.cancel_goal_async()
        elif self._sent is not None:
            self._sent.taken_back = True
        self.forget()

    def fail(self) -> None:
        """Note that the goal has failed now."""
        self.forget()
        self.failed = self._now()

    def _on_answer(self, handle, sent, until_its_end):
        if sent.taken_back and handle is not None and handle.accepted:
            handle.cancel_goal_async()
        if sent is not self._sent:
            return
        if handle is None or not handle.accepted:
            self.fail()
            return
        self._handle, self.accepted = handle, True
        if until_its_end:
            handle.get_result_async().add_done_callback(lambda done: self._on_end(done.result(), sent))

    def _on_end(self, response, sent):
        if sent is not self._sent:
            return
        if response is None or response.status != GoalStatus.STATUS_SUCCEEDED:
            self.fail()
        else:
            self.succeeded = True


class HoldGoal(NewestGoal):
    """A trajectory that holds the arm: once it has succeeded the robot holds its last point until something else moves it."""

    def __init__(self, node, now: Callable[[], float]):
        super().__init__(node, FollowJointTrajectory, topics.TRAJECTORY_ACTION, now)

    def ask(self, times: np.ndarray, places: np.ndarray, speeds: np.ndarray | None = None) -> None:
        """Send the goal: ``places`` (P, 7) [rad] at ``times`` (P,) [s], with ``speeds`` (P, 7) [rad/s] there, or none given."""
        goal = FollowJointTrajectory.Goal()
        goal.trajectory = robot_messages.from_trajectory(JointTrajectory(kinematics.JOINTS, times, places, speeds))
        self.send(goal)
