"""What the bridge believes of the robot: that it holds the arm, that its gripper follows, and that a goal may begin.

The test plays robot, policy and clock. One bridge for all: each test leaves it as it was.
"""
import contextlib

import numpy as np
import pytest
from test_fetch_bridge import Policy

from hac_ros import kinematics, messages, robot_messages, topics
from hac_ros.adversary import Adversary
from hac_ros.cli.bench_safety import RUN, Rig

from control_msgs.action import GripperCommand
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.action import CancelResponse
from rclpy.task import Future
from std_msgs.msg import Bool, Header

GOAL = (0.68, 0.05, 0.5)        # in base_link
CLOSING = (0.0, 1.0, 0.0, -1.0)
SIDEWARDS = (0.0, 1.0, 0.0, 0.0)
PAUSE = 0.5                     # [s] until a goal that failed is sent again


class Stubborn(Rig):
    """A robot that aborts goals while ``aborts``, and ends none while ``waits`` is a future; requests: all that came."""

    aborts, waits = False, None

    def _open(self):
        self.requests, self.cancelled = [], []
        super()._open()
        for server in self.servers:
            server.register_cancel_callback(self.on_cancel)

    def on_cancel(self, handle):
        self.cancelled.append(handle.request)
        return CancelResponse.ACCEPT

    def _executed(self, kind, look):
        async def execute(handle):
            look(handle.request)
            self.requests.append(handle.request)
            if self.waits is not None:
                await self.waits
            if not handle.is_cancel_requested:
                (handle.abort if self.aborts else handle.succeed)()
            else:
                handle.canceled()
            return kind.Result()
        return execute

    def positions(self) -> list[float]:
        """Return the openings [m] that came."""
        return [request.command.position for request in self.requests if isinstance(request, GripperCommand.Goal)]

    @contextlib.contextmanager
    def slow(self):
        """Goals do not end."""
        self.waits = future = Future()
        try:
            yield
        finally:
            self.waits = None
            future.set_result(None)


class Closing(Adversary):
    """Fingers that may move: by ``speed`` [m] each in a period."""

    speed = finger = 0.0

    def begin(self, rng, time):
        super().begin(rng, time)
        self.finger = self.finger - self.speed if self.speed else 0.02
        self.positions[-2:] = self.finger


class Robot(Policy):
    """An arm that rests, an object, and a policy; ``unseen``: of joints and object what is not told."""

    def __init__(self, rig):
        rig.adversary = Closing(rig.task)
        super().__init__(rig)
        self.unseen = ''
        self.guard = topics.publisher(rig.node, topics.GUARD_ALIVE, RUN)
        self.button = rig.send[topics.BUTTON.name] = topics.publisher(rig.node, topics.BUTTON, RUN)
        self.change = rig.node.create_client(ChangeState, f'/{RUN}/worker_0/fetch_bridge/change_state')
        rig.until(lambda: self.change.service_is_ready() and rig.clear.service_is_ready()
                  and self.guard.get_subscription_count() and self.button.get_subscription_count(), 'the bridge')

    def period(self, tick=True):
        if self.unseen == 'joints':
            self.next_time()
        else:
            super().period(tick=False)
        if self.unseen != 'object':
            self.rig.send[topics.OBJECT_POSE.name].publish(robot_messages.from_pose(
                (0.65, 0.0, 0.43), (1, 0, 0, 0), messages.to_time(self.rig.time)))
        if tick:
            self.rig._tick()

    def loud(self) -> bool:
        """Return whether a period brings a twist."""
        here = len(self.twists)
        self.period()
        self.settle()
        return len(self.twists) > here

    def quiet(self) -> bool:
        """Return whether some periods in a row bring none: the bridge takes the arm for held."""
        return not any(self.loud() for _ in range(5))

    def call(self, client, request):
        future = client.call_async(request)
        self.rig.until(future.done, 'a response')
        return future.result()

    def clear(self):
        """Clear what has latched, when the bridge has heard that it is over."""
        self.rig.until(lambda: self.loud() is not None and self.call(self.rig.clear, topics.CLEAR.type.Request()).success,
                       'the end of a stop')

    def switch(self, topic, pressed):
        self.rig.send[topic.name].publish(Bool(data=pressed))

    def tell_guard(self, word):
        self.guard.publish(Header(frame_id=word))

    def activate_anew(self):
        for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
            assert self.call(self.change, ChangeState.Request(transition=Transition(id=transition))).success

    def ask(self, stamp=0.0):
        """Give a goal."""
        self.rig.send[topics.GOAL.name].publish(robot_messages.from_pose(GOAL, (1, 0, 0, 0), messages.to_time(stamp)))

    def refused(self) -> tuple[int, str]:
        """Return how many goals were refused, by the newest diagnostics, and what they say."""
        status = self.diagnostics[-1].status[0] if self.diagnostics else None
        counts = {} if status is None else {value.key: int(value.value) for value in status.values if value.value.isdigit()}
        return counts.get('goal refused', 0), '' if status is None else status.message

    def drive(self, command, steps) -> np.ndarray:
        """Answer so many states; return the last twist."""
        for _ in range(steps):
            self.send_answer(command)
            self.next_state()
        self.settle()
        return robot_messages.to_twist(self.twists[-1])


