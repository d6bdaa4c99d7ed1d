"""The robot's pilot without ROS: what it sends, what it waits for, and what its log can be replayed to."""
import dataclasses

import numpy as np
import pytest

from hac_ros import deployment_log, kinematics, records, tasks
from hac_ros.config import DeploymentConfig, FetchConfig, SafetyConfig
from hac_ros.fetch_driver import Driver
from hac_ros.fetch_senses import WANTED, Senses
from hac_ros.pilot import Pilot
from hac_ros.safety import switches
from hac_ros.safety.status import Status

PICK = tasks.by_name('pick_and_place', 'fetch')
GOAL = np.array([0.65, 0.05, 0.45])
PERIOD = 0.04
ROLLED = kinematics.START + 0.5 * np.eye(7)[6]      # the grip is where it was


class Flight:
    """A pilot, a clock, and an arm at rest that it cannot move."""

    def __init__(self, folder=None, task=PICK, **deployment):
        self.now, fetch, safety = 10.0, FetchConfig(), SafetyConfig()
        self.config = DeploymentConfig(**{'watched': False, **deployment})
        self.senses = Senses(task, fetch)
        driver = Driver(fetch, safety, task.has_object, task.gripper_locked, self.config.speed_share)
        self.pilot = Pilot('flight', 0, task, self.senses, driver, self.config, safety, folder,
                           {'task': task.name, 'run': 'flight', 'bundle': ''}, clock=lambda: self.now)

    def look(self, joints=kinematics.START):
        """Let the robot tell where it is now."""
        values = [*joints, 0.0, 0.02, 0.02]
        for names in (WANTED[:8], WANTED[8:]):      # in parts
            self.senses.take_joints(names, [values[WANTED.index(name)] for name in names], [0.0] * len(names), self.now)
        self.senses.take_object((0.65, 0.0, 0.43), (1.0, 0.0, 0.0, 0.0), self.now)

    def period(self, look=True, joints=kinematics.START):
        """Go on by a period; return what is sent, and the state that is published."""
        self.now = round(self.now + PERIOD, 6)
        if look:
            self.look(joints)
        return self.pilot.tick(self.now)

    def go_on(self, periods, joints=kinematics.START):
        """Answer the state of each of so many periods; return what is sent."""
        sent = []
        for _ in range(periods):
            self.period(joints=joints)
            sent.append(self.answer())
        return sent

    def answer(self, command=(0.0, 1.0, 0.0, 0.0), subgoal=(1.35, 0.75, 0.5, 0.05)):
        """Answer the state that waits, controller first; return what is sent."""
        asked = self.pilot.id
        commands = records.Commands(asked, np.array([command]))
        assert self.pilot.take_command(self.now, commands) is None      # its subgoal has not been judged
        return self.pilot.take_subgoal(self.now, records.Subgoals(
            asked, np.array([subgoal]), np.array([[0.02, 0.005]]), np.ones(1), np.zeros(1), np.full(1, 5), np.zeros(1)))

    def begin(self, round_=0):
        self.pilot.ask(round_, 0, GOAL, 0.0)
        return self.period()


def test_a_round_begins_only_with_states_that_are_no_older_than_its_goal():
    flight = Flight()
    flight.look()
    flight.pilot.ask(0, 0, GOAL, since=flight.now + 2 * PERIOD)
    assert flight.period()[1] is None
    sent, state = flight.period()
    assert sent is None and state.id.step == 0 and np.allclose(state.desired_goal, kinematics.base_to_world(GOAL))


def test_a_round_does_not_begin_before_its_time_though_its_states_are_here():
    flight = Flight()
    flight.now += PERIOD
    flight.look()
    flight.pilot.ask(0, 0, GOAL, since=flight.now)
    assert flight.pilot.tick(flight.now - PERIOD)[1] is None
    assert flight.pilot.tick(flight.now)[1].id.step == 0


def test_without_an_answer_the_last_command_ends_in_a_stop_and_no_step_is_missed():
    flight = Flight()
    flight.begin()
    for _ in range(6):
        flight.answer()
        _, state = flight.period()
    twists = [flight.period()[0] for _ in range(12)]
    assert twists[0].twist[1] > 0.09 and not twists[-1].twist.any()
    assert Status.COMMAND_STALE in twists[-1].verdict.statuses
    moving = sum(sent.twist.any() for sent in twists)
    assert moving * PERIOD <= 0.1 + PERIOD + flight.pilot.driver.guarded.stopping_time
    assert flight.pilot.id == state.id and flight.pilot.missed == 12
    assert flight.answer() is not None and flight.period()[1].id.step == state.id.step + 1


