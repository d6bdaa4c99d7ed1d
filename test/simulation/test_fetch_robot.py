"""The robot's topics mean what they mean on a real Fetch, point by point."""
import numpy as np
import pytest

from hac_ros import kinematics
from hac_ros.simulation import fetch_robot
from hac_ros.simulation.fetch_robot import NOTHING, TRAJECTORY, TWIST, ArmArbiter, GripperAction, JointStates

FORWARD = np.array([0.1, 0, 0, 0, 0, 0])


def test_the_last_twist_runs_on_for_half_a_second_then_nothing_moves_the_arm():
    arm = ArmArbiter()
    assert arm.command(10.0, 'base_link', FORWARD)
    assert (arm.twist_now(10.5, kinematics.DOWN) == FORWARD).all()
    assert arm.twist_now(10.501, kinematics.DOWN) is None and arm.active == NOTHING


def test_an_empty_frame_stops_at_once():
    arm = ArmArbiter()
    arm.command(0.0, 'base_link', FORWARD)
    assert not arm.command(0.01, '', FORWARD)
    assert arm.twist_now(0.01, kinematics.DOWN) is None


@pytest.mark.parametrize('frame, wanted', [('base_link', FORWARD), ('map', FORWARD), ('no_such_frame', FORWARD),
                                           ('end_effector_frame', (0, 0, -0.1, 0, 0, 0))])
def test_only_the_end_effectors_frame_is_known_all_others_are_the_roots(frame, wanted):
    arm = ArmArbiter()
    arm.command(0.0, frame, FORWARD)
    np.testing.assert_allclose(arm.twist_now(0.0, kinematics.DOWN), wanted, atol=1e-12)


def test_a_nan_becomes_zero_on_its_axis_and_the_others_run():
    arm = ArmArbiter()
    arm.command(0.0, 'base_link', [np.nan, 0.2, 0, 0, 0, 0])
    assert arm.twist_now(0.0, kinematics.DOWN).tolist() == [0, 0.2, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r'shape \(5,\) came'):
        arm.command(0.0, 'base_link', np.zeros(5))


def test_a_goal_takes_over_blocks_twists_and_holds_until_one_comes():
    arm = ArmArbiter()
    arm.command(0.0, 'base_link', FORWARD)
    assert arm.accept_goal() and arm.twist_now(0.0, kinematics.DOWN) is None
    assert not arm.command(0.1, 'base_link', FORWARD) and arm.active == TRAJECTORY
    assert arm.accept_goal()                      # a newer goal takes over
    arm.finish_goal()
    assert arm.active == TRAJECTORY               # holds its last point
    arm.command(5.0, '', FORWARD)
    assert arm.active == TRAJECTORY
    assert arm.command(5.1, 'base_link', FORWARD) and arm.active == TWIST


def test_a_run_stop_ends_everything_and_its_release_starts_nothing():
    arm = ArmArbiter()
    arm.command(0.0, 'base_link', FORWARD)
    arm.runstop(True)
    assert arm.active == NOTHING and not arm.command(0.1, 'base_link', FORWARD) and not arm.accept_goal()
    arm.runstop(False)
    assert arm.active == NOTHING and arm.twist_now(0.1, kinematics.DOWN) is None
    assert arm.command(0.2, 'base_link', FORWARD)


@pytest.mark.parametrize('opening, reached', [(0.0481, True), (0.0519, True), (0.0475, False)])
def test_an_opening_is_reached_within_two_millimetres(opening, reached):
    found = GripperAction(0.0, 0.0, 0.05).update(0.1, opening)
    assert found.reached_goal == reached == found.done and not found.stalled


def test_a_gripper_that_moves_less_than_five_millimetres_in_two_seconds_has_stalled():
    action = GripperAction(0.0, 0.10, 0.0)
    assert not action.update(1.0, 0.06).done
    assert not action.update(2.9, 0.056).done            # 1.9 s since it was at 0.06
    assert action.update(3.0, 0.056).stalled and action.update(3.0, 0.056).done


@pytest.mark.parametrize('asked, given', [(0.0, 60.0), (20.0, 20.0), (500.0, 60.0), (-1.0, 0.0)])
def test_a_finger_pushes_with_sixty_newton_at_most_and_minus_one_takes_the_power_off(asked, given):
    action = GripperAction(0.0, 0.0, 0.2, asked)
    assert action.effort == given and action.powered == (asked >= 0) and action.position == 0.10


def test_joint_states_come_in_parts_and_are_merged_by_name():
    values = {name: (number / 10, -number / 10, 0.0) for number, name in
              enumerate(fetch_robot.ARM_MESSAGE + fetch_robot.GRIPPER_MESSAGE)}
    states = JointStates()
    parts = fetch_robot.joint_messages(values)
    assert [len(names) for names, _ in parts] == [10, 2]
    for stamp, (names, numbers) in enumerate(parts):
        assert states.arm() is None
        assert states.merge(float(stamp), names, numbers[:, 0], numbers[:, 1])
    positions, velocities, oldest = states.arm()
    wanted = [values[name][0] for name in (*kinematics.JOINTS, 'r_gripper_finger_joint', 'l_gripper_finger_joint')]
    assert positions.tolist() == wanted and (velocities == -positions).all() and oldest == 0.0


def test_a_message_that_is_damaged_or_older_changes_nothing():
    states = JointStates()
    for stamp, value in ((1.0, 0.5), (0.5, 0.7)):
        states.merge(stamp, kinematics.JOINTS, [value] * 7, [0.0] * 7)
    assert not states.merge(2.0, kinematics.JOINTS, [np.nan] * 7, [0.0] * 7)
    assert not states.merge(2.0, kinematics.JOINTS, [0.1] * 7, [0.0] * 6)
    assert set(states.position.values()) == {0.5} and set(states.stamp.values()) == {1.0}
