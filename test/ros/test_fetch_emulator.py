"""The emulator is to its topics and actions what a Fetch is: point by point, through the real node.

Stepped, without noise: a busy machine changes nothing. What is measured is what the robot tells by /joint_states.
"""
import mujoco
import numpy as np
import pytest
from node_process import Listener, NodeProcesses
from robot_client import PERIOD_TICKS, RUN, SEED, RobotClient, parameters

from hac_ros import config, kinematics, messages, robot_observation, topics
from hac_ros.simulation import constants, fetch_robot
from std_msgs.msg import Bool

TASK = 'pick_and_place'
FORWARD, SIDEWARD, STILL = (0.05, 0, 0, 0, 0, 0), (0, 0.05, 0, 0, 0, 0), (0,) * 6
AT_REST = 0.01     # [rad/s]


def floats(robot, periods=30):
    """Return whether nothing drives the arm any more: it has lost speed on its own, by the friction of its joints."""
    before = np.abs(robot.joints()[1][:7]).max()
    _, velocities = robot.step(periods=periods)
    return np.abs(velocities[:7]).max() < 0.8 * before and robot.twin.arbiter.active == fetch_robot.NOTHING


@pytest.fixture(scope='module')
def robot(tmp_path_factory, domain):
    """One emulator for all tests of this file; each begins an episode of its own."""
    with NodeProcesses(tmp_path_factory.mktemp('robot')) as processes, Listener() as listener:
        process = processes.start('fetch_emulator', '/', run=RUN, task=TASK, seed=SEED, emulator__pace=0.0, **parameters())
        yield RobotClient(listener, TASK)
        assert process.poll() is None, process.log.read_text()


@pytest.fixture(autouse=True)
def episode(robot):
    if robot.twin.arbiter.runstopped:
        robot.press(False)
    return robot.begin(0)


def moved(robot, *arguments, **options):
    """Return by how much [m] the grip moves, (3,), in what ``robot.step`` does."""
    before = robot.grip_position()
    robot.step(*arguments, **options)
    return robot.grip_position() - before


def test_joints_come_in_two_parts_the_fingers_apart(robot):
    assert set(robot.parts) == {fetch_robot.ARM_MESSAGE, fetch_robot.GRIPPER_MESSAGE}
    assert all(len(part.name) == len(part.position) == len(part.velocity) == len(part.effort)
               for part in robot.parts.values())


def test_the_node_does_what_the_model_does_to_the_last_bit(robot):
    rng = np.random.default_rng(0)
    robot.grip(0.08)
    for _ in range(20):
        joints, velocities = robot.step([*rng.uniform(-0.1, 0.1, 3), *rng.uniform(-0.3, 0.3, 3)])
        assert (joints == robot.twin.measured).all()
        assert (velocities == robot.twin.data.qvel[robot.twin.qvel]).all()


def test_gripper_by_joint_states_and_forward_kinematics_is_the_simulators_to_a_millimetre_and_a_millimetre_a_second(robot):
    rng = np.random.default_rng(1)
    for _ in range(25):
        joints, velocities = robot.step([*rng.uniform(-0.1, 0.1, 3), *rng.uniform(-0.3, 0.3, 3)])
        position, velocity, _ = robot_observation.gripper(joints[None, :7], velocities[None, :7])
        true_position, true_velocity = by_mujoco(robot.twin)
        np.testing.assert_allclose(position[0], true_position, rtol=0, atol=1e-3)
        np.testing.assert_allclose(velocity[0], true_velocity, rtol=0, atol=1e-3)


def by_mujoco(twin):
    """Return position and velocity (3,) of the grip in base_link, by MuJoCo's own site."""
    model, data = twin.model, mujoco.MjData(twin.model)
    data.qpos[:], data.qvel[:] = twin.data.qpos, twin.data.qvel
    mujoco.mj_forward(model, data)
    velocity, site = np.zeros(6), model.site(constants.GRIPPER_SITE).id
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_SITE, site, velocity, 0)
    return data.site_xpos[site] - twin.lab.settled.offset, velocity[3:]


# Cartesian twist controller

@pytest.mark.parametrize('frame', ['base_link', 'map'])
def test_a_twist_is_in_base_link_whatever_the_frame_is_called(robot, frame):
    way = moved(robot, SIDEWARD, frame=frame, periods=15)
    assert 0.02 < way[1] < 0.03 and np.abs(way[[0, 2]]).max() < 0.003


def test_a_twist_in_the_end_effectors_frame_goes_along_its_axes(robot):
    way = moved(robot, FORWARD, frame='end_effector_frame', periods=15)     # its x points down
    assert -0.03 < way[2] < -0.02 and np.abs(way[:2]).max() < 0.003


def test_the_last_twist_runs_for_half_a_second_and_then_nothing_moves_the_arm(robot):
    robot.step(SIDEWARD, periods=10)
    speed = np.abs(robot.joints()[1][:7]).max()
    _, velocities = robot.step(periods=11)          # 0.48 s after the last twist
    assert speed > 0.05 and np.abs(velocities[:7]).max() > 0.95 * speed
    robot.step(periods=2)
    assert floats(robot)


