"""Fetch's chain equals MuJoCo's model of it, and itself by finite differences."""
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from transforms3d.axangles import axangle2mat

from hac_ros import kinematics
from hac_ros.simulation import models
from hac_ros.tasks import TASKS

CASES = 200


def draw_joints(count=CASES, seed=0):
    """Uniform within the limits; continuous joints over a whole turn."""
    low, high = np.maximum(kinematics.LOWER, -np.pi), np.minimum(kinematics.UPPER, np.pi)
    return np.random.default_rng(seed).uniform(low, high, (count, 7))


@pytest.fixture(scope='module')
def robot():
    """MuJoCo's Fetch as PickAndPlace places it."""
    scene = models.by_task(TASKS['pick_and_place'])
    model = models.load(scene)
    data = mujoco.MjData(model)
    for name, value in scene.joints.items():
        data.joint(name).qpos[:] = value
    return model, data


def place(robot, joints, torso=0.0):
    model, data = robot
    data.joint('robot0:torso_lift_joint').qpos[:] = torso
    for name, angle in zip(kinematics.JOINTS, joints):
        data.joint(f'robot0:{name}').qpos[:] = angle
    mujoco.mj_forward(model, data)
    return data.site('robot0:grip')


def test_the_grip_is_where_mujoco_puts_it(robot):
    joints = draw_joints()
    torso = np.random.default_rng(1).uniform(*kinematics.TORSO_RANGE, CASES)
    position, rotation = kinematics.forward(joints, torso)
    base = robot[1].body('robot0:base_link').xpos
    for row in range(CASES):
        site = place(robot, joints[row], torso[row])
        np.testing.assert_allclose(position[row], site.xpos - base, rtol=0, atol=1.2e-4)
        np.testing.assert_allclose(rotation[row].ravel(), site.xmat, rtol=0, atol=1e-9)


def test_the_jacobian_is_mujocos(robot):
    model, data = robot
    joints = draw_joints()
    dofs = [int(model.joint(f'robot0:{name}').dofadr[0]) for name in kinematics.JOINTS]
    jacobians = kinematics.jacobian(joints)
    linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    for row in range(CASES):
        place(robot, joints[row])
        mujoco.mj_jacSite(model, data, linear, angular, model.site('robot0:grip').id)
        np.testing.assert_allclose(jacobians[row, :3], linear[:, dofs], rtol=0, atol=1.2e-4)
        np.testing.assert_allclose(jacobians[row, 3:], angular[:, dofs], rtol=0, atol=1e-9)


@pytest.mark.parametrize('along', (kinematics.WRIST, kinematics.GRIPPER_LINK, kinematics.GRIP))
def test_the_jacobian_is_the_derivative_of_the_position(along):
    joints, step = draw_joints(), 1e-5
    jacobians = kinematics.jacobian(joints, 0.1, along)
    for joint in range(7):
        ahead, behind = (kinematics.forward(joints + sign * step * np.eye(7)[joint], 0.1, along) for sign in (1, -1))
        np.testing.assert_allclose((ahead[0] - behind[0]) / (2 * step), jacobians[:, :3, joint], rtol=0, atol=1e-9)
        turn = kinematics.rotation_vector(ahead[1] @ behind[1].transpose(0, 2, 1)) / (2 * step)
        np.testing.assert_allclose(turn, jacobians[:, 3:, joint], rtol=0, atol=1e-9)


def test_the_limits_are_those_of_the_mjcf(robot):
    model = robot[0]
    for name, low, high in zip(kinematics.JOINTS, kinematics.LOWER, kinematics.UPPER):
        joint = model.joint(f'robot0:{name}')
        assert bool(joint.limited[0]) == np.isfinite(low)
        if np.isfinite(low):
            assert (joint.range == (low, high)).all()


@pytest.mark.parametrize('joints, position', [
    (kinematics.START, (0.650, 0.005, 0.535)),
    ((0.012, -0.589, -0.005, 1.453, 0.002, 0.699, 0.008), (0.650, 0.005, 0.414))])
def test_the_measured_starts_point_down_at_their_positions(joints, position):
    found, rotation = kinematics.forward(joints)
    np.testing.assert_allclose(found[0], position, atol=5e-3)   # the joints are rounded to 1 mrad
    assert np.linalg.norm(kinematics.tilt(rotation)) < 0.03
    assert 8 < kinematics.condition_number(joints)[0] < 12


def test_a_row_does_not_depend_on_the_others():
    joints = draw_joints(20)
    position, rotation = kinematics.forward(joints)
    for row in range(20):
        alone = kinematics.forward(joints[row])
        assert (alone[0][0] == position[row]).all() and (alone[1][0] == rotation[row]).all()


