"""What watching costs: CPU time of marker_publisher and of the page over a training, and with nobody watching.

    ./hac shell python benchmarks/markers.py --seconds 300 --task push
    ./hac shell python benchmarks/markers.py --seconds 300 --task push --browser

One after the other: nobody watches; somebody reads markers; joint_states and tf too, as RViz with RobotModel does; with
--browser a headless Chromium shows the page. Prints one JSON object. Shares are of one core: user and system time of a
process over wall clock, from /proc/<pid>/stat, without its start; Chromium's own are not counted.
"""
import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_prefix

from hac_ros import topics

RUN = 'markers_benchmark'
NAMESPACE = f'/{RUN}/worker_0'
WATCHED = {'unwatched': (), 'markers': (topics.MARKERS,),
           'markers_joint_states_tf': (topics.MARKERS, topics.JOINT_STATES, topics.BASE_TRANSFORM)}
PORT = 8183
TICK = os.sysconf('SC_CLK_TCK')
START = 120.0   # [s] for nodes to come up and train the first round


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=300.0, help='of each measurement')
    parser.add_argument('--task', default='push')
    parser.add_argument('--arm', type=int, default=0, help='-1: all in a grid')
    parser.add_argument('--browser', action='store_true', help='measure the page too; needs chromium and chromedriver')
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '83')
    with tempfile.TemporaryDirectory() as folder, training(options.task, folder), \
            marker_publisher(options, folder) as pid, listener() as node:
        rounds = [0]
        topics.subscribe(node, topics.METRICS, lambda message: rounds.append(message.round), RUN)
        until(node, lambda: len(rounds) > 1, 'the first round')
        found = {name: watched(node, pid, options.seconds, some, rounds) for name, some in WATCHED.items()}
        if options.browser:
            found['page'] = page(node, pid, options, folder, rounds)
        print(json.dumps({'task': options.task, 'arm': options.arm, 'seconds': options.seconds, **found}, indent=1))


@contextlib.contextmanager
def process(*command):
    """A process that is ended with the block."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)


def training(task: str, folder: str):
    """A training that does not end by itself."""
    return process(sys.executable, '-m', 'hac_ros.cli', 'train', f'task:={task}', f'run:={RUN}', f'folder:={folder}',
                   'bar:=2.0', 'max_steps:=100000000')


def marker_publisher(options, folder: str):
    """The node; gives its process id."""
    return program('marker_publisher', options, folder, **{'view.arm': options.arm})


@contextlib.contextmanager
def program(name: str, options, folder: str, **parameters):
    """A node of the worker; gives its process id."""
    path = Path(get_package_prefix('hac_ros'), 'lib', 'hac_ros', name)
    given = {'run': RUN, 'task': options.task, 'folder': folder, **parameters}
    words = [word for key, value in given.items() for word in ('-p', f'{key}:={value}')]
    with process(str(path), '--ros-args', '-r', f'__ns:={NAMESPACE}', *words) as child:
        yield child.pid


def page(node, pid: int, options, folder: str, rounds: list[int]) -> dict[str, float]:
    """Return what marker_publisher ``pid`` and browser_view take while a headless Chromium shows the page."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'test' / 'ros'))
    from browser import Browser, missing
    if missing():
        raise SystemExit(missing())
    with program('browser_view', options, folder, **{'page.port': PORT}) as server:
        until(node, lambda: answers(PORT), 'the page')
        with Browser(Path(folder, 'profile')) as browser:
            browser.open(f'http://127.0.0.1:{PORT}')
            until(node, lambda: ', step ' in browser.text(), 'a state on the page')
            return measure(node, {'marker_publisher': pid, 'browser_view': server}, options.seconds, rounds)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


@contextlib.contextmanager
def listener():
    """A node of our own."""
    rclpy.init()
    node = rclpy.create_node('markers_benchmark')
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def until(node, condition, what: str) -> None:
    """Spin until ``condition`` holds."""
    end = time.monotonic() + START
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f'{what} did not come within {START} s')
        rclpy.spin_once(node, timeout_sec=0.1)


def watched(node, pid: int, seconds: float, some: tuple, rounds: list[int]) -> dict[str, float]:
    """Return what marker_publisher ``pid`` takes while topics ``some`` are subscribed to, and how often each comes."""
    came: dict[str, list] = {topic.name.rpartition('/')[2]: [] for topic in some}
    open_ = [topics.subscribe(node, topic, seen.append, RUN) for topic, seen in zip(some, came.values())]
    until(node, lambda: all(came.values()), 'every topic')
    for seen in came.values():
        seen.clear()
    found = measure(node, {'marker_publisher': pid}, seconds, rounds)
    for subscription in open_:
        node.destroy_subscription(subscription)
    return found | {f'{name}_a_second': round(len(seen) / found['wall'], 2) for name, seen in came.items()}


def measure(node, pids: dict[str, int], seconds: float, rounds: list[int]) -> dict[str, float]:
    """Return the share of a core that each of ``pids`` took, and the load of the machine, which slows all down."""
    began, used, first = time.monotonic(), {name: cpu(pid) for name, pid in pids.items()}, max(rounds)
    while time.monotonic() < began + seconds:
        rclpy.spin_once(node, timeout_sec=0.2)
    wall = time.monotonic() - began
    return {**{f'{name}_core_share': round((cpu(pid) - used[name]) / wall, 4) for name, pid in pids.items()},
            'wall': round(wall, 2), 'rounds_trained': max(rounds) - first, 'load': round(os.getloadavg()[0], 1)}


def cpu(pid: int) -> float:
    """Return the CPU time [s] of a process, user and system."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == '__main__':
    main()
