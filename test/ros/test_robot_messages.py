"""A robot's messages come back from their conversions as they were; what does not fit is refused."""
import numpy as np
import pytest

from builtin_interfaces.msg import Time
from hac_ros import kinematics, robot_messages
from hac_ros.simulation.joint_trajectory import JointTrajectory

STAMP, RNG = Time(sec=3, nanosec=7), np.random.default_rng(0)


def test_joint_states_come_back():
    values = RNG.normal(size=(7, 3))
    message = robot_messages.from_joints(kinematics.JOINTS, values, STAMP)
    names, position, velocity = robot_messages.to_joints(message)
    assert tuple(names) == kinematics.JOINTS and message.header.stamp == STAMP
    assert (np.stack([position, velocity, message.effort], axis=1) == values).all()


def test_joint_states_without_velocities_rest_and_unequal_ones_are_refused():
    message = robot_messages.from_joints(kinematics.JOINTS, np.ones((7, 3)), STAMP)
    message.velocity = []
    assert not robot_messages.to_joints(message)[2].any()
    message.position = [1.0]
    with pytest.raises(ValueError, match='7 names, 1 positions and 7 velocities came'):
        robot_messages.to_joints(message)


def test_a_twist_comes_back_with_whatever_it_holds():
    twist = np.array([0.1, np.nan, -0.3, 0.4, np.inf, 0.6])
    message = robot_messages.from_twist(twist, STAMP)
    np.testing.assert_equal(robot_messages.to_twist(message), twist)
    assert message.header.frame_id == 'base_link'


def test_a_pose_comes_back_with_a_quaternion_of_length_one():
    position, quaternion = robot_messages.to_pose(robot_messages.from_pose([1, 2, 3], [2, 0, 2, 0], STAMP))
    assert position.tolist() == [1, 2, 3]
    np.testing.assert_allclose(quaternion, [0.5**0.5, 0, 0.5**0.5, 0])


@pytest.mark.parametrize('position, quaternion', [([np.nan, 0, 0], [1, 0, 0, 0]), ([0, 0, 0], [0, 0, 0, 0]),
                                                  ([0, 0, 0], [np.inf, 0, 0, 0])])
def test_a_pose_that_is_none_is_refused(position, quaternion):
    with pytest.raises(ValueError, match='finite ones are wanted'):
        robot_messages.to_pose(robot_messages.from_pose(position, quaternion, STAMP))


@pytest.mark.parametrize('speeds', [None, RNG.normal(size=(3, 7))])
def test_a_trajectory_comes_back(speeds):
    sent = JointTrajectory(kinematics.JOINTS, np.array([0.25, 1.0, 2.999999999]), RNG.normal(size=(3, 7)), speeds)
    came = robot_messages.to_trajectory(robot_messages.from_trajectory(sent))
    assert came.names == sent.names and (came.positions == sent.positions).all()
    np.testing.assert_allclose(came.times, sent.times, atol=1e-9)
    assert speeds is None and came.velocities is None or (came.velocities == speeds).all()


def test_a_trajectory_of_unequal_points_is_refused_and_one_without_points_is_empty():
    message = robot_messages.from_trajectory(JointTrajectory(kinematics.JOINTS, np.array([1.0, 2.0]), np.zeros((2, 7))))
    message.points[1].positions = [0.0]
    with pytest.raises(ValueError, match=r'\[7, 1\] positions'):
        robot_messages.to_trajectory(message)
    message.points = []
    assert len(robot_messages.to_trajectory(message).times) == 0


def test_links_are_told_in_their_parents():
    transform, = robot_messages.from_links({'child': ('parent', np.arange(3), np.array([1, 0, 0, 0]))}, STAMP).transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ('parent', 'child')
    assert (transform.transform.translation.y, transform.transform.rotation.w) == (1.0, 1.0)
