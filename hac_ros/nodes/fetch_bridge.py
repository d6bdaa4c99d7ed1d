"""A robot's bridge: arm_command -> safety -> a Fetch's own topics -> arm_state, 25 times a second."""
import threading
from concurrent.futures import ThreadPoolExecutor

from hac_ros import acting, deployment_log, messages, tasks, topics
from hac_ros.config import ActingConfig, DeploymentConfig, FetchConfig, RunConfig, SafetyConfig
from hac_ros.fetch_driver import Driver
from hac_ros.fetch_senses import Senses
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.managed import ManagedNode, told
from hac_ros.nodes.ownership import Ownership, claim_robot, other_writers
from hac_ros.nodes.robot_rounds import GoalRounds, LearnerRounds
from hac_ros.nodes.robot_side import RobotSide
from hac_ros.parameters import declare
from hac_ros.pilot import Pilot
from hac_ros.run_folder import RunFolder

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import TransitionCallbackReturn

SETTLE = 1.0     # [s] at most that an arm whose twists are zero is given to come to rest, so that a goal can hold it


class FetchBridge(ManagedNode):
    """Drives one Fetch as ``Pilot`` says. Starts inactive; sends the robot nothing until it is activated.

    It comes to rest before it is deactivated or ends.
    """

    def __init__(self, **node_options):
        super().__init__('fetch_bridge', **node_options)
        self.config = declare(self, RunConfig)
        process.declare_priority(self, above=1)
        self.deployment = declare(self, DeploymentConfig, 'deployment')
        self.active, self.time, self.due, self.ownership, self.claim = False, 0.0, float('-inf'), None, None
        if self.config.arms != 1:
            raise ValueError(f'arms: {self.config.arms} came, a robot has 1')
        self.pilot = self._make_pilot(declare(self, FetchConfig, 'fetch'), declare(self, SafetyConfig, 'safety'),
                                      declare(self, ActingConfig))
        self.ownership = Ownership(self, self.config)
        self.claim = None if self.deployment.shadow else claim_robot()
        self.writer = ThreadPoolExecutor(1)      # a disk that takes its time must not keep the arm waiting
        self._open_topics()
        if self.deployment.autostart:
            self.trigger_configure()
            self.trigger_activate()

    def _make_pilot(self, fetch, safety, acts) -> Pilot:
        config, task = self.config, tasks.by_name(self.config.task, 'fetch')
        if safety.safety_period != task.period:
            raise ValueError(f'safety.safety_period: {safety.safety_period} came, {task.period} is wanted: the bridge sends a '
                             f'command each control period of task {task.name}')
        bundle = acting.chosen_bundle(acts, config)
        fetch = acting.motion(fetch, bundle)
        about = {'run': config.run, 'task': config.task, 'shadow': self.deployment.shadow,
                 'bundle': '' if bundle is None else bundle.hash, 'trained_in': '' if bundle is None else bundle.control}
        self.folder = RunFolder(config.folder, config.run).path / 'deployment'
        driver = Driver(fetch, safety, task.has_object, task.gripper_locked, self.deployment.speed_share)
        return Pilot(config.run, config.worker, task, Senses(task, fetch), driver, self.deployment, safety,
                     self.folder if self.deployment.log else None, about)

    def _open_topics(self):
        run, worker = self.config.run, self.config.worker
        self.health = Health(self, run)
        self.states = topics.publisher(self, topics.ARM_STATE, run, worker)
        self.robot = RobotSide(self, self.pilot, self.deployment, run, worker, self.health, self.on_joints)
        learners = self.deployment.rounds == 'learners'
        self.rounds = LearnerRounds(self, self.pilot) if learners else GoalRounds(
            self, self.pilot, deployment_log.next_round(self.folder))
        topics.subscribe(self, topics.SUBGOAL, self.on_subgoal, run, worker)
        topics.subscribe(self, topics.ARM_COMMAND, self.on_command, run, worker)
        topics.subscribe(self, topics.RESTART_ROUND, self.on_restart, run, worker)
        for service, answer in ((topics.RESET, self.on_reset), (topics.PAUSE, self.on_pause), (topics.CLEAR, self.on_clear)):
            self.create_service(service.type, service.path(run, worker), answer)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if self.deployment.clock == 'system':
            self.create_timer(self.pilot.task.period, self.tick, clock=steady)
        else:
            topics.subscribe(self, topics.CLOCK_TOPIC, self.on_clock, run)
        self.create_timer(0.1, self.on_overdue, clock=steady)

    def now(self) -> float:
        """Return the time [s] that stamps are compared with."""
        return self.get_clock().now().nanoseconds * 1e-9 if self.deployment.clock == 'system' else self.time

    # Life

    @told
    def on_activate(self, state):
        """Fly from now on; what was known of the arm before holds no longer. Refused while others may move the arm."""
        if others := self.other_drivers():
            self.health.refuse('not activated', f'{" and ".join(others)} may send twists to the arm, too, on '
                               f'{self.robot.twists.topic_name}: end it, which takes 20 s to be known if it was killed, or set '
                               'deployment.alone to false')
            return TransitionCallbackReturn.FAILURE
        self.robot.holding.forget()
        self.pilot.forget_place()
        self.pilot.driver.forget_motion()
        self.pilot.signals.switches.forget_when()
        self.active = True
        return super().on_activate(state)

    def other_drivers(self) -> list[str]:
        """Return who else may send the arm twists, on whatever computer; at an autostart nobody has been found yet."""
        if self.deployment.shadow or self.deployment.autostart or not self.deployment.alone:
            return []
        return other_writers(self, self.robot.twists.topic_name, (f'{self.get_namespace().rstrip("/")}/guard',))

    @told
    def on_deactivate(self, state):
        """Come to rest, then do nothing more."""
        self.come_to_rest()
        return super().on_deactivate(state)

    @told
    def on_shutdown(self, state):
        """Come to rest."""
        self.come_to_rest()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state):
        """A transition has failed half-way: send nothing more, for good. The guard, which hears no heartbeat, takes the arm."""
        self.active = False
        return TransitionCallbackReturn.FAILURE

    def come_to_rest(self) -> None:
        """Ramp to zero, hold, and release the guard; takes the stopping time, and SETTLE at most until a goal holds the arm."""
        if not self.active:
            return
        self.pilot.abandon()
        waiting, period = threading.Event(), self.pilot.task.period
        ramp = 3 + round(self.pilot.driver.guarded.stopping_time / period)
        if self.deployment.clock == 'system':
            for number in range(ramp + round(SETTLE / period)):
                if number >= ramp and self.robot.settled:
                    break
                self.robot.read()     # nobody spins meanwhile
                self.tick()
                waiting.wait(period)
        self.robot.beat('released', self.now())
        self.active = False
        self.write_logs()

    def close(self) -> None:
        """Come to rest, write what is left, and give the name back."""
        self.come_to_rest()
        self.writer.shutdown()
        if self.claim is not None:
            self.claim.close()
        if self.ownership is not None:
            self.ownership.release()

    # Periods

    def on_clock(self, msg):
        """The emulator's time has gone on."""
        self.time = messages.seconds(msg.clock)
        self.on_joints()

    def on_joints(self):
        """Begin a period of simulated time when it is due and its joint states are here."""
        clock, known = self.deployment.clock, self.pilot.senses.stamp
        if clock == 'system' or (clock == 'stepped' and known < self.time - 1e-6):
            return
        begins = self.pilot.asked is not None and self.pilot.senses.complete(self.pilot.asked.since)
        if self.time > self.due - 1e-6 or (clock == 'stepped' and begins and self.time >= self.pilot.asked.since - 1e-6):
            self.due = self.time + self.pilot.task.period
            self.tick()

    def tick(self):
        """A control period."""
        if not self.active:
            return
        now = self.now()
        sent, state = self.pilot.tick(now)
        if state is not None:
            self.states.publish(messages.from_arm_state(state))
        if sent is not None and (self.deployment.clock != 'stepped' or self.pilot.running):
            self.send(sent, now)
        self.beat(now)
        self.write_logs()

    def beat(self, now: float) -> None:
        """Tell the guard, and whoever waits to give a goal, what the arm does."""
        moves = self.pilot.driver.moving and (self.pilot.running or self.deployment.clock != 'stepped')
        self.robot.beat('moving' if moves else 'resting', now)

    def send(self, sent, now: float) -> None:
        """Send what a period came to, and tell what safety did to it."""
        for status in self.pilot.new_statuses:
            (self.health.refuse if status.stops else lambda name, _: self.health.note(name))(
                f'safety {status.name.lower()}', status.text)
        self.robot.send(sent, now)

    def write_logs(self) -> None:
        """Write the episodes that have ended, beside the work."""
        while (log := self.pilot.finished_log()) is not None:
            self.writer.submit(self._write, log)

    def _write(self, log) -> None:
        try:
            log.write()
        except OSError as error:
            self.health.refuse('episode not kept', error)

    def on_overdue(self):
        """Repeat a state that nobody has answered, and where time is stepped the heartbeat; see whether a round may begin."""
        state = self.pilot.repeat() if self.active else None
        if state is not None:
            self.health.note('states repeated')
            self.states.publish(messages.from_arm_state(state))
        if self.active and self.deployment.clock == 'stepped':     # no period follows until somebody gives a goal
            self.beat(self.now())
        if self.deployment.rounds == 'learners':
            self.rounds.begin_next()

    # Answers

    def on_subgoal(self, msg):
        """The planner's subgoal: judged before the controller's command passes."""
        self._take(self.pilot.take_subgoal, messages.to_subgoals, msg)

    def on_command(self, msg):
        """The controller's command."""
        self._take(self.pilot.take_command, lambda message: messages.to_commands(message, 1), msg)

    def _take(self, take, convert, msg) -> None:
        if not self.active:
            return
        try:
            answer, now = convert(msg), self.now()
            sent = take(now, answer)
        except ValueError as error:
            self.health.refuse('answer refused', error)
            return
        if sent is not None:
            self.send(sent, now)

    def on_restart(self, msg):
        """Planner or controller lacks a step of the round that is running."""
        asked, running = messages.to_id(msg), self.pilot.id
        if running is not None and (asked.run, asked.round, asked.take) == (running.run, running.round, running.take):
            self.health.note('rounds begun anew')
            self.rounds.restart()

    # Services

    def on_reset(self, _, response):
        """Service: begin the round anew."""
        response.success = self.active and self.pilot.running
        response.message = f'round {self.pilot.id.round}' if response.success else 'no round is running'
        if response.success:
            self.rounds.restart()
        return response

    def on_pause(self, request, response):
        """Service: come to rest, or go on."""
        self.pilot.paused, response.success = request.data, True
        response.message = 'paused' if request.data else 'running'
        return response

    def on_clear(self, _, response):
        """Service: forget a run-stop, fault or silence that is over, and a jump of the joints."""
        standing = self.pilot.signals.switches.causes(self.pilot.clock())
        response.success = not standing
        response.message = f'still there: {"; ".join(status.text for status in standing)}' if standing else 'cleared'
        if response.success:
            self.pilot.clear()
        return response


def main(argv=None):
    """Run the node."""
    return process.run(FetchBridge, argv)
