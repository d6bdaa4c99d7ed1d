"""When the bridge dies in full motion, the guard stops the arm and holds it; real processes, real time."""
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from robot_client import RUN, parameters

from builtin_interfaces.msg import Time
from control_msgs.action import FollowJointTrajectory
from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.launching import launch_file
from hac_ros.nodes.guard import Guard
from rclpy.action import ActionClient, ActionServer
from rclpy.parameter import Parameter
from std_msgs.msg import Bool, Header

STAND_IN = Path(__file__).with_name('bridge_stand_in.py')
DEPLOY = Path(__file__).resolve().parents[2] / 'launch' / 'deploy.launch.xml'
LATE, STOPPED = 0.1 + 0.04, 0.5      # [s] from the last heartbeat to the first zero twist, and until the arm stands
AT_REST = 0.02                       # [rad/s]
ATTEMPTS = 8                         # a busy machine makes everybody late: one of them must be in time


class Watcher:
    """Hears heartbeats, twists, joints and the guard, with the stamps that each gives."""

    def __init__(self, listener, processes, tmp_path):
        self.listener = listener
        self.beats, self.twists, self.speeds, self.places, self.guard = [], [], [], [], ['']
        for topic, heard in ((topics.HEARTBEAT, self.on_beat), (topics.TWIST_COMMAND, self.on_twist),
                             (topics.ROBOT_JOINT_STATES, self.on_joints), (topics.GUARD_ALIVE, self.on_alive)):
            topics.subscribe(listener.node, topic, heard, RUN)
        self.robot = processes.start('fetch_emulator', '/', run=RUN, task='reach', folder=tmp_path, **parameters())
        self.watchman = processes.start('guard', f'/{RUN}/worker_0', run=RUN, folder=tmp_path)
        actions = ActionClient(listener.node, FollowJointTrajectory, topics.TRAJECTORY_ACTION)
        self.foreign = topics.publisher(listener.node, topics.TWIST_COMMAND, RUN)
        listener.until(lambda: actions.server_is_ready() and self.guard[-1] == 'idle' and self.places
                       and self.foreign.get_subscription_count() == 2, 'robot and guard')

    def on_beat(self, msg):
        self.beats.append(messages.seconds(msg.stamp))

    def on_twist(self, msg):    # the bridge's and the guard's, and this test's own
        self.twists.append((messages.seconds(msg.header.stamp), np.abs(robot_messages.to_twist(msg)).max()))

    def on_joints(self, msg):
        if kinematics.JOINTS[0] in msg.name:
            names, places, speeds = robot_messages.to_joints(msg)
            self.places.append(places)
            self.speeds.append((messages.seconds(msg.header.stamp), np.abs(speeds).max()))

    def on_alive(self, msg):
        self.guard.append(msg.frame_id)

    def bridge(self, word):
        """Start a stand-in for the bridge."""
        return subprocess.Popen([sys.executable, str(STAND_IN), RUN, word])

    def until_guard(self, word):
        """Wait for a state of the guard, however short, and forget what was before it."""
        self.listener.until(lambda: word in self.guard, f'guard that is {word}')
        del self.guard[:self.guard.index(word)]

    def press(self, pressed):
        """Press or release the red button."""
        response = self.listener.call(topics.PRESS.type, topics.PRESS.name, topics.PRESS.type.Request(data=pressed))
        assert response.success

    def until_held(self):
        """Wait until the guard sends no more zero twists: its goal holds the arm."""
        # A guard that waits for a busy machine is silent for a while, too.
        self.listener.until(lambda: self.speeds[-1][0] - self.twists[-1][0] > 1.0, 'a goal that holds the arm')

    def disturb(self, enough):
        """Send twists that move the arm back, until ``enough``(joint states at the start, joint states now)."""
        start = len(self.places)

        def send():
            self.foreign.publish(robot_messages.from_twist((0, -0.1, 0, 0, 0, 0), self.listener.node.get_clock().now().to_msg()))
            return enough(start, len(self.places))
        self.listener.until(send, 'twists that do what they should')

    def kill_moving_bridge(self):
        """Let a bridge move the arm, kill it, and return when it was heard last.

        None if it was so late, on a busy machine, that the guard took over before.
        """
        self.beats.clear()
        bridge = self.bridge('moving')
        try:
            self.until_guard('watching')
            self.listener.until(lambda: self.guard[-1] == 'holding' or (self.beats and self.speeds[-1][1] > 0.1),
                                'the arm in motion')
            alive = self.guard[-1] == 'watching'
        finally:
            bridge.kill()
            bridge.wait()
        self.until_guard('holding')
        return self.beats[-1] if alive else None

    def give_back(self):
        """Let a bridge come that rests: the arm can be moved again."""
        bridge = self.bridge('resting')
        try:
            self.until_guard('watching')
            before = self.places[-1]
            self.disturb(lambda *_: np.abs(self.places[-1] - before).max() > 0.01)
        finally:
            bridge.kill()
            bridge.wait()
        self.until_guard('holding')


