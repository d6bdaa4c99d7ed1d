"""A trajectory goal goes where it is told, within tolerances, or says why not."""
import numpy as np
import pytest

from hac_ros import kinematics
from hac_ros.simulation.joint_trajectory import (GOAL_TOLERANCE_VIOLATED, INVALID_GOAL, INVALID_JOINTS,
                                                 PATH_TOLERANCE_VIOLATED, Following, JointTrajectory, Tolerances)

START = kinematics.START
THERE = START + 0.1


def following(names=kinematics.JOINTS, times=(1.0, 2.0), positions=(THERE, THERE + 0.1), velocities=None, **tolerances):
    trajectory = JointTrajectory(tuple(names), np.array(times), np.array(positions, dtype=float), velocities)
    return Following(10.0, trajectory, START, Tolerances(**tolerances))


def test_without_velocities_the_joints_go_straight_from_where_they_are():
    goal = following()
    position, velocity = goal.sample(10.5)
    np.testing.assert_allclose(position, START + 0.05)
    np.testing.assert_allclose(velocity, 0.1)
    assert goal.sample(10.0)[0].tolist() == START.tolist()


def test_past_the_last_point_it_is_held():
    position, velocity = following().sample(99.0)
    assert (position == THERE + 0.1).all() and not velocity.any()


def test_with_velocities_positions_and_velocities_are_met_and_agree():
    speeds = np.full((2, 7), 0.07)
    goal = following(velocities=speeds)
    position, velocity = goal.sample(11.0)
    np.testing.assert_allclose(position, THERE, atol=1e-12)
    np.testing.assert_allclose(velocity, 0.07, atol=1e-12)
    for time in (10.3, 11.4, 11.9):
        ahead, behind = goal.sample(time + 1e-6)[0], goal.sample(time - 1e-6)[0]
        np.testing.assert_allclose((ahead - behind) / 2e-6, goal.sample(time)[1], atol=1e-6)


def test_an_arm_that_moves_is_braked_evenly_from_the_speed_that_it_has():
    speed = np.linspace(-0.4, 0.4, 7)
    stop = JointTrajectory(kinematics.JOINTS, np.array([0.2]), (START + speed * 0.1)[None], np.zeros((1, 7)))
    goal = Following(10.0, stop, START, speed=speed)
    for share in (0.0, 0.25, 0.5, 0.75):
        np.testing.assert_allclose(goal.sample(10.0 + 0.2 * share)[1], speed * (1 - share), atol=1e-9)


def test_joints_may_come_in_any_order():
    goal = following(names=kinematics.JOINTS[::-1], positions=(THERE[::-1], START[::-1]))
    np.testing.assert_allclose(goal.sample(11.0)[0], THERE)


def test_positions_are_kept_within_the_joints_limits():
    goal = following(positions=(np.full(7, 9.0), np.full(7, 9.0)))
    assert (goal.sample(12.0)[0] <= kinematics.UPPER).all()


def test_it_succeeds_at_its_end_and_not_before():
    goal = following()
    assert goal.update(11.99, THERE) is None
    assert goal.update(12.0, THERE).succeeded


def test_it_waits_for_its_tolerance_and_then_gives_up():
    goal = following(goal={'elbow_flex_joint': 0.01}, late=0.5)
    assert goal.update(12.4, THERE) is None
    late = goal.update(12.51, THERE)
    assert late.code == GOAL_TOLERANCE_VIOLATED
    assert late.text == 'elbow_flex_joint is 0.100 rad off at its end, 0.010 rad is allowed'
    assert following(goal={'elbow_flex_joint': 0.01}, late=0.5).update(12.4, THERE + 0.1).succeeded


def test_it_ends_where_a_joint_strays_from_its_path():
    goal = following(path={'wrist_roll_joint': 0.02})
    assert goal.update(10.5, START + 0.06) is None
    assert goal.update(10.5, START).code == PATH_TOLERANCE_VIOLATED


@pytest.mark.parametrize('changes, code, words', [
    ({'names': kinematics.JOINTS[:6]}, INVALID_JOINTS, 'all of'),
    ({'names': (*kinematics.JOINTS[:6], 'no_joint')}, INVALID_JOINTS, 'no_joint'),
    ({'times': (), 'positions': np.zeros((0, 7))}, INVALID_GOAL, 'at least one point'),
    ({'positions': np.zeros((2, 6))}, INVALID_GOAL, 'points of'),
    ({'positions': (THERE, np.full(7, np.nan))}, INVALID_GOAL, 'not finite'),
    ({'times': (1.0, 1.0)}, INVALID_GOAL, 'rising'),
    ({'times': (-1.0, 1.0)}, INVALID_GOAL, 'rising')])
def test_a_goal_that_cannot_be_followed_ends_at_once_and_says_why(changes, code, words):
    goal = following(**changes)
    assert goal.outcome.code == code and words in goal.outcome.text
    assert goal.update(10.0, START) is goal.outcome
