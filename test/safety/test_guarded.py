"""Whatever comes in, no limit is exceeded, and after a cause to stop the arm is at rest in time."""
import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from hac_ros import kinematics
from hac_ros.config import SafetyConfig
from hac_ros.safety import geometry
from hac_ros.safety.guarded import Guarded
from hac_ros.safety.robot import Command, RobotState
from hac_ros.safety.status import TEXTS, Status

CONFIG = SafetyConfig()
PERIOD = CONFIG.safety_period
EPSILON = 1e-9
NEAR_LIMIT = kinematics.inverse((0.55, 0.0, 0.58)).joints[0]    # of shoulder_lift, 0.1 rad


def state(now, joints=kinematics.START, **changes):
    """A sound state of the arm at its start."""
    return RobotState(**{'joints': np.array(joints), 'fingers': np.zeros(2), 'joints_stamp': now,
                         'object_stamp': now, **changes})


def command(now, *twist, **changes):
    twist = np.array([*twist, *(0.0,) * (6 - len(twist))])
    return Command(**{'twist': twist, 'opening': None, 'stamp': now, **changes})


def run(guarded, wanted, steps, begin=0.0, joints=kinematics.START, **changes):
    """Give the same command again and again to a state that never changes; return outputs and verdicts."""
    found = []
    for number in range(steps):
        now = begin + number * PERIOD
        found.append(guarded.filter(now, state(now, joints, **changes), command(now, *wanted)))
    return [output for output, _ in found], [verdict for _, verdict in found]


def moving(wanted=(0.05, 0.05, 0.0, 0.1, 0.0, 0.0), **config):
    """A guard whose output has settled at ``wanted``."""
    guarded = Guarded(dataclasses.replace(CONFIG, **config), needs_object=True)
    outputs, _ = run(guarded, wanted, 25, begin=-1.0)
    np.testing.assert_allclose(outputs[-1].twist, wanted, atol=1e-6)
    return guarded


def assert_limits(outputs, config=CONFIG, period=PERIOD):
    """Speed, acceleration and jerk of successive outputs, which began at rest."""
    twists = np.concatenate([np.zeros((3, 6)), [output.twist for output in outputs]])
    assert np.isfinite(twists).all()
    for part, limits in ((twists[:, :3], (config.speed, config.acceleration, config.jerk)),
                         (twists[:, 3:], (config.turn, config.turn_acceleration, config.turn_jerk))):
        for order, limit in enumerate(limits):
            rate = np.diff(part, n=order, axis=0) / period**order
            assert np.linalg.norm(rate, axis=1).max() <= limit * (1 + EPSILON) + EPSILON


def test_a_sound_command_passes_unchanged_once_it_is_ramped_up():
    guarded = Guarded(CONFIG)
    outputs, verdicts = run(guarded, (0.05, 0.0, 0.02), 20)
    np.testing.assert_allclose(outputs[-1].twist, (0.05, 0, 0.02, 0, 0, 0), atol=1e-12)
    assert verdicts[-1].statuses == () and guarded.interventions.total == 0
    assert_limits(outputs)


def test_a_command_that_is_too_fast_keeps_its_direction():
    config = dataclasses.replace(CONFIG, speed=0.08, workspace_low=(-2.0,) * 3, workspace_high=(2.0,) * 3, table_height=0.0)
    outputs, verdicts = run(Guarded(config), (1.0, 1.0, 0.0), 30)
    np.testing.assert_allclose(outputs[-1].twist[:3], np.array([1, 1, 0]) / np.sqrt(2) * 0.08, atol=1e-9)
    assert Status.SPEED in verdicts[-1].statuses