@pytest.fixture
def watcher(listener, processes, tmp_path):
    return Watcher(listener, processes, tmp_path)


def measure(watcher):
    """Return seconds from the last heartbeat to the first zero twist and until the arm stands; the bridge dies."""
    last = watcher.kill_moving_bridge()
    if last is None:
        return np.inf, np.inf
    heard = len(watcher.speeds)
    watcher.listener.until(lambda: len(watcher.speeds) > heard + 100, 'a second of joint states')
    zero = next(stamp for stamp, size in watcher.twists if stamp > last and size == 0)
    moving = [stamp for stamp, speed in watcher.speeds if speed > AT_REST]
    return zero - last, moving[-1] - last


def test_a_bridge_that_is_killed_in_motion_is_replaced_in_time_and_the_arm_stands_and_is_held(watcher):
    for _ in range(ATTEMPTS):
        late, stopped = measure(watcher)
        if late <= LATE and stopped <= STOPPED:
            break
        watcher.give_back()
        last_bridge = watcher.bridge('released')     # the next attempt begins as the first did
        watcher.until_guard('idle')
        last_bridge.kill()
        last_bridge.wait()
    assert late <= LATE and stopped <= STOPPED
    held = watcher.places[-1]
    watcher.disturb(lambda start, now: now - start > 100)                # a second of foreign twists
    np.testing.assert_allclose(watcher.places[-1], held, atol=2e-3)      # they are blocked
    watcher.give_back()                          # holds again, for the bridge that rested is dead as well
    watcher.listener.until(lambda: all(speed < AT_REST for _, speed in watcher.speeds[-50:]), 'an arm that stands')
    check_that_it_holds_when_the_guard_dies_too(watcher, watcher.places[-1])


def test_a_guard_that_holds_the_arm_holds_it_anew_where_the_red_button_has_left_it(watcher):
    watcher.kill_moving_bridge()
    watcher.until_held()
    watcher.press(True)
    watcher.listener.until(lambda: watcher.speeds[-1][0] - watcher.twists[-1][0] < 0.1, 'zero twists')
    sent = len(watcher.twists)
    watcher.listener.until(lambda: len(watcher.twists) > sent + 50, 'a second of them')       # and no goal is accepted
    watcher.press(False)
    watcher.until_held()
    held = watcher.places[-1]
    watcher.disturb(lambda start, now: now - start > 100)
    np.testing.assert_allclose(watcher.places[-1], held, atol=2e-3)


def check_that_it_holds_when_the_guard_dies_too(watcher, held):
    watcher.watchman.kill()
    heard = len(watcher.places)
    watcher.listener.until(lambda: len(watcher.places) > heard + 100, 'a second without a guard')
    np.testing.assert_allclose(watcher.places[-1], held, atol=2e-3)