@pytest.fixture(scope='module')
def rig(tmp_path_factory, domain):
    with Stubborn('pick_and_place', str(tmp_path_factory.mktemp('robot_side'))) as running:
        yield running


@pytest.fixture(scope='module')
def robot(rig):
    return Robot(rig)


DOUBTS = {
    'run-stop': (lambda robot: robot.switch(topics.RUNSTOPPED, True), lambda robot: robot.switch(topics.RUNSTOPPED, False)),
    'button': (lambda robot: robot.switch(topics.BUTTON, True), lambda robot: robot.switch(topics.BUTTON, False)),
    'fault': (lambda robot: robot.switch(topics.FAULTED, True), lambda robot: robot.switch(topics.FAULTED, False)),
    'guard': (lambda robot: robot.tell_guard('holding'), lambda robot: robot.tell_guard('watching')),
    'activation': (Robot.activate_anew, lambda robot: None)}


@pytest.mark.parametrize('doubt', DOUBTS)
def test_after_whatever_may_have_ended_the_hold_twists_are_sent_and_the_arm_is_held_anew(robot, doubt):
    begin, end = DOUBTS[doubt]
    robot.rig.until(robot.quiet, 'an arm that is held')
    before = robot.rig.limits.holds
    begin(robot)
    robot.rig.until(robot.loud, f'zero twists after {doubt}')
    assert not robot_messages.to_twist(robot.twists[-1]).any()
    end(robot)
    robot.rig.until(robot.quiet, 'an arm that is held anew')
    assert robot.rig.limits.holds == before + 1
    robot.clear()


def test_a_hold_that_fails_is_asked_for_again_after_a_pause(robot):
    rig = robot.rig
    rig.until(robot.quiet, 'an arm that is held')
    rig.aborts, began, before = True, rig.time, rig.limits.holds
    robot.activate_anew()
    rig.until(lambda: robot.loud() is not None and rig.limits.holds >= before + 3, 'a third request')
    assert rig.time - began >= 2 * PAUSE
    rig.aborts = False
    rig.until(robot.quiet, 'an arm that is held')


def test_a_gripper_goal_that_fails_is_sent_again_but_not_at_each_period_and_after_clear(robot):
    rig = robot.rig
    rig.aborts, before = True, rig.limits.goals
    robot.begin(GOAL)
    began = rig.time
    while rig.time - began < 4 * PAUSE:
        robot.drive(CLOSING, 1)
    assert 2 <= rig.limits.goals - before <= 5
    rig.aborts, failed = False, rig.limits.goals
    rig.until(lambda: robot.drive(CLOSING, 1) is not None and rig.limits.goals > failed, 'a goal that is followed')
    robot.drive(CLOSING, 30)
    assert rig.limits.goals == failed + 1
    robot.clear()
    rig.until(lambda: robot.drive(CLOSING, 1) is not None and rig.limits.goals > failed + 1, 'the goal once more')


@pytest.mark.parametrize('stop', ['button', 'run-stop'])
def test_fingers_on_their_way_are_stilled_by_a_stop_and_when_power_comes_back_and_go_on_after_clear(robot, stop):
    rig, (press, release) = robot.rig, DOUBTS[stop]
    robot.begin(GOAL)
    with rig.slow():
        before = len(rig.positions())
        rig.until(lambda: robot.drive(CLOSING, 1) is not None and len(rig.positions()) > before, 'the goal')
        press(robot)
        rig.until(lambda: robot.loud() is not None and len(rig.positions()) > before + 1, 'a goal where the fingers are')
        for _ in range(5):
            robot.loud()
        release(robot)
        rig.until(lambda: robot.loud() is not None and len(rig.positions()) > before + 2, 'another, with power')
        for _ in range(5):
            robot.loud()
        assert rig.positions()[before:] == [0.0, pytest.approx(0.04), pytest.approx(0.04)]
        robot.clear()
        rig.until(lambda: robot.drive(CLOSING, 1) is not None and len(rig.positions()) > before + 3, 'what was wished')
        assert rig.positions()[-1] == 0.0