def test_an_empty_frame_stops_at_once(robot):
    robot.step(SIDEWARD, periods=10)
    robot.step(SIDEWARD, frame='')
    assert floats(robot)


def test_no_joint_is_faster_or_gains_speed_faster_than_its_limit_however_fast_the_twist(robot):
    fastest = 0.0
    for period in range(1, 21):
        _, velocities = robot.step((5, -5, 5, 3, 3, 3))
        fastest = np.abs(velocities[:7]).max()
        assert fastest <= min(0.5, 0.04 * period) + 0.02
    assert fastest > 0.45


def test_a_nan_is_zero_on_its_axis_and_the_others_run(robot):
    way = moved(robot, (np.nan, 0.05, 0, 0, 0, 0), periods=15)
    assert 0.02 < way[1] < 0.03 and abs(way[0]) < 0.003


def test_an_infinite_twist_moves_joints_within_their_limits_of_speed(robot):
    for _ in range(15):
        joints, velocities = robot.step((np.inf, 0, 0, 0, 0, 0))
        assert np.isfinite(joints).all() and np.abs(velocities[:7]).max() < 0.56


def test_the_torso_stands_still(robot):
    robot.step((0, 0, 0.1, 0, 0, 0), periods=10)
    assert robot.parts[fetch_robot.ARM_MESSAGE].position[0] == 0.0


# Arbitration

def test_a_goal_takes_over_from_twists_blocks_them_holds_and_gives_way_after_success(robot):
    robot.step(SIDEWARD, periods=5)
    there = robot.joints()[0][:7] + np.array([0, 0.05, 0, 0, 0, 0, 0.1])
    told = []
    goal = robot.follow(there, 0.6, feedback=told.append)
    robot.step(FORWARD, periods=17)                              # 0.68 s: the twists do nothing
    how, result = robot.ending(goal)
    assert (how, result.error_code) == ('succeeded', 0)
    assert told and list(told[-1].feedback.joint_names) == list(kinematics.JOINTS)
    np.testing.assert_allclose(told[-1].feedback.desired.positions, there, atol=0.01)
    robot.begin(0)
    goal = robot.follow(there, 0.2)
    robot.step(periods=30)                                       # 1 s after it has succeeded
    joints, velocities = robot.joints()
    assert robot.ending(goal)[0] == 'succeeded'
    np.testing.assert_allclose(joints[:7], there, atol=0.01)
    assert np.abs(velocities[:7]).max() < AT_REST
    assert moved(robot, SIDEWARD, periods=15)[1] > 0.02          # gives way to a twist


def test_a_newer_goal_takes_over_and_a_cancelled_one_is_held_where_it_is(robot):
    start = robot.joints()[0][:7]
    first = robot.follow(start + 0.2, 2.0)
    robot.step(periods=5)
    second = robot.follow(start, 1.0)
    robot.step()
    assert robot.ending(first)[0] == 'aborted' and 'newer goal' in robot.ending(first)[1].error_string
    cancelling = second.cancel_goal_async()
    robot.listener.until(cancelling.done, 'the cancellation')
    robot.step()
    assert robot.ending(second)[0] == 'cancelled'
    held = robot.step(periods=10)[0]
    np.testing.assert_allclose(robot.step(periods=10)[0], held, atol=1e-3)


@pytest.mark.parametrize('names, code', [(kinematics.JOINTS[:6], -2), ((*kinematics.JOINTS[:6], 'nose_joint'), -2)])
def test_a_goal_that_cannot_be_followed_is_aborted_with_its_code(robot, names, code):
    goal = robot.follow(np.zeros(len(names)), 1.0, names=names)
    robot.step()
    how, result = robot.ending(goal)
    assert (how, result.error_code) == ('aborted', code) and 'are wanted' in result.error_string


# Gripper

def test_a_gripper_goal_is_reached_within_two_millimetres_at_the_fingers_speed(robot):
    goal = robot.grip(0.06)
    steps = 0
    while robot.joints()[0][7:].sum() < 0.058:
        _, velocities = robot.step()
        assert velocities[7:].max() < 0.052
        steps += 1
    how, result = robot.ending(goal)
    assert how == 'succeeded' and result.reached_goal and not result.stalled and abs(result.position - 0.06) <= 0.002
    assert 14 <= steps <= 18         # 0.6 s: a Fetch's fingers make 0.05 m/s each
    assert abs(np.subtract(*robot.joints()[0][7:])) < 1e-3       # one lead screw


@pytest.mark.parametrize('effort', [0.5, -1.0])
def test_a_gripper_that_lacks_force_stalls_after_two_seconds_which_is_success(robot, effort):
    goal = robot.grip(0.1, effort)
    robot.step(periods=49)
    assert not goal.ending.done()
    robot.step(periods=2)
    how, result = robot.ending(goal)
    assert how == 'succeeded' and result.stalled and not result.reached_goal and result.position < 0.005


