"""The simulation's bridge: arm_command -> MuJoCo -> arm_state, in lock-step."""
import time

from hac_ros import messages, tasks, topics
from hac_ros.config import BridgeConfig, FetchConfig, RandomizationConfig, RunConfig
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.membership import Membership, joins
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare
from hac_ros.protocol import Commit
from hac_ros.records import ArmState, StepId
from hac_ros.simulation.simulation import Simulation

from rclpy.node import Node
from rosgraph_msgs.msg import Clock


class MujocoBridge(Node):
    """Steps N arms exactly once for each state that it published, and begins rounds when all consumers hold the last.

    A command that is stale, repeated, of the wrong size or not finite moves nothing and is counted. Without a
    command the last state is repeated.
    """

    def __init__(self, **node_options):
        super().__init__('mujoco_bridge', **node_options)
        self.config = config = declare(self, RunConfig)
        self.bridge = declare(self, BridgeConfig, 'bridge')
        self.ownership = None if self.bridge.standalone else Ownership(self, config)
        self.task = tasks.by_name(config.task, config.control)
        self.simulation = Simulation(
            self.task, config.arms, config.seed, config.worker, self.bridge.threads, control=config.control,
            fetch=declare(self, FetchConfig, 'fetch'),
            randomization=declare(self, RandomizationConfig, 'randomization'))
        self.commit = Commit(config.worker, () if self.bridge.standalone else topics.CONSUMERS)
        if self.bridge.standalone:
            self.commit.permit(2**32)
        self.id: StepId | None = None
        self.informed = config.worker == 0    # one that joins first hears whether it may, and how far they are
        self.writer = self.reader = None
        self.simulated = 0.0            # [s] since this process started: never goes back
        self.paused, self.due, self.held_command = False, 0.0, None
        self.membership = Membership(self, config, joins(config) and not self.bridge.standalone)
        self._open_topics()

    def _open_topics(self):
        run, worker = self.config.run, self.config.worker
        self.health = Health(self, run)
        self.states = topics.publisher(self, topics.ARM_STATE, run, worker)
        self.clock = topics.publisher(self, topics.CLOCK_TOPIC, run) if self.bridge.clock and worker == 0 else None
        topics.subscribe(self, topics.ARM_COMMAND, self.on_command, run, worker, raw=True)
        topics.subscribe(self, topics.RESTART_ROUND, self.on_restart, run, worker)
        topics.subscribe(self, topics.RECEIPT, self.on_receipt, run)
        topics.subscribe(self, topics.STATUS, self.on_status, run)
        topics.subscribe(self, topics.STATISTICS, self.on_statistics, run)
        self.create_service(topics.RESET.type, topics.RESET.path(run, worker), self.on_reset)
        self.create_service(topics.PAUSE.type, topics.PAUSE.path(run, worker), self.on_pause)
        self.repeat = process.timer(self, self.bridge.repeat_after, self.on_overdue)
        self.pacer = process.timer(self, 0.002, self.on_pacer) if self.bridge.pace > 0 else None
        if self.bridge.standalone:
            self.begin(0)

    # Rounds

    def begin(self, round_: int, take: int = 0) -> None:
        """Reset every arm to the start of ``round_`` and publish the first state."""
        self.id = StepId(self.config.run, self.config.worker, round_, take, 0)
        self.simulation.reset(round_)
        if self.writer is None:
            state = self.state()
            self.writer, self.reader = messages.ArmStateWriter(state), messages.ArmCommandReader(state)
        self.held_command = None
        self.publish()

    def begin_next(self) -> None:
        """Begin the next round if the last one has ended and is held by all consumers."""
        if not self.informed or (self.id is not None and self.id.step < self.task.steps):
            return
        following = self.commit.next_round(None if self.id is None else self.id.round)
        if following is None:
            return
        if following if self.id is None else following < self.id.round:
            self.get_logger().info(f'goes on with round {following}, which not all consumers hold')
        self.begin(following)

    def restart(self) -> None:
        """Abandon the round and begin it anew: the same random keys give the same round."""
        self.health.note('rounds begun anew')
        self.get_logger().info(f'round {self.id.round} begun anew, take {self.id.take + 1}')
        self.begin(self.id.round, self.id.take + 1)

    def on_receipt(self, msg):
        """A consumer holds further rounds."""
        if msg.run == self.config.run:
            self.commit.receive(*messages.to_receipt(msg))
            self.begin_next()

    def on_status(self, msg):
        """The recorder permits further rounds."""
        if msg.run == self.config.run:
            self.commit.permit(msg.rounds_permitted)
            self.begin_next()

    def on_statistics(self, msg):
        """A version of the statistics is out: rounds that it does not wait for any more are left behind."""
        if msg.run == self.config.run:
            self.commit.publish(msg.version)
            self.begin_next()

    def on_restart(self, msg):
        """Planner or controller lacks a step of the round that is running."""
        asked = messages.to_id(msg)
        if self.id is not None and (asked.run, asked.round, asked.take) == (self.id.run, self.id.round, self.id.take):
            self.restart()

    def on_reset(self, _, response):
        """Service: begin the round anew."""
        response.success = self.id is not None
        if response.success:
            self.restart()
        response.message = f'round {self.id.round}, take {self.id.take}' if self.id else 'no round has begun yet'
        return response

    def on_pause(self, request, response):
        """Service: hold, or go on."""
        self.paused, response.success = request.data, True
        response.message = 'paused' if self.paused else 'running'
        if not self.paused:
            self.on_pacer()
        return response

    # Steps

    def on_command(self, data: bytes):
        """Step, if the command answers the state that was published last. ``data``: an ArmCommand as DDS carries it."""
        try:
            command = None if self.reader is None else self.reader.read(data, self.id)
        except ValueError as error:
            self.health.refuse('command refused', error)
            return
        if command is None or self.id.step == self.task.steps or self.held_command is not None:
            self.health.note('stale, repeated or foreign commands ignored')
        elif self.paused or self.bridge.pace > 0:
            self.held_command = command
            self.on_pacer()
        else:
            self.step(command)

    def on_pacer(self):
        """Execute the command that was held back, when its time has come."""
        if self.held_command is None or self.paused or time.monotonic() < self.due:
            return
        command, self.held_command = self.held_command, None
        if self.bridge.pace > 0:
            self.due = max(self.due, time.monotonic() - self.task.period) + self.task.period / self.bridge.pace
        self.step(command)

    def step(self, command) -> None:
        """Advance every arm by one control step and publish the state."""
        self.simulation.step(command)
        self.id = StepId(self.id.run, self.id.worker, self.id.round, self.id.take, self.id.step + 1)
        self.simulated += self.task.period
        self.publish()
        if self.bridge.standalone:
            self.begin_next_standalone()

    def begin_next_standalone(self) -> None:
        """Without consumers a round follows at once."""
        if self.id.step == self.task.steps:
            self.begin(self.id.round + 1)

    def on_overdue(self):
        """Repeat the last state when nobody has answered it; leave a round that the others went on without."""
        if not self.informed and self.membership.confirmed:
            self.informed = True
            self.begin_next()
        if self.id is None or self.paused or time.monotonic() - self.published <= self.bridge.repeat_after:
            return
        later = self.commit.overtaken(self.id.round) if self.id.step == 0 else None
        if later is not None:
            self.health.note('rounds left, because the statistics went on without them')
            self.begin(later)
        else:
            self.health.note('states repeated')
            self.publish()

    def state(self) -> ArmState:
        """Return the state of all arms."""
        s = self.simulation
        return ArmState(self.id, self.task.observation.name, self.task.steps, s.observation, s.achieved_goal,
                        s.desired_goal, s.reward, s.success, self.simulated, self.task.period)

    def publish(self) -> None:
        """Publish the state and the time."""
        self.published = time.monotonic()
        s = self.simulation
        self.states.publish(self.writer.write(
            self.id, self.simulated, s.observation, s.achieved_goal, s.desired_goal, s.reward, s.success))
        if self.clock is not None:
            self.clock.publish(Clock(clock=messages.to_time(self.simulated)))

    def close(self) -> None:
        """End the simulation's threads."""
        self.simulation.close()
        if self.ownership is not None:
            self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(MujocoBridge, argv)
