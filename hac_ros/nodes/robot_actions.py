"""The actions of an emulated Fetch: gripper and joint trajectories, each goal until it ends."""
from hac_ros import kinematics, robot_messages, topics
from hac_ros.simulation.emulated_fetch import EmulatedFetch
from hac_ros.simulation.joint_trajectory import Outcome, Tolerances

from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.task import Future
from trajectory_msgs.msg import JointTrajectoryPoint

FEEDBACK_TICKS = 2     # 50 Hz


class _Goals:
    """Goals of one action server that are on their way: each has what the robot made of it, and a future."""

    def __init__(self, node, kind, name: str, accept, begin):
        self.accepted: list[tuple] = []     # begun, but not told to the client as executing yet
        self.running: list[tuple] = []
        self._begin, self._accept = begin, accept
        self.server = ActionServer(node, kind, name, self._execute, goal_callback=self._judge,
                                   handle_accepted_callback=self._on_accepted,
                                   cancel_callback=lambda _: CancelResponse.ACCEPT)

    def _judge(self, request):
        return GoalResponse.ACCEPT if self._accept(request) else GoalResponse.REJECT

    def _on_accepted(self, handle):
        """Begin here and not in a task: what a client sends after the acceptance must find the goal begun."""
        self.accepted.append((handle, self._begin(handle.request)))
        handle.execute()

    async def _execute(self, handle):
        goal = next(goal for other, goal in self.accepted if other is handle)
        self.accepted = [item for item in self.accepted if item[0] is not handle]
        future = Future()
        self.running.append((handle, goal, future))
        self.update()       # it may have ended meanwhile, and where time is stepped no tick may follow
        return await future

    def ended(self, handle, future, result, succeeded: bool) -> None:
        """Tell the client how its goal ended."""
        if succeeded:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        self.running = [item for item in self.running if item[0] is not handle]
        future.set_result(result)


class GripperServer(_Goals):
    """gripper_action: reached within 2 mm, or stalled, which counts as success too.

    ``robot``: an EmulatedFetch, or what stands for one that is elsewhere.
    """

    def __init__(self, node, robot):
        self.robot = robot
        super().__init__(node, GripperCommand, topics.GRIPPER_ACTION, self.accepts, self.begin)

    def accepts(self, request) -> bool:
        """A goal of finite values, while the robot takes any."""
        command = request.command
        return self.robot.ready and all(value - value == 0 for value in (
            command.position, command.max_effort))

    def begin(self, request):
        """Give the goal to the robot."""
        return self.robot.grip(request.command.position, request.command.max_effort)

    def update(self) -> None:
        """After a tick: end what has ended."""
        for handle, goal, future in list(self.running):
            if handle.is_cancel_requested and goal.running:
                self.robot.stop_gripping('cancelled')
            if goal.running:
                continue
            self.ended(handle, future, self._tell(GripperCommand.Result(), goal), goal.result.done)

    def feed_back(self) -> None:
        """Tell how the goals stand."""
        for handle, goal, _ in self.running:
            handle.publish_feedback(self._tell(GripperCommand.Feedback(), goal))

    def _tell(self, message, goal):
        message.position, message.effort = goal.result.position, self.robot.finger_effort
        message.stalled, message.reached_goal = goal.result.stalled, goal.result.reached_goal
        return message


class TrajectoryServer(_Goals):
    """follow_joint_trajectory: takes over from twists and older goals, and holds its last point after success."""

    def __init__(self, node, robot: EmulatedFetch):
        self.robot = robot
        super().__init__(node, FollowJointTrajectory, topics.TRAJECTORY_ACTION, self.accepts, self.begin)

    def accepts(self, _) -> bool:
        """Any goal while the run-stop is not pressed: one that cannot be followed is aborted with a code."""
        return self.robot.ready

    def begin(self, request):
        """Give the goal to the robot."""
        limits = [{item.name: item.position for item in given if item.name in kinematics.JOINTS}
                  for given in (request.path_tolerance, request.goal_tolerance)]
        late = robot_messages.from_duration(request.goal_time_tolerance)
        try:
            trajectory = robot_messages.to_trajectory(request.trajectory)
        except ValueError as error:
            return _Refused(Outcome(FollowJointTrajectory.Result.INVALID_GOAL, str(error)))
        return self.robot.follow(trajectory, Tolerances(*limits, late))

    def update(self) -> None:
        """After a tick: end what has ended."""
        for handle, goal, future in list(self.running):
            if handle.is_cancel_requested and goal.outcome is None:
                self.robot.stop_following('cancelled')
            if goal.outcome is None:
                continue
            result = FollowJointTrajectory.Result(error_code=goal.outcome.code, error_string=goal.outcome.text)
            self.ended(handle, future, result, goal.outcome.succeeded)

    def feed_back(self) -> None:
        """Tell where the joints should be and are."""
        for handle, goal, _ in self.running:
            (wanted, speed), measured = goal.sample(self.robot.time), self.robot.measured[:7]
            feedback = FollowJointTrajectory.Feedback(joint_names=list(kinematics.JOINTS))
            for name, positions in (('desired', wanted), ('actual', measured), ('error', wanted - measured)):
                setattr(feedback, name, JointTrajectoryPoint(positions=positions.tolist()))
            feedback.desired.velocities = speed.tolist()
            handle.publish_feedback(feedback)


class _Refused:
    """A goal that never reached the robot."""

    def __init__(self, outcome: Outcome):
        self.outcome = outcome
