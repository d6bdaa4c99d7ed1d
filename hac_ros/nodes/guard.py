"""Takes the arm when the bridge's heartbeat ends: a process of its own, so that it lives when the bridge does not."""
import time

import numpy as np

from hac_ros import kinematics, robot_messages, topics
from hac_ros.config import DeploymentConfig, GuardConfig, RunConfig
from hac_ros.nodes import process, robot_switches
from hac_ros.nodes.health import Health
from hac_ros.nodes.hold_goal import HoldGoal
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare
from hac_ros.robot_messages import from_twist
from hac_ros.safety import switches, takeover
from hac_ros.safety.status import Status
from hac_ros.safety.takeover import HOLDING, IDLE, WATCHING, Takeover

from rclpy.node import Node
from std_msgs.msg import Header

RELEASE_HOLD = 1.0     # [s] a hold that then gives way, for a bridge that lets go on purpose
LINGER = 3.0           # [s] at most that a guard outlives the signal to stop; `ros2 launch` sends the next after 5


class Guard(Node):
    """heartbeat, joint_states, run-stops -> guard/alive; when the heartbeat is late: zero twists and a goal that holds the arm.

    So, too, when the bridge moves the arm in spite of a run-stop or a fault, or without word of them. Times are of the machine's
    own clock, by receipt: a guard believes nobody's stamps. In shadow mode it asks nothing of the robot, and tells what it
    would do.
    """

    def __init__(self, **node_options):
        super().__init__('guard', **node_options)
        self.config = declare(self, RunConfig)
        process.declare_priority(self, above=2)     # than the bridge, which has one more than the rest
        self.guard = declare(self, GuardConfig, 'guard')
        deployment = declare(self, DeploymentConfig, 'deployment')
        self.shadow, self.switches = deployment.shadow, switches.Switches(deployment.told_within)
        self.ownership = Ownership(self, self.config)
        self.mind = Takeover(self.guard)
        self.joints: tuple[float, np.ndarray, np.ndarray] | None = None    # receipt, positions and velocities (7,)
        self.told_to_stop, self.silent = None, False      # when [s]; whether the robot does not tell of its run-stop
        run, worker = self.config.run, self.config.worker
        self.health = Health(self, run)
        self.hold = HoldGoal(self, time.monotonic)
        self.alive = topics.publisher(self, topics.GUARD_ALIVE, run, worker)
        self.twists = None if self.shadow else topics.publisher(self, topics.TWIST_COMMAND, run, worker)
        topics.subscribe(self, topics.HEARTBEAT, self.on_heartbeat, run, worker)
        topics.subscribe(self, topics.ROBOT_JOINT_STATES, self.on_joints, run, worker)
        robot_switches.listen(self, run, self.on_switch)
        self.timer = process.timer(self, self.guard.period, self.on_timer)

    def on_joints(self, msg):
        """Keep where the arm is, and how fast."""
        if not set(kinematics.JOINTS) <= set(msg.name):
            return      # the fingers' part
        try:
            names, positions, velocities = robot_messages.to_joints(msg)
        except ValueError as error:
            self.health.refuse('joint states refused', error)
            return
        order = [names.index(name) for name in kinematics.JOINTS]
        positions, velocities = positions[order], velocities[order]
        if takeover.believable(positions, velocities):
            self.joints = time.monotonic(), positions, velocities
        else:
            self.health.refuse('joint states refused', 'a joint is not finite, or faster than it can turn')

    def on_heartbeat(self, msg):
        """Note that the bridge lives; let go where it says that it rests."""
        try:
            state = self.mind.hear(time.monotonic(), msg.frame_id)
        except ValueError as error:
            self.health.refuse('heartbeat refused', error)
            return
        if state == WATCHING:
            self.hold.cancel()
        elif state == IDLE:
            self.hold_arm(RELEASE_HOLD)
        if state is not None:
            self.get_logger().info(f'the bridge is {msg.frame_id}: {state}')

    def on_switch(self, name: str, pressed: bool):
        """Run-stop or fault: while it stands no goal holds the arm, and none is asked for."""
        self.switches.hear(time.monotonic(), name, pressed)
        if pressed:
            self.hold.forget()

    def on_timer(self):
        """Take over, if it is time; say that the guard lives."""
        now = time.monotonic()
        causes = self.switches.causes(now)
        self.look_for_the_holder(Status.ROBOT_SILENT in causes)
        if reason := self.mind.update(now, bool(causes)):
            self.hold.forget()
            does = 'shadow mode: the robot is sent nothing' if self.shadow else 'holding the arm'
            self.health.refuse('take-overs', f'{reason}: {does}')
        if self.mind.state == HOLDING:
            self.stand()
        self.alive.publish(Header(stamp=self.get_clock().now().to_msg(), frame_id=self.mind.state))

    def look_for_the_holder(self, silent: bool) -> None:
        """Forget a goal whose robot offers the action no more, or has just fallen silent: it may have been started anew."""
        if self.hold.asked and (not self.hold.ready or (silent and not self.silent)):
            self.hold.forget()
        self.silent = silent

    def stand(self) -> None:
        """Zero twists at once and for as long as no goal holds the arm; a goal as soon as there may be one, and again if it fails."""
        if self.shadow:
            return
        if not self.hold.accepted:
            self.twists.publish(from_twist(np.zeros(6), self.get_clock().now().to_msg()))
        if not (self.hold.asked or self.hold.pausing):
            self.hold_arm(self.guard.hold)

    def hold_arm(self, seconds: float) -> None:
        """Ask the robot to stop the arm and to hold it, if it has power and it is known where the arm is."""
        if self.shadow or self.switches.pressed:
            return
        if self.joints is None or time.monotonic() - self.joints[0] > self.guard.joints_timeout:
            self.health.note('no joint states to hold the arm by')
            return
        if not self.hold.ready:
            self.health.note('nobody offers the action that would hold the arm')
            return
        if self.hold.failed is not None:
            self.health.note('holds that the robot refused or ended')
        times, places = takeover.stop(*self.joints[1:], self.guard)
        self.hold.ask(np.array([times[0], times[0] + seconds]), places, np.zeros_like(places))

    def may_end(self) -> bool:
        """Told to stop: stay, LINGER at most, until the bridge has let go of the arm and a goal holds it, if one can."""
        now = time.monotonic()
        self.told_to_stop = now if self.told_to_stop is None else self.told_to_stop
        if self.shadow or now - self.told_to_stop > LINGER:
            return True
        if self.mind.state == IDLE:
            return self.hold.accepted or not self.hold.asked
        return self.mind.state == HOLDING and self.hold.accepted

    def close(self) -> None:
        """Give the name back. A goal that holds the arm goes on holding it."""
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(Guard, argv)
