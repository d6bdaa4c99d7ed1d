"""`hac bench kills`: nodes of a deployment killed at random while the arm moves; does it stop, hold, and how soon?"""
import argparse
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hac_ros import kinematics, robot_messages, topics
from hac_ros.cli import Parser, deploy, key_values
from hac_ros.cli.deploy_emulated import Deployment, Operator, Stuck
from hac_ros.cli.evaluate import number
from hac_ros.launching import shared_memory
from hac_ros.launching.launch_file import Argument
from hac_ros.randomness import generator

import rclpy
from rclpy.signals import SignalHandlerOptions

ARGUMENTS = {argument.name: argument for argument in (
    Argument('kills', '20', 'Nodes to kill, each in a deployment of its own', ()),
    Argument('seed', '0', 'Decides whom to kill when, and after how many steps', ()),
    Argument('bundle', '', 'Folder of a bundle; empty: the shipped one', ()),
    Argument('task', 'reach', 'What it was trained for', ('reach', 'push', 'pick_and_place')),
    Argument('victims', 'fetch_bridge,guard,planner,controller,normalizer', 'Whom to kill, in turns of random order, with commas', ()),
)}
LIMIT = 0.5        # [s] until the arm rests
MOVES = 0.03       # [rad/s] of a joint, beyond the noise of its measurement
DRIFT = 0.01       # [rad] that a held joint may move in the time that is watched
WATCHED = 3.0      # [s] after the kill


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 0 only if the arm always stopped in time and was held."""
    parser = Parser(prog='hac bench kills', description='Kill nodes of a deployment at random, never the emulator.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    with tempfile.TemporaryDirectory(prefix='hac_kills_') as folder:
        report = campaign(value, folder)
    print(json.dumps(report) if options.json else '\n'.join(f'{name}: {item}' for name, item in report.items()))
    return 0 if report['passed'] else 1


def campaign(value: dict[str, str], folder: str) -> dict:
    """Kill as often as is asked for; return what was seen."""
    kills, seed, victims = number('kills', value['kills'], 1), number('seed', value['seed'], 0), value['victims'].split(',')
    words = {name: value[name] for name in ('bundle', 'task', 'seed') if value[name]}
    rng, found, turns = generator(seed, 'kills'), [], []
    for index in range(kills):
        turns = turns or rng.permutation(victims).tolist()      # each has its turn
        chosen = deploy.complete({**words, 'run': f'kill_{index}', 'folder': folder})
        deploy.check(chosen)
        found.append(Kill(chosen, index).seen(turns.pop(), int(rng.integers(3, 30))))
        print(f'{index + 1}/{kills}: {found[-1]}', file=sys.stderr)
    stops = [each['stopped_s'] for each in found if each['stopped_s'] is not None]
    passed = len(stops) == kills and max(stops) <= LIMIT and all(each['drift_rad'] <= DRIFT for each in found)
    return {'seed': seed, 'limit_s': LIMIT, 'kills': found, 'longest_stop_s': max(stops, default=None), 'passed': passed}


class Kill(Deployment):
    """One deployment, in which one node is killed while the arm moves."""

    def __init__(self, value: dict[str, str], index: int):
        super().__init__(value, 1)
        self.index, self.samples = index, []

    def seen(self, victim: str, steps: int) -> dict:
        """Kill ``victim`` once the arm has moved for ``steps`` joint states; return when and whether it stopped."""
        shared_memory.clean()
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        try:
            with self.started():
                operator = Operator(self)
                topics.subscribe(operator.node, topics.ROBOT_JOINT_STATES, self.on_joints, self.run)
                operator.wait_until_ready()
                operator.begin(self.index)
                operator.until(lambda: self.moving() >= steps, 'a moving arm')
                killed = time.monotonic()
                os.kill(self.pid(victim), signal.SIGKILL)
                with contextlib.suppress(Stuck):     # it goes on until the time is over
                    operator.until(lambda: False, '', WATCHED)
                return {'victim': victim, **self.judged(killed)}
        except Stuck as error:
            return {'victim': victim, 'stopped_s': None, 'drift_rad': float('inf'), 'problem': str(error)}
        finally:
            rclpy.try_shutdown()
            shared_memory.clean()

    def on_joints(self, msg):
        """Keep every state of the arm, with the time of its receipt."""
        names, positions, velocities = robot_messages.to_joints(msg)
        if kinematics.JOINTS[0] in names:
            order = [names.index(name) for name in kinematics.JOINTS]
            self.samples.append((time.monotonic(), positions[order], velocities[order]))

    def moving(self) -> int:
        """Return for how many of the newest states in a row the arm has moved."""
        count = 0
        for _, _, speeds in reversed(self.samples):
            if np.abs(speeds).max() < MOVES:
                break
            count += 1
        return count

    def pid(self, victim: str) -> int:
        """Return the process id of ``victim``."""
        log = Path(self.folder.log / 'launch.log').read_text()
        return int(re.findall(rf'\[{victim}-\d+\]: process started with pid \[(\d+)\]', log)[-1])

    def judged(self, killed: float) -> dict:
        """Return how long the arm moved after the kill, and how far it moved when it should have been held."""
        after = [sample for sample in self.samples if sample[0] > killed]
        moved = [at - killed for at, _, speeds in after if np.abs(speeds).max() >= MOVES]
        held = np.array([place for at, place, _ in after if at > killed + LIMIT])
        return {'stopped_s': round(max(moved, default=0.0), 3),
                'drift_rad': round(float(np.ptp(held, axis=0).max()), 4) if len(held) else float('inf')}
