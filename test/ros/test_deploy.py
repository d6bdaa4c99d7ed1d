"""`hac deploy` on the emulated Fetch, stepped: the whole chain, its report, its log, and the replay of it."""
import json
import subprocess
import sys

import pytest
from small_bundle import small_bundle

from hac_ros import deployment_log
from hac_ros.cli import launch
from hac_ros.safety.status import Status

LIMIT = 240    # [s] for what takes twenty alone


def hac(*words):
    """Run `hac deploy` with ``words``; return status, what it printed and its complaints."""
    done = subprocess.run([sys.executable, '-m', 'hac_ros.cli', 'deploy', *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    return done.returncode, done.stdout, done.stderr


def test_an_episode_is_driven_judged_and_logged_and_its_replay_gives_the_same_commands(tmp_path):
    bundle = small_bundle(tmp_path / 'bundle', control='fetch')
    chosen = 'task:=reach', f'bundle:={tmp_path / "bundle"}', '--json'
    status, printed, complaints = hac(*chosen, 'pace:=0.0', 'episodes:=1', f'folder:={tmp_path}', 'run:=driven')
    assert status == 0, complaints
    report = json.loads(printed)
    assert (report['episodes'], report['periods'], report['bundle']) == (1, 250, bundle.hash)
    assert report['success_rate'] in (0.0, 1.0) and report['latency_ms']['p99'] > 0 and report['missed_periods'] == 0
    status, printed, _ = hac(*chosen, f'replay:={tmp_path / "driven" / "deployment"}')
    replayed = json.loads(printed)
    assert status == 0 and replayed['same'] and replayed['steps'] == 250 and replayed['largest_difference'] == 0.0


LOSES_THE_FIRST_GOAL = """
import sys
from hac_ros.cli import deploy, deploy_emulated

class Losing(deploy_emulated.Operator):
    def __init__(self, deployment):
        super().__init__(deployment)
        self.goals, self.publisher, self.given = self, self.goals, 0
        self.get_subscription_count = self.publisher.get_subscription_count

    def publish(self, goal):
        self.given += 1
        if self.given > 1:
            self.publisher.publish(goal)
        else:
            print('lost', file=sys.stderr)

deploy_emulated.Operator, deploy_emulated.TRIES = Losing, 20
sys.exit(deploy.run(sys.argv[1:]))
"""


def test_an_episode_whose_goal_was_lost_is_set_up_anew(tmp_path):
    small_bundle(tmp_path / 'bundle', control='fetch')
    done = subprocess.run(
        [sys.executable, '-c', LOSES_THE_FIRST_GOAL, 'task:=reach', f'bundle:={tmp_path / "bundle"}', '--json', 'pace:=0.0',
         'episodes:=1', f'folder:={tmp_path}', 'run:=lost'], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=LIMIT, check=False)
    assert done.returncode == 0 and 'lost' in done.stderr, done.stderr
    assert json.loads(done.stdout)['episodes'] == 1


PRESSES_THE_BUTTON = """
import sys
from hac_ros import topics
from hac_ros.cli import deploy, deploy_emulated

class Pressing(deploy_emulated.Operator):
    def __init__(self, deployment):
        super().__init__(deployment)
        self.clients[topics.PRESS.name] = self.node.create_client(topics.PRESS.type, topics.PRESS.path(deployment.run))
        self.button = iter(((50, True), (100, False)))
        self.next = next(self.button)

    def on_state(self, msg):
        super().on_state(msg)
        if self.next is not None and self.newest.step >= self.next[0]:
            self.clients[topics.PRESS.name].call_async(topics.PRESS.type.Request(data=self.next[1]))
            self.next = next(self.button, None)

deploy_emulated.Operator = Pressing
sys.exit(deploy.run(sys.argv[1:]))
"""


def test_the_red_button_stops_an_episode_for_good_and_the_next_one_is_flown(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', PRESSES_THE_BUTTON, 'task:=reach', '--json', 'pace:=0.0', 'watched:=false', 'episodes:=2', f'folder:={tmp_path}',
         'run:=pressed'], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    first, second = map(deployment_log.read, deployment_log.files(tmp_path / 'pressed' / 'deployment'))
    found, moves = [deployment_log.statuses(bits) for bits in first.arrays['status']], first.arrays['twist'].any(axis=1)
    began = next(step for step, statuses in enumerate(found) if Status.RUNSTOP in statuses)
    assert began >= 50
    assert moves[:began].any() and not moves[began + 10:].any()      # a ramp of seven periods
    assert all(Status.RUNSTOP in statuses for statuses in found[began:])
    assert 'runstop' not in second.content['interventions']
    assert second.arrays['twist'].any()


def test_a_bundle_that_was_trained_in_mocap_is_refused_on_a_robot_whatever_is_asked_for(tmp_path):
    small_bundle(tmp_path / 'bundle')
    chosen = 'task:=reach', f'bundle:={tmp_path / "bundle"}'
    for words, sentence in ((('robot:=fetch', 'allow_control_mismatch:=true'), 'is for robot:=emulator only'),
                            (('robot:=fetch',), 'trained for control mode mocap, fetch is wanted'),
                            (('robot:=emulator',), 'trained for control mode mocap, fetch is wanted')):
        status, _, complaints = hac(*chosen, *words)
        assert status == 2 and sentence in complaints and len(complaints.splitlines()) == 1


def test_no_real_arm_is_moved_without_a_guard(tmp_path):
    small_bundle(tmp_path / 'bundle', control='fetch')
    status, _, complaints = hac('task:=reach', f'bundle:={tmp_path / "bundle"}', 'robot:=fetch', 'watched:=false')
    assert status == 2 and 'watched:=false is for robot:=emulator, or for a dry run' in complaints
    assert len(complaints.splitlines()) == 1


@pytest.mark.parametrize('words, guarded', [
    ((), True), (('watched:=false',), False), (('robot:=fetch',), True), (('robot:=fetch', 'watched:=false'), True),
    (('robot:=fetch', 'shadow:=true', 'watched:=false'), False)])
def test_ros2_launch_starts_the_guard_of_a_real_arm_whatever_it_is_told(words, guarded):
    plan, _ = launch.planned(launch.find('deploy.launch.xml'), ['bundle:=some', *words])
    bridge = next(node for node in plan if node.executable == 'fetch_bridge')
    assert ('guard' in [node.executable for node in plan], bridge.values()['deployment.watched']) == (guarded, guarded)


@pytest.mark.parametrize('told', ('true', 'false'))
def test_bridge_and_guard_both_know_whether_the_robot_must_tell_of_its_run_stop(told):
    plan, _ = launch.planned(launch.find('deploy.launch.xml'), ['bundle:=some', 'robot:=fetch', f'robot_state:={told}'])
    assert {node.executable: node.values()['deployment.robot_state'] for node in plan if node.executable in ('guard', 'fetch_bridge')} \
        == {'guard': told == 'true', 'fetch_bridge': told == 'true'}