def test_fingers_that_have_long_been_on_their_way_are_stilled_where_they_are_then(robot):
    rig, (press, release) = robot.rig, DOUBTS['button']
    robot.begin(GOAL)
    with rig.slow():
        before = len(rig.positions())
        rig.until(lambda: robot.drive(CLOSING, 1) is not None and len(rig.positions()) > before, 'the goal')
        rig.adversary.speed = 0.0005
        robot.drive(CLOSING, 20)
        press(robot)
        rig.until(lambda: robot.loud() is not None and len(rig.positions()) > before + 1, 'a goal where the fingers are')
        assert 0.0 < rig.positions()[-1] < 0.02
        rig.adversary.speed = 0.0
    release(robot)
    robot.clear()


@pytest.mark.parametrize('ends, periods', [(True, 5), (False, 20)])
def test_a_grip_that_has_ended_or_holds_something_is_left_alone_by_a_stop(robot, ends, periods):
    with contextlib.nullcontext() if ends else robot.rig.slow():
        check_that_a_stop_sends_the_gripper_nothing(robot, periods)
    robot.clear()


def check_that_a_stop_sends_the_gripper_nothing(robot, periods):
    rig, (press, release) = robot.rig, DOUBTS['button']
    robot.begin(GOAL)
    before = len(rig.positions())
    rig.until(lambda: robot.drive(CLOSING, 1) is not None and len(rig.positions()) > before, 'the goal')
    robot.drive(CLOSING, periods)
    press(robot)
    rig.until(lambda: robot.loud() is not None and robot.told('safety runstop'), 'the stop')
    for _ in range(5):
        robot.loud()
    release(robot)
    for _ in range(5):
        robot.loud()
    assert rig.positions()[before:] == [0.0]


def test_a_hold_that_is_followed_still_is_taken_back_when_the_arm_moves_on(robot):
    rig = robot.rig
    with rig.slow():
        before = rig.limits.holds
        robot.activate_anew()
        rig.until(lambda: robot.loud() is not None and rig.limits.holds > before, 'a hold')
        hold, rig.cancelled = rig.requests[-1], []
        robot.begin(GOAL)
        rig.until(lambda: robot.drive(SIDEWARDS, 1).any() and rig.cancelled, 'the hold taken back')
        assert rig.cancelled == [hold]
    robot.drive(SIDEWARDS, 3)


def test_a_goal_that_was_long_on_its_way_is_refused(robot):
    rig = robot.rig
    rig.until(robot.quiet, 'an arm that is held')
    (count, _), before = robot.refused(), rig.id
    robot.ask(rig.time - 1.5)
    rig.until(lambda: robot.loud() is not None and robot.refused()[0] > count, 'the refusal')
    assert 's old, at most 1 s is taken' in robot.refused()[1] and rig.id == before
    robot.ask(rig.time - 0.5)
    rig.until(lambda: robot.loud() is not None and rig.id != before, 'a round')


def test_a_goal_stamped_ahead_is_refused_and_does_not_move_the_arm_later(robot):
    rig = robot.rig
    rig.until(robot.quiet, 'an arm that is held')
    (count, _), before = robot.refused(), rig.id
    robot.ask(rig.time + 60.0)
    rig.until(lambda: robot.loud() is not None and robot.refused()[0] > count, 'the refusal')
    assert 's ahead of the clock' in robot.refused()[1]
    rig.time += 61.0
    for _ in range(10):
        robot.loud()
    assert rig.id == before


@pytest.mark.parametrize('unseen, words', [('joints', 'joint states are missing'), ('object', 'the pose of the object is missing')])
def test_a_goal_that_finds_no_fresh_states_is_dropped_and_does_not_move_the_arm_later(robot, unseen, words):
    rig = robot.rig
    rig.until(robot.quiet, 'an arm that is held')
    robot.unseen = unseen
    for _ in range(5):
        robot.period()
    (count, _), before = robot.refused(), rig.id
    robot.ask()
    rig.until(lambda: robot.period() is None and robot.refused()[0] > count, 'the refusal')
    assert words in robot.refused()[1]
    robot.unseen = ''
    for _ in range(10):
        robot.loud()
    assert rig.id == before
    robot.begin(GOAL)


def test_a_jump_stops_the_arm_whatever_goals_come_but_between_goals_an_emulator_may_have_moved_it(robot):
    rig = robot.rig
    robot.begin(GOAL)
    rig.adversary.joints = kinematics.START + 0.5 * np.eye(7)[6]
    robot.begin(GOAL)
    assert not robot.drive(SIDEWARDS, 12).any()
    rig.until(lambda: robot.loud() is not None and robot.told('safety joints_jumped'), 'the reason')
    emulator = rig.node.create_service(topics.BEGIN_EPISODE.type, topics.BEGIN_EPISODE.path(RUN), lambda _, response: response)

    def moves():
        rig.adversary.joints = kinematics.START + 0.5 * np.eye(7)[6] - rig.adversary.joints + kinematics.START
        robot.begin(GOAL)
        return robot.drive(SIDEWARDS, 12)[1] > 0.09
    rig.until(moves, 'an arm that goes on')
    rig.node.destroy_service(emulator)
