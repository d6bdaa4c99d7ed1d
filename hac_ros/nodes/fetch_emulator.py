"""A Fetch before its table on MuJoCo: the robot's own topics and actions, in real time, faster, or stepped."""
import time

from hac_ros import domain_names, messages, robot_messages, tasks, topics
from hac_ros.config import EmulatorConfig, RandomizationConfig, RunConfig
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.robot_actions import FEEDBACK_TICKS, GripperServer, TrajectoryServer
from hac_ros.nodes.robot_outputs import REAL_TIME, RobotOutputs
from hac_ros.parameters import declare
from hac_ros.simulation.emulated_fetch import BUTTON, EmulatedFetch
from hac_ros.simulation.pacing import Pacing
from hac_ros.simulation.twist_controller import PERIOD

from rclpy.node import Node

STEPPED = 0.0      # pace
STATUS = 0.1       # [s] of the machine's own time, however fast the robot's goes: those who listen count in it
REPEAT = 0.5       # [s] stepped: so often whoever came late gets the state that the robot waits in


class FetchEmulator(Node):
    """cartesian_twist/command, actions, run-stop -> joint_states, object_pose, tf. Belongs where the robot would be.

    What the robot's own topics and actions mean is in ``simulation/emulated_fetch.py``; this is their shell and clock.
    """

    def __init__(self, **node_options):
        super().__init__('fetch_emulator', **node_options)
        self.config = declare(self, RunConfig)
        self.pace = declare(self, EmulatorConfig, 'emulator').pace
        self.owner = domain_names.claim('fetch_emulator')
        self.task = tasks.by_name(self.config.task, 'fetch')
        self.robot = EmulatedFetch(self.task, self.config.seed, declare(self, RandomizationConfig, 'randomization'))
        self.period_ticks = round(self.task.period / PERIOD)
        self.pacing = Pacing(self.pace)
        self._open_topics()
        self.outputs.publish_all()

    def _open_topics(self):
        run = self.config.run
        self.health = Health(self, run)
        self.outputs = RobotOutputs(self, self.robot, run, self.pace != REAL_TIME, self.period_ticks)
        topics.subscribe(self, topics.TWIST_COMMAND, self.on_twist, run)
        topics.subscribe(self, topics.RUNSTOP, self.on_runstop, run)
        self.actions = GripperServer(self, self.robot), TrajectoryServer(self, self.robot)
        for service, answer in ((topics.BEGIN_EPISODE, self.on_begin), (topics.JUDGE, self.on_judge),
                                (topics.ADVANCE, self.on_advance), (topics.PRESS, self.on_press)):
            self.create_service(service.type, service.path(run), answer)
        stepped = self.pace == STEPPED
        self.timer = self.create_timer(REPEAT if stepped else max(PERIOD / self.pace, 0.001),
                                       self.outputs.repeat if stepped else self.on_timer)
        self.telling = process.timer(self, STATUS, self.outputs.publish_status)

    # What comes

    def on_twist(self, msg):
        """Give a twist to the robot; where it is stepped, a control period follows."""
        self.robot.twist(msg.header.frame_id, robot_messages.to_twist(msg))
        if self.pace == STEPPED:
            self.advance()

    def on_runstop(self, msg):
        """Press or release the run-stop by software."""
        self.robot.runstop(msg.data)
        self.end_goals()
        self.outputs.publish_status()

    def on_press(self, request, response):
        """Service: press or release the run-stop by hand."""
        self.robot.runstop(request.data, BUTTON)
        self.end_goals()
        self.outputs.publish_status()
        response.success, response.message = True, 'pressed' if request.data else 'released'
        return response

    def on_begin(self, request, response):
        """Service: put arm and object where an episode starts."""
        if self.robot.arbiter.runstopped:
            response.message = 'the run-stop is pressed: release it first'
            return response
        self.robot.begin(request.episode)
        self.end_goals()
        if self.pace == STEPPED:        # what is older belongs to the episode before
            self.robot.pause(self.period_ticks)
        self.outputs.publish_all()
        response.success, response.message = True, f'episode {request.episode}, seed {self.config.seed}'
        response.goal = robot_messages.from_pose(self.robot.lab.goal, (1, 0, 0, 0), self.outputs.now())
        return response

    def on_judge(self, _, response):
        """Service: how far the true state is from the goal."""
        response.distance = self.robot.lab.distance()
        response.success = response.distance < self.task.threshold
        return response

    def on_advance(self, _, response):
        """Service: one control period without a new twist."""
        response.success = self.pace == STEPPED
        response.message = '' if response.success else f'emulator.pace is {self.pace}: time goes on by itself'
        if response.success:
            self.advance()
        return response

    # Time

    def on_timer(self):
        """Do the ticks that are due."""
        due = self.pacing.due(time.monotonic())
        for left in reversed(range(due)):
            self.tick()
            self.outputs.publish(self.pacing.when(left))
        if self.pacing.slipped:
            self.health.counts['seconds left out, the machine was too slow'] = round(self.pacing.slipped, 2)

    def advance(self) -> None:
        """Go on by a control period and publish."""
        for _ in range(self.period_ticks):
            self.tick()
        self.outputs.publish_all()

    def tick(self) -> None:
        """Go on by PERIOD."""
        self.robot.tick()
        self.end_goals()
        if self.robot.ticks % FEEDBACK_TICKS == 0:
            for action in self.actions:
                action.feed_back()

    def end_goals(self) -> None:
        """Answer the goals that have ended."""
        for action in self.actions:
            action.update()

    def close(self) -> None:
        """Give the name back."""
        self.owner.close()


def main(argv=None):
    """Run the node."""
    return process.run(FetchEmulator, argv)
