"""What an emulated Fetch publishes, and when."""
import time

from hac_ros import messages, robot_messages, topics
from hac_ros.simulation.emulated_fetch import SOFTWARE, EmulatedFetch
from hac_ros.simulation.fetch_robot import joint_messages

from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool

REAL_TIME = 1.0        # pace
START = 1.0            # [s] on /clock: to ROS, 0 means that there is no time yet
COMPARED = 1e-4        # [s] two clocks are compared only if both were read within this


class RobotOutputs:
    """joint_states, object_pose, tf, run-stops, and /clock where time is not the system's."""

    def __init__(self, node, robot: EmulatedFetch, run: str, simulated: bool, period_ticks: int):
        """``simulated``: time is the robot's own; ``period_ticks``: from one look of the camera to the next."""
        self._node, self._robot, self._simulated, self._period_ticks = node, robot, simulated, period_ticks
        self._joints, self._objects, self._transforms, self._clock, self._software, self._runstopped, self._faulted = (
            topics.publisher(node, topic, run) for topic in (
                topics.ROBOT_JOINT_STATES, topics.OBJECT_POSE, topics.TF, topics.CLOCK_TOPIC, topics.RUNSTOPPED, topics.BUTTON,
                topics.FAULTED))
        self._published, self._offset = 0.0, None

    def now(self, due: float | None = None):
        """Return the robot's time as a message; in real time it is the system's, of ``due`` [s] on the monotonic clock."""
        if self._simulated:
            return messages.to_time(START + self._robot.time)
        self._compare_clocks()
        return messages.to_time((time.monotonic() if due is None else due) + self._offset)

    def _compare_clocks(self) -> None:
        """Note how far the system's clock is ahead of the monotonic one; not where something came between the looks."""
        before, system, after = time.monotonic(), self._node.get_clock().now().nanoseconds * 1e-9, time.monotonic()
        if self._offset is None or after - before < COMPARED:
            self._offset = system - (before + after) / 2

    def publish(self, due: float) -> None:
        """Publish what is to be told after a tick that was due at ``due`` [s] on the monotonic clock."""
        stamp, tick = self.now(due), self._robot.ticks
        self._publish_joints(stamp)
        if tick % self._period_ticks == 0:
            self._publish_surroundings(stamp)
        self._publish_clock()

    def publish_all(self) -> None:
        """Publish everything there is, the clock last."""
        stamp = self.now()
        self._publish_joints(stamp)
        self._publish_surroundings(stamp)
        self.publish_status()
        self._publish_clock()

    def repeat(self) -> None:
        """Publish again where the robot waits, if nothing has been published for a while."""
        if time.monotonic() - self._published > 0.4:
            self._publish_joints(self.now())
            self._publish_clock()

    def _publish_joints(self, stamp) -> None:
        """In parts, as a Fetch does."""
        self._published = time.monotonic()
        for names, values in joint_messages(self._robot.joints()):
            self._joints.publish(robot_messages.from_joints(names, values, stamp))

    def _publish_surroundings(self, stamp) -> None:
        """What the camera sees, and the links while somebody listens."""
        pose = self._robot.lab.look()
        if pose is not None:
            self._objects.publish(robot_messages.from_pose(pose.position, pose.quaternion, stamp))
        if self._transforms.get_subscription_count():
            self._transforms.publish(robot_messages.from_links(self._robot.links(), stamp))

    def publish_status(self) -> None:
        """Whether the run-stop is pressed, by software and at all; and that nothing is faulty."""
        self._software.publish(Bool(data=SOFTWARE in self._robot.pressed))
        self._runstopped.publish(Bool(data=bool(self._robot.pressed)))
        self._faulted.publish(Bool(data=False))

    def _publish_clock(self) -> None:
        if self._simulated:
            self._clock.publish(Clock(clock=self.now()))
