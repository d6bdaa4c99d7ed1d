"""What marker_publisher costs: its CPU time over a training, watched by a subscriber, and with nobody watching.

    ./hac shell python benchmarks/markers.py --seconds 300 --task push

Prints one JSON object. Shares are of one core: user and system time of the process over wall clock, from
/proc/<pid>/stat, without its start.
"""
import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_prefix

from hac_ros import topics

RUN = 'markers_benchmark'
TICK = os.sysconf('SC_CLK_TCK')
START = 120.0   # [s] for nodes to come up and train the first round


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=300.0, help='of each of the two measurements')
    parser.add_argument('--task', default='push')
    parser.add_argument('--arm', type=int, default=0, help='-1: all in a grid')
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '83')
    with tempfile.TemporaryDirectory() as folder, training(options.task, folder), \
            marker_publisher(options, folder) as pid, listener() as node:
        rounds = [0]
        topics.subscribe(node, topics.METRICS, lambda message: rounds.append(message.round), RUN)
        until(node, lambda: len(rounds) > 1, 'the first round')
        unwatched = measure(node, pid, options.seconds, None, rounds)
        watched = measure(node, pid, options.seconds, topics.MARKERS, rounds)
        print(json.dumps({'task': options.task, 'arm': options.arm, 'seconds': options.seconds,
                          'unwatched': unwatched, 'watched': watched}, indent=1))


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


@contextlib.contextmanager
def marker_publisher(options, folder: str):
    """The node; gives its process id."""
    program = Path(get_package_prefix('hac_ros'), 'lib', 'hac_ros', 'marker_publisher')
    words = [f'{name}:={value}' for name, value in (('run', RUN), ('task', options.task), ('folder', folder),
                                                    ('view.arm', options.arm))]
    with process(str(program), '--ros-args', '-r', f'__ns:=/{RUN}/worker_0',
                 *(word for pair in words for word in ('-p', pair))) as child:
        yield child.pid


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


def measure(node, pid: int, seconds: float, topic, rounds: list[int]) -> dict[str, float]:
    """Return the share of a core that ``pid`` took while ``topic`` was subscribed to, and how often it came."""
    came: list = []
    subscription = None if topic is None else topics.subscribe(node, topic, came.append, RUN)
    if topic is not None:
        until(node, lambda: came, 'a scene')
        came.clear()
    began, used, first = time.monotonic(), cpu(pid), max(rounds)
    while time.monotonic() < began + seconds:
        rclpy.spin_once(node, timeout_sec=0.2)
    wall, used = time.monotonic() - began, cpu(pid) - used
    if subscription is not None:
        node.destroy_subscription(subscription)
    return {'core_share': round(used / wall, 4), 'scenes_a_second': round(len(came) / wall, 2),
            'rounds_trained': max(rounds) - first}


def cpu(pid: int) -> float:
    """Return the CPU time [s] of a process, user and system."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == '__main__':
    main()