def test_a_state_that_nobody_answers_is_repeated_now_and_then():
    flight = Flight()
    _, first = flight.begin()
    assert flight.pilot.repeat() is None
    flight.now += flight.config.repeat_after
    assert flight.pilot.repeat() is first and flight.pilot.repeat() is None


@pytest.mark.parametrize('change, reason', [
    (lambda s: s.switches.hear(1e9, switches.SOFTWARE, True), Status.RUNSTOP),
    (lambda s: s.switches.hear(1e9, switches.BUTTON, True), Status.RUNSTOP),
    (lambda s: s.switches.hear(1e9, switches.FAULT, True), Status.FAULT),
    (lambda s: s.switches.hear(0.0, switches.BUTTON, False), Status.ROBOT_SILENT),
    (lambda s: s.switches.forget_when(), Status.ROBOT_UNHEARD),
    (lambda s: s.guard.beat(1e9, 'holding'), Status.GUARD_HOLDING), (lambda s: s.guard.beat(0.0, ''), Status.GUARD_GONE),
    (lambda s: s.normalizer.beat(0.0, ''), Status.NORMALIZER_GONE)])
def test_each_signal_stops_the_arm_with_its_reason(change, reason):
    flight = Flight(watched=True)
    signals = flight.pilot.signals
    for pulse in (signals.guard, signals.normalizer):
        pulse.beat(1e9, 'watching')
    for name in switches.TOLD:
        signals.switches.hear(1e9, name, False)
    flight.begin()
    for _ in range(6):
        moving = flight.answer()
        flight.period()
    change(signals)
    sent = []
    for _ in range(9):
        sent.append(flight.answer())
        flight.period()
    assert moving.twist[1] > 0.09 and reason in sent[0].verdict.statuses and not sent[-1].twist.any()
    assert flight.pilot.totals[reason.name.lower()] == 1


def test_a_jump_of_the_measured_joints_is_no_jump_of_the_twist():
    flight = Flight()
    flight.begin()
    for _ in range(6):
        before = flight.answer(command=(1.0, 1.0, 1.0, 0.0))
        flight.period()
    flight.now += PERIOD
    flight.look(kinematics.START + 1.0)
    flight.pilot.take_command(flight.now, records.Commands(flight.pilot.id, np.zeros((1, 4))))
    sent, _ = flight.pilot.tick(flight.now)
    change = np.linalg.norm(sent.twist[:3] - before.twist[:3])
    assert change <= flight.pilot.driver.acceleration * PERIOD + 1e-9
    assert Status.JOINTS_JUMPED in sent.verdict.statuses


def test_after_a_jump_the_arm_stands_until_somebody_has_seen_to_it():
    flight = Flight()
    flight.begin()
    flight.answer()
    assert flight.go_on(6)[-1].twist[1] > 0.09
    jumped = flight.go_on(20, ROLLED)
    assert all(Status.JOINTS_JUMPED in sent.verdict.statuses for sent in jumped) and not jumped[-1].twist.any()
    flight.pilot.clear()
    freed = flight.go_on(10, ROLLED)
    assert not any(Status.JOINTS_JUMPED in sent.verdict.statuses for sent in freed) and freed[-1].twist[1] > 0.09
    assert flight.pilot.totals['joints_jumped'] == 1


@pytest.mark.parametrize('before', (0, 3))
@pytest.mark.parametrize('set_up', (True, False))
def test_only_an_emulator_that_sets_up_a_round_explains_a_jump_before_it_or_in_its_first_period(set_up, before):
    flight = Flight()
    flight.begin()
    flight.answer()
    flight.go_on(before, ROLLED)
    flight.pilot.ask(1, 0, GOAL, 0.0, set_up=set_up)
    _, state = flight.period(joints=ROLLED)
    assert state.id.round == 1
    assert (Status.JOINTS_JUMPED in flight.answer().verdict.statuses) is not set_up