class StillRobot:
    """A robot at rest, which the test's own bridge does not move, and what a guard sends it."""

    def __init__(self, listener, processes, folder, **settings):
        self.listener, self.twists, self.goals, self.words, self.aborts = listener, [], [], [], False
        topics.subscribe(listener.node, topics.TWIST_COMMAND, self.twists.append, RUN)
        topics.subscribe(listener.node, topics.GUARD_ALIVE, lambda msg: self.words.append(msg.frame_id), RUN)
        self.joints, self.hearts, *self.switches = (topics.publisher(listener.node, topic, RUN) for topic in (
            topics.ROBOT_JOINT_STATES, topics.HEARTBEAT, topics.BUTTON, topics.FAULTED))
        self.pressed = False
        self.offer()
        self.watchman = processes.start('guard', f'/{RUN}/worker_0', run=RUN, folder=folder, **settings)
        listener.until(lambda: self.words and self.joints.get_subscription_count() and self.hearts.get_subscription_count(),
                       'the guard')

    def offer(self):
        """Offer the action that holds the arm, anew."""
        self.server = ActionServer(self.listener.node, FollowJointTrajectory, topics.TRAJECTORY_ACTION, self.on_goal)

    def withdraw(self):
        """Offer it no longer."""
        if self.server is not None:
            self.server.destroy()
        self.server = None

    def on_goal(self, handle):
        self.goals.append(handle.request)
        (handle.abort if self.aborts else handle.succeed)()
        return FollowJointTrajectory.Result()

    def until(self, condition, what, beat=None):
        """Tell where the joints are, the button, and ``beat``, until ``condition()`` holds of what the guard says from now on."""
        self.words.clear()

        def told():
            self.joints.publish(joint_states())
            for switch, pressed in zip(self.switches, (self.pressed, False)):
                switch.publish(Bool(data=pressed))
            if beat is not None:
                self.hearts.publish(Header(frame_id=beat))
            return condition()
        self.listener.until(told, what)

    def until_guard(self, word, beat=None):
        self.until(lambda: word in self.words, f'guard that is {word}', beat)

    def held(self) -> list[int]:
        """Return for how long [s] each goal holds the arm."""
        return [request.trajectory.points[-1].time_from_start.sec for request in self.goals]

    def look_on(self):
        """Let the guard look at the heartbeat 25 times."""
        self.until(lambda: len(self.words) > 25, 'signs of life')


@pytest.fixture
def still_robot(listener, processes, tmp_path):
    """Returns a StillRobot and starts its guard; its action is offered until the test ends, and no longer."""
    made = []

    def make(**settings):
        made.append(StillRobot(listener, processes, tmp_path, **settings))
        return made[-1]
    yield make
    for robot in made:
        robot.withdraw()


def joint_states(fastest=0.0):
    values = np.stack([kinematics.START, np.zeros(7), np.zeros(7)], axis=1)
    values[6, 1] = fastest
    return robot_messages.from_joints(kinematics.JOINTS, values, Time())


@pytest.mark.parametrize('shadow', [False, True])
def test_in_shadow_mode_a_late_heartbeat_and_a_release_send_the_robot_nothing(shadow, still_robot):
    robot = still_robot(deployment__shadow=shadow, guard__heartbeat_timeout=0.4)
    # A machine that stands still for longer lets the guard take over at once, and a bridge that moves is not let in again.
    robot.until(lambda: {'watching', 'holding'} & set(robot.words), 'a guard that has heard the bridge', 'moving')
    robot.until_guard('holding')
    robot.until(lambda: shadow or (robot.twists and robot.goals), 'zero twists and a goal')
    robot.look_on()
    robot.until_guard('watching', 'resting')
    robot.until_guard('idle', 'released')
    robot.until(lambda: shadow or len(robot.goals) == 2, 'the goal of a release')
    robot.look_on()
    assert (robot.held(), bool(robot.twists)) == (([], False) if shadow else ([3600, 1], True))


def test_a_bridge_that_moves_the_arm_while_the_button_is_pressed_is_replaced_without_a_goal_until_its_release(
        still_robot):
    robot = still_robot(guard__heartbeat_timeout=0.4)
    robot.pressed = True
    robot.until_guard('holding', 'moving')
    robot.until(lambda: len(robot.twists) > 25, 'zero twists', 'moving')
    assert not robot.goals and not any(robot_messages.to_twist(twist).any() for twist in robot.twists)
    robot.pressed = False
    robot.until(lambda: robot.goals, 'the goal that holds the arm', 'moving')
    assert 'watching' not in robot.words


