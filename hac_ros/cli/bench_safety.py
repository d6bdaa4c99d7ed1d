"""`hac bench safety`: adversarial input through the real fetch_bridge; does any command to the robot exceed a limit?

The campaign plays robot, perception, planner and controller, and the clock: each period of the bridge brings one of
the kinds of ``hac_ros/adversary.py``, drawn from the seed.
"""
import argparse
import json
import tempfile
import time
from collections import Counter

import numpy as np

from hac_ros import kinematics, messages, robot_messages, spaces, tasks, topics
from hac_ros.adversary import Adversary
from hac_ros.cli import Parser, key_values
from hac_ros.cli.evaluate import number
from hac_ros.config import FetchConfig, SafetyConfig
from hac_ros.fetch_driver import Driver
from hac_ros.launching.child_process import ChildProcess
from hac_ros.launching.launch_file import Argument
from hac_ros.launching.plan import program
from hac_ros.randomness import generator

import rclpy
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionServer
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

ARGUMENTS = {argument.name: argument for argument in (
    Argument('inputs', '10000', 'Periods, each with an adversarial input', ()),
    Argument('seed', '0', 'Decides the inputs', ()),
    Argument('task', 'pick_and_place', 'Task whose bridge is attacked', ('reach', 'push', 'pick_and_place')),
)}
RUN, PERIOD, PATIENCE = 'attacked', 0.04, 60.0
TOLERANCE = 1e-9
SWITCHES = topics.RUNSTOPPED, topics.FAULTED, topics.BUTTON     # in the order of Adversary.switches
EPISODE = 20      # periods from one goal to the next, when what has latched is cleared


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 0 only if no limit was exceeded."""
    parser = Parser(prog='hac bench safety', description='Attack fetch_bridge with adversarial input.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    inputs, seed = number('inputs', value['inputs'], 1), number('seed', value['seed'], 0)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        with tempfile.TemporaryDirectory(prefix='hac_safety_') as folder, Rig(value['task'], folder) as rig:
            report = {'task': value['task'], 'seed': seed, **campaign(rig, inputs, seed)}
    finally:
        rclpy.try_shutdown()
    print(json.dumps(report) if options.json else '\n'.join(f'{name}: {item}' for name, item in report.items()))
    return 0 if report['passed'] else 1


def campaign(rig, inputs: int, seed: int) -> dict:
    """Send ``inputs`` inputs; return what came of it."""
    rng, began, kinds = generator(seed, 'adversary'), time.monotonic(), Counter()
    for _ in range(inputs):
        kind = str(rng.choice(rig.adversary.kinds))
        kinds[kind] += 1
        rig.period(kind, generator(seed, 'adversary', sum(kinds.values())))
    return {'inputs': inputs, **rig.limits.report(), 'seconds': round(time.monotonic() - began, 1),
            'periods_missed_by_the_bridge': rig.lost, 'kinds': dict(sorted(kinds.items())),
            'passed': not rig.limits.exceeded}


class Limits:
    """Looks at every command to the robot."""

    def __init__(self, task):
        safety = SafetyConfig()
        driver = Driver(FetchConfig(), safety, task.has_object, task.gripper_locked)
        self.most = {'speed': driver.speed, 'turn': safety.turn, 'acceleration': driver.acceleration * PERIOD,
                     'turn_acceleration': safety.turn_acceleration * PERIOD}
        self.greatest, self.exceeded = dict.fromkeys(self.most, 0.0), []
        self.last, self.twists, self.moving, self.goals, self.holds = np.zeros(6), 0, 0, 0, 0

    def on_twist(self, msg) -> None:
        """A twist must be finite, in base_link, and within all limits."""
        twist, self.twists = robot_messages.to_twist(msg), self.twists + 1
        self.moving += bool(twist.any())
        change, self.last = twist - self.last, twist
        found = {'speed': np.linalg.norm(twist[:3]), 'turn': np.linalg.norm(twist[3:]),
                 'acceleration': np.linalg.norm(change[:3]), 'turn_acceleration': np.linalg.norm(change[3:])}
        if not np.isfinite(twist).all() or msg.header.frame_id != kinematics.FRAME:
            self.exceeded.append(f'twist {twist} in {msg.header.frame_id!r}')
        for name, value in found.items():
            self.greatest[name] = max(self.greatest[name], float(value))
            if not value <= self.most[name] + TOLERANCE:
                self.exceeded.append(f'{name} {value}, at most {self.most[name]} is allowed')

    def on_gripper(self, request) -> None:
        """A gripper goal must be an opening that there is."""
        self.goals += 1
        if not 0.0 <= request.command.position <= spaces.OPENING_MAX:
            self.exceeded.append(f'gripper goal {request.command.position}')

    def on_trajectory(self, request) -> None:
        """A trajectory may only hold the arm: one point, finite."""
        self.holds += 1
        points = request.trajectory.points
        if len(points) != 1 or not np.isfinite(points[0].positions).all():
            self.exceeded.append(f'trajectory of {len(points)} points')

    def report(self) -> dict:
        """Return counts, limits and the greatest that came."""
        return {'twists': self.twists, 'moving_twists': self.moving, 'gripper_goals': self.goals, 'holds': self.holds,
                'limits': self.most, 'greatest': self.greatest, 'exceeded': self.exceeded[:10],
                'exceeded_count': len(self.exceeded)}


class Rig:
    """A real fetch_bridge in a process of its own, and everything that it talks to."""

    def __init__(self, task: str, folder: str, **settings):
        """``settings``: of the bridge's section ``deployment``."""
        self.settings = {'clock': 'simulated', 'watched': False, 'autostart': True, 'log': False, **settings}
        self.task, self.folder = tasks.by_name(task, 'fetch'), folder
        self.adversary, self.limits = Adversary(self.task), Limits(self.task)
        self.time, self.id, self.beaten, self.lost, self.count = 1.0, None, -1.0, 0, 0

    def __enter__(self):
        values = {'run': RUN, 'task': self.task.name, 'control': 'fetch', 'arms': 1, 'folder': self.folder,
                  **{f'deployment.{name}': str(value).lower() for name, value in self.settings.items()}}
        parameters = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
        self.child = ChildProcess([*program('hac_ros', 'fetch_bridge'), '--ros-args', '-r', f'__ns:=/{RUN}/worker_0',
                                   '--log-level', 'error', *parameters])
        self.node = rclpy.create_node('attacker', namespace=f'/{RUN}')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self._open()
        self.until(lambda: self.count_subscribers() and (self.beat() or not self.settings['autostart']), 'the bridge')
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.close()
        self.executor.shutdown()
        for server in self.servers:     # a node's end leaves them in the domain
            server.destroy()
        self.node.destroy_node()

    def _open(self):
        self.send = {topic.name: topics.publisher(self.node, topic, RUN) for topic in (
            topics.ROBOT_JOINT_STATES, topics.OBJECT_POSE, topics.SUBGOAL, topics.ARM_COMMAND, topics.GOAL,
            topics.CLOCK_TOPIC, *SWITCHES)}
        topics.subscribe(self.node, topics.ARM_STATE, self.on_state, RUN)
        topics.subscribe(self.node, topics.HEARTBEAT, self.on_heartbeat, RUN)
        self.node.create_subscription(topics.TWIST_COMMAND.type, topics.TWIST_COMMAND.name, self.limits.on_twist, 100)
        self.clear = self.node.create_client(topics.CLEAR.type, topics.CLEAR.path(RUN))
        self.servers = [ActionServer(self.node, kind, name, self._executed(kind, look)) for kind, name, look in (
            (GripperCommand, topics.GRIPPER_ACTION, self.limits.on_gripper),
            (FollowJointTrajectory, topics.TRAJECTORY_ACTION, self.limits.on_trajectory))]

    def _executed(self, kind, look):
        def execute(handle):
            look(handle.request)
            handle.succeed()
            return kind.Result()
        return execute

    def count_subscribers(self) -> bool:
        """Whether the bridge hears us on every topic."""
        return all(publisher.get_subscription_count() for publisher in self.send.values())

    def on_state(self, msg):
        """Keep the newest state's id."""
        self.id = messages.to_id(msg.id)

    def on_heartbeat(self, msg):
        """Keep the newest heartbeat's time."""
        self.beaten = messages.seconds(msg.stamp)

    def until(self, condition, what: str):
        """Spin until ``condition()`` gives something true; raises RuntimeError, naming ``what``, if it does not."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end or self.child.ended():
                raise RuntimeError(f'{what} did not come')
            self.executor.spin_once(timeout_sec=0.02)

    def until_ended(self) -> None:
        """Spin until the bridge has ended; raises RuntimeError if it does not."""
        end = time.monotonic() + PATIENCE
        while not self.child.ended():
            if time.monotonic() > end:
                raise RuntimeError('the bridge has not ended')
            self.executor.spin_once(timeout_sec=0.05)

    def beat(self) -> bool:
        """Go on by a period of honest silence; return whether the bridge has noticed."""
        self.time += PERIOD
        self.send[topics.CLOCK_TOPIC.name].publish(Clock(clock=messages.to_time(self.time)))
        self.executor.spin_once(timeout_sec=0.1)
        return self.beaten > 0

    def period(self, kind: str, rng: np.random.Generator) -> None:
        """A period of the bridge that brings ``kind``."""
        self.time = round(self.time + PERIOD, 6)
        mind = self.adversary
        mind.begin(rng, self.time)
        getattr(mind, f'do_{kind}')()
        self.send[topics.ROBOT_JOINT_STATES.name].publish(mind.joint_state())
        self.send[topics.OBJECT_POSE.name].publish(mind.object_pose())
        for topic, message in zip(SWITCHES, mind.switches):
            self.send[topic.name].publish(message)
        if self.count % EPISODE == 0:
            self._begin_episode()
        self.count += 1
        self._tick()
        if self.id is not None:
            for message in mind.answers(self.id):
                topic = topics.SUBGOAL if isinstance(message, topics.SUBGOAL.type) else topics.ARM_COMMAND
                self.send[topic.name].publish(message)

    def _begin_episode(self):
        """Clear what has latched, and give a goal."""
        for topic in SWITCHES:
            self.send[topic.name].publish(topic.type(data=False))
        self.clear.call_async(topics.CLEAR.type.Request())
        self.send[topics.GOAL.name].publish(robot_messages.from_pose((0.65, 0.05, 0.5), (1, 0, 0, 0), messages.to_time(0.0)))

    def _tick(self):
        """Let the clock go on, until the bridge has noticed: a clock that is lost is sent again, a little later."""
        began, wanted = time.monotonic(), self.time
        self.send[topics.CLOCK_TOPIC.name].publish(Clock(clock=messages.to_time(self.time)))
        while self.beaten < wanted - 1e-6:
            if time.monotonic() - began > 1.0:
                self.lost, began = self.lost + 1, time.monotonic()
                self.time = round(self.time + 0.001, 6)
                self.send[topics.CLOCK_TOPIC.name].publish(Clock(clock=messages.to_time(self.time)))
            if self.child.ended():
                raise RuntimeError('the bridge has died')
            self.executor.spin_once(timeout_sec=0.02)
        self.executor.spin_once(timeout_sec=0.0)