CAUSES = {
    Status.COMMAND_MISSING: lambda now: (state(now), None),
    Status.COMMAND_SIZE: lambda now: (state(now), command(now, twist=np.zeros(5))),
    Status.COMMAND_NOT_FINITE: lambda now: (state(now), command(now, 0.1, np.nan)),
    Status.COMMAND_FRAME: lambda now: (state(now), command(now, 0.1, frame='gripper_link')),
    Status.COMMAND_STALE: lambda now: (state(now), command(now - 0.11, 0.1)),
    Status.STATE_MISSING: lambda now: (None, command(now, 0.1)),
    Status.STATE_NOT_FINITE: lambda now: (state(now, [np.nan] * 7), command(now, 0.1)),
    Status.JOINTS_STALE: lambda now: (state(now, joints_stamp=now - 0.11), command(now, 0.1)),
    Status.OBJECT_STALE: lambda now: (state(now, object_stamp=None), command(now, 0.1)),
    Status.RUNSTOP: lambda now: (state(now), command(now, 0.1), (Status.RUNSTOP,)),
    Status.FAULT: lambda now: (state(now), command(now, 0.1), (Status.FAULT,)),
    Status.JOINT_LIMIT: lambda now: (state(now, NEAR_LIMIT), command(now, -0.1, 0, 0.1)),
}


@pytest.mark.parametrize('cause', CAUSES, ids=lambda cause: cause.name)
def test_after_a_cause_to_stop_the_output_is_zero_in_time_and_stays_so(cause):
    guarded = moving()
    outputs, steps = [guarded.output], round(guarded.stopping_time / PERIOD)
    for number in range(1, steps + 20):
        output, verdict = guarded.filter(number * PERIOD, *CAUSES[cause](number * PERIOD))
        assert cause in verdict.statuses and verdict.statuses[0].stops and output.opening is None
        assert not output.twist.any() or number < steps
        assert verdict.holding == (not output.twist.any())
    assert guarded.interventions.counts[cause] == steps + 19


@pytest.mark.parametrize('cause', CAUSES, ids=lambda cause: cause.name)
def test_when_the_cause_is_gone_the_arm_moves_again_but_after_run_stop_and_fault_only_by_a_reset(cause):
    guarded = moving()
    for number in range(1, 12):
        guarded.filter(number * PERIOD, *CAUSES[cause](number * PERIOD))
    outputs, _ = run(guarded, (0.05,), 10, begin=1.0)
    assert outputs[-1].twist.any() == (not cause.latches)
    guarded.reset()
    outputs, _ = run(guarded, (0.05,), 10, begin=2.0)
    assert outputs[-1].twist.any()


def test_the_dead_man_button_must_be_held_and_heard_of():
    config = dataclasses.replace(CONFIG, dead_man=True)
    for changes, moves in (({}, False), ({'held': True, 'held_stamp': 0.3}, True),
                           ({'held': True, 'held_stamp': -1.0}, False), ({'held': False, 'held_stamp': 0.3}, False)):
        outputs, verdicts = run(Guarded(config), (0.05,), 12, **changes)
        assert outputs[-1].twist.any() == moves and (Status.DEAD_MAN in verdicts[-1].statuses) != moves


def test_a_call_within_half_a_period_changes_nothing():
    guarded = moving()
    before = guarded.output.copy()
    output, verdict = guarded.filter(-0.03, state(-0.03), command(-0.03))
    assert verdict.statuses == (Status.TOO_EARLY,) and (output.twist == before).all()


@pytest.mark.parametrize('now', (np.nan, np.inf, -50.0))
def test_a_clock_that_is_not_finite_or_goes_back_stops(now):
    _, verdict = moving().filter(now, state(now), command(now, 0.1))
    assert Status.CLOCK in verdict.statuses


def follow(guarded, wanted, steps=400):
    """Move the arm by what is let through, as a robot that follows exactly; return joints and verdicts on its way."""
    joints, way, verdicts = kinematics.START.copy(), [], []
    for number in range(steps):
        now = number * PERIOD
        output, verdict = guarded.filter(now, state(now, joints), command(now, *wanted))
        velocity = kinematics.solve(kinematics.jacobian(joints), output.twist[None], 0.01)[0]
        joints = joints + velocity * PERIOD
        way.append(joints)
        verdicts.append(verdict)
    return np.array(way), verdicts