def test_the_rotation_vector_of_one_is_that_of_its_row_in_a_batch():
    quaternions = np.random.default_rng(3).normal(size=(200, 4))
    quaternions[:50, 0] *= 1e-5                    # about half a turn
    quaternions[50:100, 1:] *= 1e-5                # hardly turned
    quaternions[100] = (1.0, 0.0, 0.0, 0.0)
    rotations = kinematics.rotations(quaternions)
    vectors = kinematics.rotation_vector(rotations)
    for row, rotation in enumerate(rotations):
        assert (kinematics.rotation_vector(rotation[None])[0] == vectors[row]).all()


def test_a_lifted_torso_lifts_all_joints_of_the_chain():
    joints, torso = draw_joints(3), np.array([0.1, 0.0, 0.3])
    down, lifted = kinematics.chain(joints), kinematics.chain(joints, torso)
    np.testing.assert_array_equal(lifted.origins, down.origins + torso[:, None, None] * (0.0, 0.0, 1.0))
    for row in range(3):
        alone = kinematics.chain(joints[row], torso[row])
        assert (alone.origins[0] == lifted.origins[row]).all() and (alone.axes[0] == lifted.axes[row]).all()


def test_a_singular_arm_has_an_infinite_condition_number():
    assert kinematics.condition_number(np.zeros(7))[0] > 1e12


def test_least_squares_gives_the_twist_and_the_least_motion():
    joints = draw_joints(50)[:, :] * 0.3 + kinematics.START
    jacobians, twist = kinematics.jacobian(joints), np.random.default_rng(2).normal(size=(50, 6))
    velocity = kinematics.solve(jacobians, twist)
    np.testing.assert_allclose((jacobians @ velocity[:, :, None])[:, :, 0], twist, atol=1e-8)
    np.testing.assert_allclose(velocity, (np.linalg.pinv(jacobians) @ twist[:, :, None])[:, :, 0], atol=1e-6)


def test_damping_bounds_the_motion_at_a_singularity():
    jacobians = kinematics.jacobian(np.zeros((3, 7)))
    velocity = kinematics.solve(jacobians, np.eye(6)[:3], damping=0.1)
    assert np.isfinite(velocity).all() and np.linalg.norm(velocity, axis=1).max() <= 1 / (2 * 0.1)


inside = strategies.tuples(strategies.floats(0.58, 0.76), strategies.floats(-0.20, 0.20), strategies.floats(0.40, 0.60))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(inside, strategies.floats(0, 0.1))
def test_inverse_kinematics_comes_back_to_the_position_pointing_down(position, torso):
    wanted = np.add(position, (0, 0, torso))
    found = kinematics.inverse(wanted, torso)
    assert found.success[0]
    assert kinematics.within_limits(found.joints)[0]
    back, rotation = kinematics.forward(found.joints, torso)
    assert np.linalg.norm(back - wanted) < 1e-6 and np.linalg.norm(rotation - kinematics.DOWN) < 3e-6


def test_what_is_out_of_reach_is_said_to_be():
    found = kinematics.inverse([[2.0, 0, 0.5], [0.65, 0, 0.5], [0.65, 0, 3.0]])
    assert found.success.tolist() == [False, True, False]
    assert found.distance[0] > 0.5 and kinematics.within_limits(found.joints).all()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(strategies.lists(strategies.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.05),
       strategies.floats(0, np.pi))
def test_a_rotation_vector_is_axis_times_angle(axis, angle):
    axis = np.array(axis) / np.linalg.norm(axis)
    matrix = axangle2mat(axis, angle)
    vector = kinematics.rotation_vector(matrix[None])[0]
    length = np.linalg.norm(vector)
    assert length == pytest.approx(angle, abs=1e-6)
    if length > 0:
        np.testing.assert_allclose(axangle2mat(vector, length), matrix, atol=1e-5)


def test_world_and_base_are_inverse_and_agree_with_mujoco(robot):
    torso, position = np.array([0.0, 0.2]), np.array([[0.6, 0.1, 0.5], [0.7, 0.0, 0.7]])
    world = kinematics.base_to_world(position, torso)
    np.testing.assert_allclose(kinematics.world_to_base(world, torso), position, atol=1e-12)
    site = place(robot, kinematics.START, 0.00126)      # where the torso of the MJCF stands
    for torso in (0.0, 0.15):                           # whatever the robot's does
        found = kinematics.base_to_world(kinematics.forward(kinematics.START, torso)[0][0], torso)
        np.testing.assert_allclose(found, site.xpos, atol=2e-4)


@pytest.mark.parametrize('call, words', [
    (lambda: kinematics.chain(np.zeros(6)), r'joints: shape \(1, 6\) came, \(N, 7\)'),
    (lambda: kinematics.inverse([np.nan, 0, 0]), 'finite'), (lambda: kinematics.inverse([0.0, 0]), 'position')])
def test_wrong_sizes_are_refused_with_both(call, words):
    with pytest.raises(ValueError, match=words):
        call()
