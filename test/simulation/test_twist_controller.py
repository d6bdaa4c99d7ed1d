"""The emulated twist controller keeps every limit of Fetch's, whatever it is told."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from hypothesis.extra import numpy as arrays

from hac_ros import kinematics
from hac_ros.simulation.twist_controller import ACCELERATION, PERIOD, SPEED, TwistController

EPSILON = 1e-9


def run(twists, joints=kinematics.START):
    """Play twists (T, 6) on one arm; return positions (T + 1, 7) and velocities (T + 1, 7)."""
    controller = TwistController(1)
    controller.start(0, joints)
    found = [(controller.position, controller.velocity.copy())]
    found += [controller.tick(twist[None]) for twist in twists]
    return [np.concatenate(column) for column in zip(*found)]


def assert_limits(positions, velocities):
    assert np.abs(velocities).max() <= SPEED + EPSILON
    assert np.abs(np.diff(velocities, axis=0)).max() <= ACCELERATION * PERIOD + EPSILON
    assert (positions >= kinematics.LOWER - EPSILON).all() and (positions <= kinematics.UPPER + EPSILON).all()
    np.testing.assert_allclose(np.diff(positions, axis=0), (velocities[1:] + velocities[:-1]) * PERIOD / 2, atol=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(arrays.arrays(float, (5, 6), elements=strategies.floats(-2, 2)), strategies.integers(1, 80))
def test_no_twists_lead_out_of_the_limits_of_speed_acceleration_and_position(twists, each):
    assert_limits(*run(np.repeat(twists, each, axis=0)))


@pytest.mark.parametrize('axis, sign', [(axis, sign) for axis in range(6) for sign in (-1, 1)])
def test_a_twist_that_never_ends_ends_at_rest_or_turning_in_place(axis, sign):
    """Twenty seconds at full speed towards a joint's limit or a singularity."""
    twists = np.tile(sign * np.eye(6)[axis] * 0.5, (2000, 1))
    positions, velocities = run(twists)
    assert_limits(positions, velocities)


def test_a_joint_at_its_limit_is_kept_there_and_may_leave():
    up = np.tile((0.0, 0, 0.3, 0, 0, 0), (800, 1))
    positions, velocities = run(np.concatenate([up, -up[:100]]))
    assert_limits(positions, velocities)
    assert positions[-1] != pytest.approx(positions[800])


@pytest.mark.parametrize('direction, speed', [((1, 0, 0), 0.11), ((0, 1, 0), 0.30), ((0, 0, 1), 0.22)])
def test_the_speeds_at_the_start_are_those_measured_on_the_stock_controller(direction, speed):
    joints = kinematics.inverse((0.650, 0.005, 0.535)).joints[0]
    jacobian = kinematics.jacobian(joints, along=kinematics.WRIST)
    twist = np.array([*direction, 0, 0, 0], dtype=float)
    capped = SPEED / np.abs(kinematics.solve(jacobian, twist[None])).max()
    assert capped == pytest.approx(speed, abs=0.01)


def test_it_accelerates_to_the_wanted_twist_and_holds_it():
    twist = np.array([0.05, -0.05, 0.02, 0, 0, 0])
    positions, velocities = run(np.tile(twist, (60, 1)))
    reached = kinematics.jacobian(positions[-1], along=kinematics.WRIST)[0] @ velocities[-1]
    np.testing.assert_allclose(reached, twist, atol=1e-3)


def test_after_zero_twists_it_is_at_rest_within_half_a_second():
    """0.5 rad/s at 1 rad/s^2: that long a real Fetch takes, too."""
    _, velocities = run(np.concatenate([np.tile((0.0, 0.5, 0, 0, 0, 0), (100, 1)), np.zeros((51, 6))]))
    assert np.abs(velocities[100]).max() == pytest.approx(SPEED)
    assert np.abs(velocities[-1]).max() < 1e-9


def test_an_arm_does_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    twists = rng.uniform(-0.5, 0.5, (50, 4, 6))
    many = TwistController(4)
    for arm in range(4):
        many.start(arm, kinematics.START)
    for twist in twists:
        many.tick(twist)
    for arm in range(4):
        positions, velocities = run(twists[:, arm])
        assert (positions[-1] == many.position[arm]).all() and (velocities[-1] == many.velocity[arm]).all()