def test_a_round_that_an_emulator_sets_up_ends_no_run_stop():
    flight = Flight()
    flight.begin()
    flight.answer()
    flight.pilot.take_switch(switches.SOFTWARE, True, flies=True)
    flight.go_on(1, ROLLED)
    flight.pilot.take_switch(switches.SOFTWARE, False, flies=True)
    flight.pilot.ask(1, 0, GOAL, 0.0, set_up=True)
    flight.period(joints=ROLLED)
    assert flight.answer().verdict.statuses == (Status.RUNSTOP,)


def test_a_button_pressed_and_released_within_a_period_stops_the_arm_for_good_where_it_flies():
    flight = Flight()
    for flies, statuses in ((False, ()), (True, (Status.RUNSTOP,))):
        for pressed in (True, False):
            flight.pilot.take_switch(switches.BUTTON, pressed, flies)
        for _ in range(3):
            assert flight.period()[0].verdict.statuses == statuses
    flight.pilot.clear()
    assert flight.period()[0].verdict.statuses == ()


def test_a_silence_that_no_period_fell_into_stops_the_arm_for_good_too():
    """As where this process stood still: what was pressed and released meanwhile is not among what is heard after it."""
    flight = Flight(watched=True, watched_timeout=1.0)
    for silence, reason in ((0.4, False), (0.6, True)):
        for _ in range(2):
            flight.pilot.signals.guard.beat(flight.now, 'watching')
            flight.pilot.signals.normalizer.beat(flight.now, '')
            for name in switches.TOLD:
                flight.pilot.take_switch(name, False, flies=True)
            flight.now += silence
        for name in switches.TOLD:
            flight.pilot.take_switch(name, False, flies=True)
        assert (Status.ROBOT_SILENT in flight.period()[0].verdict.statuses) is reason
    flight.pilot.clear()
    assert Status.ROBOT_SILENT not in flight.period()[0].verdict.statuses


def test_of_a_run_stop_and_a_jump_each_stays_until_it_is_seen_to():
    flight = Flight()
    flight.begin()
    flight.answer()
    flight.pilot.take_switch(switches.BUTTON, True, flies=True)
    flight.pilot.take_switch(switches.BUTTON, False, flies=True)
    flight.go_on(1, ROLLED)
    assert set(flight.go_on(1, ROLLED)[0].verdict.statuses) >= {Status.RUNSTOP, Status.JOINTS_JUMPED} and flight.pilot.jumped


def test_joints_that_are_not_finite_are_no_jump_and_hide_none():
    flight, none = Flight(), np.full(7, np.nan)
    flight.begin()
    flight.answer()
    sent, _ = flight.period(joints=none)
    assert Status.STATE_NOT_FINITE in sent.verdict.statuses and Status.JOINTS_JUMPED not in sent.verdict.statuses
    assert Status.JOINTS_JUMPED not in flight.go_on(1)[0].verdict.statuses
    flight.period(joints=none)
    assert Status.JOINTS_JUMPED in flight.go_on(1, ROLLED)[0].verdict.statuses


def test_an_arm_that_was_moved_while_nobody_looked_has_not_jumped():
    flight = Flight()
    flight.look()
    flight.pilot.tick(flight.now)
    flight.pilot.forget_place()
    flight.period(joints=ROLLED)
    assert not flight.pilot.jumped and not flight.pilot.at_rest


def test_a_round_that_could_not_begin_in_time_begins_no_more_and_says_what_it_waits_for():
    flight = Flight()
    flight.pilot.ask(0, 0, GOAL, since=flight.now, patience=1.0)
    for _ in range(26):
        assert flight.period(look=False)[1] is None
    assert flight.pilot.lacking(flight.now) == 'joint states are missing or too old'
    assert flight.period()[1] is None and flight.pilot.lacking(flight.now) == ''
    flight.pilot.ask(1, 0, GOAL, since=flight.now + PERIOD, patience=1.0)
    assert flight.pilot.lacking(flight.now) == 'the clock has not come to its stamp'
    assert flight.period()[1].id.round == 1


def test_a_round_waits_for_an_object_that_is_seen_now_and_then():
    flight = Flight()
    flight.look()
    flight.senses.object_stamp -= 0.5
    flight.pilot.ask(0, 0, GOAL, since=flight.now, patience=1.0)
    assert flight.pilot.lacking(flight.now) == 'the pose of the object is missing or too old'
    assert flight.period()[1].id.round == 0


