"""Shows a worker: its states and subgoals as markers, joint states and tf, while somebody looks."""
import time
from dataclasses import replace

from hac_ros import markers, messages, spaces, tasks, topics
from hac_ros.arm_pose import ArmPose
from hac_ros.attempt_trail import AttemptTrail
from hac_ros.config import RunConfig, ViewConfig
from hac_ros.nodes import process
from hac_ros.nodes.glimpses import CpuBudget, Glimpses
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.nodes.robot_pose import RobotPose
from hac_ros.parameters import declare

from rclpy.node import Node

AGAIN = 1.0    # [s] a scene that does not change is published so often, where the budget allows it


class MarkerPublisher(Node):
    """arm_state, subgoal -> markers, joint_states, tf. Reads nothing while nobody subscribes to one of them."""

    def __init__(self, **node_options):
        super().__init__('marker_publisher', **node_options)
        self.config = declare(self, RunConfig)
        self.view = declare(self, ViewConfig, 'view')
        self.ownership = Ownership(self, self.config)
        self.task = tasks.by_name(self.config.task, self.config.control)
        self.trail = AttemptTrail(self.view.path, self.view.subgoals, self.task.gripper_locked)
        self.fresh, self.still_at, self.shown_at = True, 0.0, None
        run, worker = self.config.run, self.config.worker
        self.health = Health(self, run)
        self.publisher = topics.publisher(self, topics.MARKERS, run, worker)
        self.pose = ArmPose(self.task)
        self.robot = RobotPose(self, self.config, self.pose.base)
        self.glimpses, self.budget = Glimpses(self), CpuBudget(self.view.share)
        self.add_post_set_parameters_callback(self.on_parameters)
        self.timer = self.create_timer(1.0 / self.view.rate, self.on_timer)

    def on_parameters(self, parameters):
        """Show another arm from now on."""
        for parameter in parameters:
            if parameter.name == 'view.arm':
                self.view, self.fresh = replace(self.view, arm=parameter.value), True

    def on_timer(self):
        """Publish the newest scene, if anybody looks and the budget allows it."""
        scene = self.publisher.get_subscription_count() > 0
        if not (scene or self.robot.watched):
            self.rest()
            return
        if not self.glimpses.open:
            self.glimpses.subscribe(self.config.run, self.config.worker, topics.ARM_STATE, topics.SUBGOAL)
            self.budget.restart()
        if self.budget.allows():
            self.show(self.look(), scene)

    def rest(self) -> None:
        """Nobody looks: end the subscriptions and forget what was seen."""
        if self.glimpses.open:
            self.glimpses.close()
            self.trail.clear()
            self.fresh, self.shown_at = True, None

    def look(self) -> bool:
        """Take what has come, in the order in which it was made; return whether there was anything."""
        seen = [*self.records(topics.ARM_STATE), *self.records(topics.SUBGOAL)]
        for record, see in sorted(seen, key=lambda pair: (pair[0].id.round, pair[0].id.take, pair[0].id.step)):
            self.fresh |= bool(see(record))     # sorted keeps a state before the subgoals that answer it
        return bool(seen)

    def records(self, topic) -> list:
        """Return what waits on ``topic`` with what takes it; what does not fit is dropped."""
        found = []
        for msg in self.glimpses.take(topic):
            try:
                found.append((messages.to_arm_state(msg, self.task.observation), self.trail.see_state)
                             if topic is topics.ARM_STATE else (messages.to_subgoals(msg), self.trail.see_subgoals))
            except ValueError as error:
                self.health.refuse('message refused', error)
        return found

    def show(self, changed: bool, scene: bool) -> None:
        """Publish what there are subscribers for: when it has changed, and once a second."""
        now = time.monotonic()
        still = self.fresh or now - self.still_at > AGAIN
        if self.trail.state is None or not (changed or still):
            return
        state = self.trail.state
        header = topics.ARM_STATE.type().header
        header.stamp, header.frame_id = messages.to_time(state.time), state.frame
        arms = slice(None) if self.view.arm == markers.ALL else [min(self.view.arm, state.arms - 1)]
        observation = state.observation[arms]
        self.pose.follow(spaces.gripper_position(observation))
        if scene:
            self.publisher.publish(markers.scene(
                self.trail, self.task, header, self.view.arm, self.view.spacing, joints=self.pose.points(),
                fresh=self.fresh, still=still, robot=self.view.robot, interval=now - (self.shown_at or now)))
        self.robot.publish(state.frame, self.pose.joints[0], spaces.fingers(observation)[0])
        self.fresh, self.still_at, self.shown_at = False, now if still else self.still_at, now

    def close(self) -> None:
        """End the subscriptions and give the node's name back."""
        self.glimpses.close()
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(MarkerPublisher, argv)
