"""Episodes on the emulated Fetch, through the launch file, the nodes and the robot's topics."""
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from hac_ros import deployment_log, messages, tasks, topics
from hac_ros.cli import Refused
from hac_ros.launching import shared_memory
from hac_ros.learning.bundle import read_bundle
from hac_ros.run_folder import RunFolder

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

PATIENCE = 60.0     # [s] for what should take a second, on a busy machine
ASK_AGAIN = 5.0     # [s] each of the services does the same when it is asked twice
TRIES = 4           # how often an episode is set up within that time, as long as it does not begin
FORWARDED = ('bundle', 'robot', 'task', 'run', 'folder', 'seed', 'pace', 'priority', 'shadow', 'speed', 'dead_man', 'watched',
             'robot_state', 'frame', 'allow_control_mismatch', 'log_level')


class Stuck(RuntimeError):
    """Something that was waited for has not come."""


def clock_of(pace: float) -> str:
    """Return whose time holds at a pace."""
    return {0.0: 'stepped', 1.0: 'system'}.get(pace, 'simulated')


class Deployment:
    """One deployment on the emulator."""

    def __init__(self, value: dict[str, str], episodes: int):
        self.value, self.episodes = value, episodes
        try:
            self.pace = float(value['pace'])
        except ValueError:
            raise Refused(f'pace:={value["pace"]}: a number is wanted') from None
        self.task = tasks.by_name(value['task'], 'fetch')
        self.run = value['run'].replace('$(var task)', value['task'])
        self.folder = RunFolder(value['folder'], self.run)
        self.found: list[dict] = []

    def report(self) -> dict:
        """Drive the episodes and return what came of them."""
        began, first = time.monotonic(), deployment_log.next_round(self.folder.path / 'deployment')
        problem = ''
        shared_memory.clean()
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        try:
            with self.started():
                operator = Operator(self)
                operator.wait_until_ready()
                for episode in range(self.episodes):
                    self.found.append(operator.episode(episode))
        except Stuck as error:
            problem = str(error)
            print(f'hac deploy: {problem}; logs: {self.folder.log}', file=sys.stderr)
        finally:
            rclpy.try_shutdown()
            shared_memory.clean(wait=True)
        return self.summary(first, time.monotonic() - began, problem)

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the launch file.

        Where time is stepped nothing can be late: nobody watches, and nobody keeps the cores from the rest of the machine.
        """
        clock = clock_of(self.pace)
        unhurried = {'watched': 'false', 'priority': '0'} if clock == 'stepped' else {}
        return {**{name: self.value[name] for name in FORWARDED if self.value[name]}, 'run': self.run,
                'pace': repr(self.pace), 'clock': clock, 'autostart': 'true', **unhurried}

    @contextlib.contextmanager
    def started(self):
        """Run the launch file while the block lasts."""
        self.folder.log.mkdir(parents=True, exist_ok=True)
        with open(self.folder.log / 'deploy.out', 'ab') as output:
            process = subprocess.Popen(
                [sys.executable, '-m', 'hac_ros.cli', 'launch', 'deploy.launch.xml',
                 *(f'{key}:={value}' for key, value in self.arguments().items())],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.process = process
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)

    def summary(self, first: int, seconds: float, problem: str) -> dict:
        """Return the report."""
        logs = [deployment_log.read(path) for path in deployment_log.files(self.folder.path / 'deployment')]
        logs = [log for log in logs if log.content['round'] >= first]
        bundle, latency = read_bundle(self.value['bundle']), _joined(log.arrays['latency'] for log in logs) * 1e3
        reasons: dict[str, int] = {}
        for log in logs:
            for name, count in log.content['interventions'].items():
                reasons[name] = reasons.get(name, 0) + count
        return {'task': self.task.name, 'robot': 'emulator', 'pace': self.pace, 'seed': int(self.value['seed']),
                'bundle': bundle.hash, 'trained_in': bundle.control, 'shadow': self.value['shadow'] == 'true',
                'speed': float(self.value['speed']), 'episodes': len(self.found),
                'success_rate': _mean([each['success'] for each in self.found]),
                'mean_final_distance': _mean([each['distance'] for each in self.found]),
                'interventions': sum(reasons.values()), 'interventions_by_reason': reasons,
                'latency_ms': {name: None if not len(latency) else round(float(np.percentile(latency, share)), 3)
                               for name, share in (('p50', 50), ('p99', 99), ('max', 100))},
                'periods': int(sum(log.steps for log in logs)),
                'missed_periods': int(sum(log.content['missed'] for log in logs)),
                'seconds': round(seconds, 1), 'folder': str(self.folder.path / 'deployment'),
                'complete': not problem and len(self.found) == self.episodes}


def _joined(arrays) -> np.ndarray:
    return np.concatenate([np.zeros(0), *arrays])


def _mean(values) -> float | None:
    return float(np.mean(values)) if values else None


class Operator:
    """Sets up each episode, gives its goal and has it judged; as a person in a laboratory would."""

    def __init__(self, deployment: Deployment):
        self.deployment, self.node = deployment, rclpy.create_node('operator', namespace=f'/{deployment.run}')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        run = deployment.run
        self.clients = {topic.name: self.node.create_client(topic.type, topic.path(run))
                        for topic in (topics.BEGIN_EPISODE, topics.JUDGE, topics.CLEAR)}
        self.goals = topics.publisher(self.node, topics.GOAL, run)
        self.newest, self.word = None, ''
        topics.subscribe(self.node, topics.ARM_STATE, self.on_state, run)
        topics.subscribe(self.node, topics.HEARTBEAT, lambda msg: setattr(self, 'word', msg.frame_id), run)

    def on_state(self, msg):
        """Keep the newest state's id."""
        self.newest = messages.to_id(msg.id)

    def wait(self, condition, limit: float):
        """Spin until ``condition()`` gives something true, for at most ``limit`` [s]; return what it gave last."""
        end = time.monotonic() + limit
        while not (result := condition()) and time.monotonic() <= end and self.deployment.process.poll() is None:
            self.executor.spin_once(timeout_sec=0.1)
        return result

    def until(self, condition, what: str, limit: float = PATIENCE):
        """Spin until ``condition()`` gives something true and return it; raises Stuck, naming ``what``."""
        if result := self.wait(condition, limit):
            return result
        raise Stuck(f'{what} did not come')

    def wait_until_ready(self) -> None:
        """Wait for the emulator, an active bridge and a policy."""
        run = self.deployment.run
        for client in self.clients.values():
            self.until(client.service_is_ready, f'service {client.srv_name}')
        self.until(self.goals.get_subscription_count, 'the bridge')
        for topic in (topics.STATISTICS, topics.SUBGOAL, topics.ARM_COMMAND):
            self.until(lambda: self.node.count_publishers(topic.path(run)), f'a publisher of {topic.path(run)}')
        self.until(lambda: self.word, 'a heartbeat of the bridge: is it active?')

    def call(self, topic, request):
        """Call a service and return its response; ask again where none comes: who has just been found may not have found us yet."""
        futures, due = [], 0.0

        def responded():
            nonlocal due
            if time.monotonic() >= due:
                futures.append(self.clients[topic.name].call_async(request))
                due = time.monotonic() + ASK_AGAIN
            return next((future for future in futures if future.done()), None)
        return self.until(responded, f'a response of {topic.name}').result()

    def cleared(self) -> bool:
        """Have the bridge forget what stopped it for good in the episode before; return whether nothing of it stands."""
        return self.call(topics.CLEAR, topics.CLEAR.type.Request()).success

    def episode(self, number: int) -> dict:
        """Drive one episode; return how it was judged at its last step."""
        self.begin(number)
        steps, pace = self.deployment.task.steps, self.deployment.pace
        self.until(lambda: self.newest.step >= steps, f'the end of episode {number}',
                   PATIENCE + 4 * steps * self.deployment.task.period / (pace or 1.0))
        judged = self.call(topics.JUDGE, topics.JUDGE.type.Request())
        return {'success': judged.success, 'distance': judged.distance}

    def begin(self, number: int) -> None:
        """Set up an episode, give its goal, and wait for its first state.

        What is sent to a bridge that has not found all publishers yet is lost: then the episode, which its number decides, is
        set up anew.
        """
        self.until(lambda: self.word == 'resting', 'the arm\'s rest')
        self.until(self.cleared, 'word of the robot\'s run-stop, or its end,')
        before = self.newest
        for _ in range(TRIES):
            response = self.call(topics.BEGIN_EPISODE, topics.BEGIN_EPISODE.type.Request(episode=number))
            if not response.success:
                raise Stuck(f'episode {number}: {response.message}')
            self.goals.publish(response.goal)
            if self.wait(lambda: self.newest is not None and (before is None or self.newest.round != before.round),
                         PATIENCE / TRIES):
                return
        raise Stuck(f'the first state of episode {number} did not come')
