"""`hac deploy` on the emulated Fetch, stepped: the whole chain, its report, its log, and the replay of it."""
import json
import subprocess
import sys

from small_bundle import small_bundle

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


def test_a_bundle_that_was_trained_in_mocap_is_refused_on_a_robot_whatever_is_asked_for(tmp_path):
    small_bundle(tmp_path / 'bundle')
    chosen = 'task:=reach', f'bundle:={tmp_path / "bundle"}'
    for words, sentence in ((('robot:=fetch', 'allow_control_mismatch:=true'), 'is for robot:=emulator only'),
                            (('robot:=fetch',), 'trained for control mode mocap, fetch is wanted'),
                            (('robot:=emulator',), 'trained for control mode mocap, fetch is wanted')):
        status, _, complaints = hac(*chosen, *words)
        assert status == 2 and sentence in complaints and len(complaints.splitlines()) == 1