def test_a_hold_that_the_robot_ends_is_asked_for_again_after_a_pause_and_twists_go_on_until_one_succeeds(
        still_robot):
    robot = still_robot()
    robot.aborts = True
    robot.until(lambda: {'watching', 'holding'} & set(robot.words), 'a guard that has heard the bridge', 'moving')
    before = len(robot.goals)
    robot.until(lambda: len(robot.goals) >= before + 3, 'three requests more')
    assert len(robot.words) > 25      # of fifty in the second that two pauses take
    robot.aborts, twists, goals = False, len(robot.twists), len(robot.goals)
    robot.until(lambda: len(robot.goals) > goals, 'one more')
    assert len(robot.twists) > twists
    robot.until(lambda: len(robot.words) > 10, 'the end of twists on their way')
    twists = len(robot.twists)
    robot.look_on()
    assert len(robot.twists) == twists and len(robot.goals) == goals + 1


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize('word, holds', [('released', 1), (None, 3600)])
def test_a_guard_that_is_told_to_stop_stays_until_the_bridge_has_let_go_or_a_goal_holds_the_arm_in_its_stead(
        number, word, holds, still_robot):
    robot = still_robot(guard__heartbeat_timeout=0.4)
    robot.until_guard('watching', 'resting')
    robot.watchman.send_signal(number)
    robot.until(lambda: len(robot.words) > 50, 'a second of signs of life', 'resting')
    assert not robot.goals and robot.watchman.poll() is None
    robot.until(lambda: robot.watchman.poll() is not None, 'its end', word)
    assert robot.watchman.returncode == 0 and robot.held() == [holds]


def test_a_guard_whose_bridge_does_not_let_go_ends_all_the_same_and_one_that_nobody_needs_at_once(still_robot):
    robot = still_robot(guard__heartbeat_timeout=0.4)
    robot.until_guard('watching', 'resting')
    robot.watchman.send_signal(signal.SIGTERM)
    robot.until(lambda: robot.watchman.poll() is not None, 'its end', 'resting')
    assert robot.watchman.returncode == 0 and not robot.goals
    robot = still_robot()
    robot.watchman.send_signal(signal.SIGTERM)
    robot.watchman.wait(2.0)       # [s]; it would stay for 3


def test_a_guard_holds_the_arm_anew_when_whoever_followed_its_goal_is_gone_or_was_silent(still_robot):
    robot = still_robot()
    robot.until(lambda: {'watching', 'holding'} & set(robot.words), 'a guard that has heard the bridge', 'moving')
    robot.until(lambda: robot.goals, 'a goal')
    robot.look_on()
    robot.withdraw()
    twists = len(robot.twists)
    robot.until(lambda: len(robot.twists) > twists + 10, 'zero twists')
    goals = len(robot.goals)
    robot.offer()
    robot.until(lambda: len(robot.goals) > goals, 'a goal of the next one')
    robot.look_on()
    goals, robot.switches = len(robot.goals), []
    robot.until(lambda: len(robot.goals) > goals, 'a goal after the silence of the run-stop')
    robot.look_on()
    assert len(robot.goals) == goals + 1


@pytest.mark.parametrize('shadow', ['true', 'false'])
def test_a_dry_run_is_one_for_the_bridge_and_for_the_guard(shadow):
    plan = launch_file.plan(DEPLOY, {'bundle': 'some', 'shadow': shadow}, {})
    told = {node.executable: node.values()['deployment.shadow'] for node in plan if 'deployment.shadow' in node.values()}
    assert told == {'guard': shadow == 'true', 'fetch_bridge': shadow == 'true'}


def test_a_guard_lives_by_the_machines_own_clock(still_robot):
    """Time that stands still, as the system's does for a while when it is set back, keeps it from nothing."""
    robot = still_robot(use_sim_time=True)
    robot.look_on()


def test_a_joint_that_is_told_to_be_faster_than_it_can_turn_is_not_what_the_guard_holds_by(tmp_path):
    guard = Guard(namespace='/glitch', parameter_overrides=[Parameter('folder', value=str(tmp_path))])
    try:
        guard.on_joints(joint_states(fastest=0.1))
        believed = guard.joints
        guard.on_joints(joint_states(fastest=3.0))
        assert believed is not None and guard.joints is believed
        assert guard.health.refused['joint states refused'] == 1
    finally:
        guard.close()
        guard.destroy_node()