@pytest.mark.parametrize('direction', ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1), (1, 1, 1),
                                       (-1, 0, 1), (1, -1, -1)))
def test_no_direction_leads_out_of_the_workspace_into_the_table_to_a_limit_or_a_singularity(direction):
    way, verdicts = follow(Guarded(CONFIG), 0.1 * np.array(direction))
    position, rotation = kinematics.forward(way)
    assert (position > np.array(CONFIG.workspace_low) - 1e-3).all()
    assert (position < np.array(CONFIG.workspace_high) + 1e-3).all()
    lowest = position[:, 2] - 0.0235 - CONFIG.table_height
    assert lowest.min() > 0
    assert kinematics.within_limits(way, CONFIG.joint_margin / 2).all()
    assert kinematics.condition_number(way).max() < CONFIG.stop_condition + 1
    assert verdicts[-1].statuses and verdicts[-1].statuses[0].intervenes
    assert np.abs(np.diff(position[-20:], axis=0)).max() < 1e-3 * PERIOD


@pytest.mark.parametrize('wide', ({'workspace_high': (2.0, 2.0, 2.0)},))
def test_a_singularity_slows_then_stops_and_may_be_left(wide):
    config = dataclasses.replace(CONFIG, **wide)
    guarded = Guarded(config)
    way, verdicts = follow(guarded, (0.1, 0, 0))
    seen = {status for verdict in verdicts for status in verdict.statuses}
    assert Status.NEAR_SINGULARITY in seen
    assert 17 < kinematics.condition_number(way[-1])[0] <= config.stop_condition + 0.5
    outputs, verdicts = run(guarded, (-0.05, 0, 0), 10, begin=100.0, joints=way[-1])
    assert outputs[-1].twist[0] < -0.02 and set(verdicts[-1].statuses) <= {Status.JOINT_SPEED}    # joints turn fast there


def test_outside_of_the_workspace_only_the_way_back_is_free():
    config = dataclasses.replace(CONFIG, workspace_high=(0.60, 0.2, 0.62))      # the start is 5 cm outside
    for wanted, moves in (((0.05, 0, 0), False), ((0, 0.05, 0), False), ((-0.05, 0, 0), True)):
        outputs, verdicts = run(Guarded(config), wanted, 10)
        assert outputs[-1].twist.any() == moves and (Status.WORKSPACE in verdicts[-1].statuses) != moves


def test_an_opening_is_clipped_and_handed_on():
    guarded = Guarded(CONFIG)
    for number, (opening, wanted) in enumerate(((0.05, 0.05), (0.2, 0.1), (-1.0, 0.0), (None, None))):
        output, _ = guarded.filter(number * PERIOD, state(number * PERIOD), command(number * PERIOD, opening=opening))
        assert output.opening == wanted
    assert guarded.interventions.counts[Status.OPENING] == 2


def test_every_status_has_its_words():
    assert set(TEXTS) == set(Status) and len(set(TEXTS.values())) == len(Status)
    assert all(status.stops for status in Status if status.latches)
    assert Status.JOINTS_STALE.text.startswith('stopped')


anything = strategies.one_of(strategies.floats(), strategies.sampled_from((0.0, 1e308, -1e308, 1e-320, np.nan, np.inf)),
                             strategies.floats(-0.2, 0.2))
numbers = strategies.one_of(strategies.lists(anything, min_size=6, max_size=6), strategies.lists(anything, max_size=9))
stamps = strategies.one_of(strategies.just(0.0), strategies.floats(-0.3, 0.3), strategies.floats(), strategies.none())
joints = strategies.one_of(
    strategies.just(list(kinematics.START)), strategies.lists(strategies.floats(-4, 4), min_size=7, max_size=7),
    strategies.lists(anything, max_size=8), strategies.just([0.0] * 7))