def test_joints_that_still_turn_are_not_at_rest():
    """A hold at a place that they only pass would bring them back to it."""
    flight, joints, speed, rests = Flight(), np.array(kinematics.START), 0.3, []
    while not rests or not rests[-1][0]:
        joints, speed = joints + speed * PERIOD * np.eye(7)[1], max(0.0, speed - 1.0 * PERIOD)     # 1 rad/s^2
        flight.now = round(flight.now + PERIOD, 6)
        flight.look(joints)
        flight.pilot.tick(flight.now)
        rests.append((flight.pilot.at_rest, speed))
        assert len(rests) < 20
    assert rests[-1][1] < 0.02 and len(rests) > 7


def test_a_gripper_goal_that_safety_kept_back_is_sent_when_it_may():
    flight = Flight()
    flight.begin()
    flight.pilot.paused = False
    kept = flight.answer(command=(0.0, 0.0, 0.0, -1.0), subgoal=(9.0, 9.0, 9.0, 0.05))
    assert kept.opening is None and Status.SUBGOAL_REFUSED in kept.verdict.statuses
    flight.period()
    assert flight.answer(command=(0.0, 0.0, 0.0, -1.0)).opening == 0.0
    flight.period()
    assert flight.answer(command=(0.0, 0.0, 0.0, -1.0)).opening is None      # only where the wish changes


def test_a_gripper_goal_that_was_lost_is_sent_again_as_soon_as_safety_lets_it():
    flight, close = Flight(), (0.0, 0.0, 0.0, -1.0)
    flight.begin()
    assert flight.answer(close).opening == 0.0
    for lose in (lambda: flight.pilot.driver.goals.lose(0), flight.pilot.clear):
        flight.period()
        assert flight.answer(close).opening is None
        lose()
        flight.period()
        assert flight.answer(close, subgoal=(9.0, 9.0, 9.0, 0.05)).opening is None
        flight.period()
        assert flight.answer(close).opening == 0.0


def written(flight, folder):
    """Return the episode that ends now, from its file."""
    flight.pilot.abandon()
    flight.pilot.finished_log().write()
    return deployment_log.read(deployment_log.files(folder)[-1])


def test_the_log_tells_how_late_an_answer_was_and_what_each_period_without_a_command_came_to(tmp_path):
    flight = Flight(folder=tmp_path)
    flight.begin()
    flight.now += 0.005
    flight.answer()
    flight.period()
    twists = [flight.period()[0].twist for _ in range(3)]
    flight.now += 0.005
    flight.answer()
    flight.pilot.paused = True
    twists += [flight.period()[0].twist for _ in range(2)]
    episode = written(flight, tmp_path)
    np.testing.assert_allclose(episode.arrays['latency'], [0.005, 3 * PERIOD + 0.005])
    np.testing.assert_array_equal(episode.arrays['without_twist'], twists)
    assert episode.arrays['without_step'].tolist() == [1, 1, 1, 1, 1] and episode.content['missed'] == 3
    assert (np.diff(episode.arrays['without_time']) > 0.9 * PERIOD).all() and episode.steps == 2
    assert [Status.COMMAND_STALE in deployment_log.statuses(bits) for bits in episode.arrays['without_status']] \
        == [False, True, True, False, False]


def test_an_episode_that_nobody_goes_on_with_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(deployment_log, 'MOST_WITHOUT', 5)
    flight = Flight(folder=tmp_path)
    flight.begin()
    for _ in range(8):
        flight.period()
    episode = written(flight, tmp_path)
    assert len(episode.arrays['without_step']) == 5 and episode.content['missed'] == 8


def test_the_log_of_an_episode_returns_as_it_was_flown(tmp_path):
    flight = Flight(folder=tmp_path, task=dataclasses.replace(PICK, steps=3))
    flight.begin(round_=4)
    for _ in range(3):
        sent = flight.answer()
        flight.period()
    log = flight.pilot.finished_log()
    assert flight.pilot.finished_log() is None and not flight.pilot.running
    log.write()
    (path,) = deployment_log.files(tmp_path)
    episode = deployment_log.read(path)
    assert deployment_log.next_round(tmp_path) == 5 and episode.steps == 3
    assert episode.arrays['observation'].shape == (4, 25) and np.array_equal(episode.arrays['twist'][-1], sent.twist)
    assert episode.content['goal'] == GOAL.tolist() and episode.content['missed'] == 0
    assert deployment_log.statuses(episode.arrays['status'][-1]) == sorted(sent.verdict.statuses)