def test_a_gripper_goal_that_is_not_finite_is_refused(robot):
    assert not robot.grip(np.nan).accepted and not robot.grip(0.1, np.inf).accepted


# Run-stop

def test_the_run_stop_ends_all_goals_refuses_new_ones_and_its_release_starts_nothing(robot):
    goals = robot.follow(robot.joints()[0][:7] + 0.2, 1.0), robot.grip(0.1)
    robot.step(periods=3)
    robot.press(True)
    assert [robot.ending(goal)[0] for goal in goals] == ['aborted', 'aborted']
    assert not robot.grip(0.0).accepted and not robot.follow(robot.joints()[0][:7], 1.0).accepted
    assert not robot.call(topics.BEGIN_EPISODE, episode=1).success
    robot.step(SIDEWARD)
    assert floats(robot)
    robot.press(False)
    assert floats(robot)
    assert moved(robot, SIDEWARD, periods=15)[1] > 0.02


def test_after_the_run_stop_the_fingers_go_on_to_where_they_were_told_to_go_last(robot):
    robot.grip(0.1)
    robot.step(periods=40)
    robot.grip(0.0)
    robot.step(periods=5)
    robot.press(True)
    robot.step(periods=5)
    stopped = robot.joints()[0][7:].sum()
    assert stopped > 0.04
    robot.press(False)
    robot.step(periods=40)
    assert robot.joints()[0][7:].sum() < 0.01 < stopped


def test_the_red_button_is_told_apart_from_the_software_run_stop_again_and_again_and_each_must_be_released(robot):
    def until_told(software, runstopped):
        for told in (robot.status, robot.button, robot.faulted):
            told.clear()
        robot.listener.until(lambda: all(len(told) > 3 for told in (robot.status, robot.button, robot.faulted)), 'word of the robot')
        assert [told[-1].data for told in (robot.status, robot.button, robot.faulted)] == [software, runstopped, False]
    until_told(False, False)
    assert robot.call(topics.PRESS, data=True).success
    until_told(False, True)
    robot.runstops.publish(Bool(data=True))
    until_told(True, True)
    robot.runstops.publish(Bool(data=False))
    until_told(False, True)
    assert not robot.grip(0.05).accepted
    assert robot.call(topics.PRESS, data=False).success
    until_told(False, False)
    assert robot.grip(0.05).accepted


# What stands around it

def test_transforms_lead_from_base_link_to_the_gripper(robot):
    def of_now():
        stamp = robot.parts[fetch_robot.ARM_MESSAGE].header.stamp
        return robot.transforms and robot.transforms[-1].transforms[0].header.stamp == stamp
    while not of_now():
        robot.step(SIDEWARD)
        robot.listener.executor.spin_once(timeout_sec=0.2)
    place, rotation, parent = np.zeros(3), np.eye(3), 'base_link'
    for item in robot.transforms[-1].transforms:
        assert item.header.frame_id == parent
        offset, turn = item.transform.translation, item.transform.rotation
        place = place + rotation @ [offset.x, offset.y, offset.z]
        rotation = rotation @ kinematics.rotations(np.array([[turn.w, turn.x, turn.y, turn.z]]))[0]
        parent = item.child_frame_id
    wanted, turned = kinematics.forward(robot.joints()[0][:7], along=kinematics.GRIPPER_LINK)
    assert parent == 'gripper_link'
    np.testing.assert_allclose(place, wanted[0], atol=1e-9)
    np.testing.assert_allclose(rotation, turned[0], atol=1e-9)


def test_an_episode_is_a_function_of_seed_and_number(robot):
    def begun(number):
        robot.poses.clear()
        response = robot.begin(number)
        robot.listener.until(lambda: robot.poses, 'the object')
        told = [robot.poses[-1].pose, response.goal.pose, robot.call(topics.JUDGE).distance]
        return [str(item) for item in told], robot.step(FORWARD, periods=5)
    (first, joints), (second, _), (again, same) = begun(3), begun(4), begun(3)
    assert first == again and first != second and (np.array(joints) == same).all()


def test_the_judge_knows_the_truth_and_a_quiet_camera_sees_it(robot):
    response = robot.begin(5)
    robot.listener.until(lambda: robot.poses, 'the object')
    place, goal = robot.poses[-1].pose.position, response.goal.pose.position
    judged = robot.call(topics.JUDGE)
    distance = np.linalg.norm([place.x - goal.x, place.y - goal.y, place.z - goal.z])
    assert response.goal.header.frame_id == robot.poses[-1].header.frame_id == 'base_link'
    assert judged.distance == pytest.approx(distance, abs=1e-9) and judged.success == (distance < 0.05)


def test_a_second_robot_in_the_same_domain_is_refused(robot, processes):
    second = processes.start('fetch_emulator', '/', run='other', task='reach')
    assert second.wait(60) == 2
    assert 'fetch_emulator is at work already' in second.log.read_text()