inputs = strategies.lists(strategies.fixed_dictionaries({
    'later': strategies.one_of(strategies.just(PERIOD), strategies.floats(-1, 1), strategies.floats()),
    'command': strategies.one_of(strategies.none(), strategies.tuples(
        numbers, strategies.one_of(strategies.none(), anything), stamps,
        strategies.sampled_from(('base_link', 'base_link', 'base_link', 'map', '')))),
    'state': strategies.one_of(strategies.none(), strategies.tuples(
        joints, strategies.lists(anything, min_size=2, max_size=2), stamps, anything, stamps, strategies.booleans(),
        stamps)),
    'causes': strategies.tuples(strategies.booleans(), strategies.booleans()),
    'reset': strategies.booleans()}), min_size=1, max_size=12)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(inputs, strategies.booleans(), strategies.booleans())
def test_whatever_comes_in_no_output_exceeds_any_limit(sequence, sound, dead_man):
    """``sound`` mixes good calls in between, so that the arm is moving when the bad ones come."""
    guarded = Guarded(dataclasses.replace(CONFIG, dead_man=dead_man), needs_object=True)
    outputs, now = [], 0.0
    for each in sequence:
        if sound:
            good = guarded.last_time + PERIOD if guarded.last_time is not None else 0.0
            held = state(good, held=True, held_stamp=good)
            outputs += [guarded.filter(good + n * PERIOD, dataclasses.replace(
                held, joints_stamp=good + n * PERIOD, object_stamp=good + n * PERIOD, held_stamp=good + n * PERIOD),
                command(good + n * PERIOD, 0.1, -0.1, 0.05, 0.2))[0] for n in range(4)]
            now = good + 3 * PERIOD
        now = now + each['later']
        runstopped, faulted = each['causes']
        causes = (Status.RUNSTOP,) * runstopped + (Status.FAULT,) * faulted
        output, verdict = guarded.filter(now, made_state(now, each['state']), made_command(now, each['command']), causes)
        assert set(causes) <= {*verdict.statuses} or verdict.statuses == (Status.TOO_EARLY,)
        outputs.append(output)
        assert output.opening is None or 0 <= output.opening <= 0.1
        assert output.frame == 'base_link'
        if each['reset']:
            guarded.reset()
    assert_limits(outputs)


def shifted(now, stamp):
    return None if stamp is None else now + stamp


def made_command(now, values):
    return values and Command(values[0], values[1], shifted(now, values[2]), values[3])


def made_state(now, values):
    if values is None:
        return None
    angles, fingers, stamp, torso, seen, held, heard = values
    return RobotState(angles, fingers, shifted(now, stamp), torso, shifted(now, seen), held, shifted(now, heard))


@pytest.mark.parametrize('cause, made', [
    (Status.JOINTS_STALE, {'joints_stamp': 0.11}), (Status.OBJECT_STALE, {'object_stamp': 0.11})])
def test_a_stamp_from_the_future_is_no_better_than_an_old_one(cause, made):
    _, verdict = moving().filter(0.0, state(0.0, **made), command(0.0, 0.1))
    assert verdict.statuses[0] == cause
    assert moving().filter(0.0, state(0.0), command(0.11, 0.1))[1].statuses[0] == Status.COMMAND_STALE


def test_the_lowest_point_is_the_lowest_of_the_boxs_corners():
    corners = np.array(list(itertools.product(*zip(geometry.BOX_LOW, geometry.BOX_HIGH))))
    joints = kinematics.START + np.random.default_rng(4).uniform(-1.0, 1.0, (50, 7))
    links, rotations = kinematics.forward(joints, along=kinematics.GRIPPER_LINK)
    for grip, link, rotation in zip(kinematics.forward(joints)[0], links, rotations):
        assert geometry.lowest_point(grip, rotation) == pytest.approx((link + corners @ rotation.T)[:, 2].min(), abs=1e-12)
