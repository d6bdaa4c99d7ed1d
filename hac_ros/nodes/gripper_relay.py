"""Offers a Fetch's gripper action where only topics reach the robot: ros1_bridge carries no actions."""
import time

import numpy as np

from hac_ros import domain_names, kinematics, robot_messages, topics
from hac_ros.config import RunConfig
from hac_ros.nodes import process, robot_switches
from hac_ros.nodes.health import Health
from hac_ros.nodes.robot_actions import GripperServer
from hac_ros.parameters import declare
from hac_ros.safety import switches
from hac_ros.simulation.fetch_robot import GripperAction

from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

PERIOD = 0.02      # [s] from one look at the fingers to the next
FRESH = 0.5        # [s] that it counts where the fingers were told to be


class GripperRelay(Node):
    """gripper_action, joint_states -> relayed_goal. ros1/gripper_relay.py gives that to the robot's own action.

    How a goal ends it sees by the fingers, as the robot does: within 2 mm, or less than 5 mm in 2 s.
    """

    def __init__(self, **node_options):
        super().__init__('gripper_relay', **node_options)
        run = declare(self, RunConfig).run
        self.owner = domain_names.claim('gripper_relay')
        self.health = Health(self, run)
        self.switches, self.opening, self.finger_effort = switches.Switches(), None, 0.0
        self.told_at, self.stopped = -np.inf, False     # when [s] of the fingers; whether a run-stop has ended a goal
        self.goals = topics.publisher(self, topics.RELAYED_GRIPPER, run)
        topics.subscribe(self, topics.ROBOT_JOINT_STATES, self.on_joints, run)
        robot_switches.listen(self, run, lambda name, pressed: self.switches.hear(time.monotonic(), name, pressed))
        self.server = GripperServer(self, self)
        self.current: GripperAction | None = None
        self.timer = process.timer(self, PERIOD, self.on_timer)

    def on_joints(self, msg):
        """Keep how far the gripper is open."""
        if not set(kinematics.FINGER_JOINTS) <= set(msg.name):
            return      # the arm's part
        try:
            names, positions, _ = robot_messages.to_joints(msg)
        except ValueError as error:
            self.health.refuse('joint states refused', error)
            return
        opening = float(sum(positions[names.index(name)] for name in kinematics.FINGER_JOINTS))
        if np.isfinite(opening):
            self.opening, self.told_at = opening, time.monotonic()

    @property
    def known(self) -> bool:
        """Whether it is known where the fingers are."""
        return time.monotonic() - self.told_at <= FRESH

    @property
    def ready(self) -> bool:
        """Whether goals are accepted: it is known where the fingers are, and the run-stop is not pressed."""
        return self.known and not self.switches.runstopped

    def grip(self, position: float, max_effort: float) -> GripperAction:
        """Take a goal and send it on; an older one ends."""
        self.stop_gripping('a newer goal has come')
        self.current = GripperAction(time.monotonic(), self.opening, position, max_effort)
        self.goals.publish(Float64MultiArray(data=[self.current.position, max_effort]))
        return self.current

    def stop_gripping(self, why: str) -> None:
        """End the goal. The fingers are told to stay where they are, unless a newer one tells them more."""
        if self.current is not None and self.current.running:
            self.current.ended = why
            self.stay()

    def stay(self) -> None:
        """Tell the fingers to stay where they are."""
        self.goals.publish(Float64MultiArray(data=[self.opening, self.current.effort]))

    def on_timer(self):
        """See how the goal stands. Fingers that a run-stop has stopped stay where they are when it is released, too."""
        stopped, running = self.switches.runstopped, self.current is not None and self.current.running
        if stopped and running:
            self.stop_gripping('the run-stop was pressed')
            self.stopped = True
        elif running and self.known:
            self.current.update(time.monotonic(), self.opening)
        elif self.stopped and not stopped:
            self.stay()
        self.stopped = self.stopped and stopped
        self.server.update()

    def close(self) -> None:
        """Give the name back."""
        self.owner.close()


def main(argv=None):
    """Run the node."""
    return process.run(GripperRelay, argv)
