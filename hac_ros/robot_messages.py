"""The only conversion between a robot's messages and arrays: joint states, twists, poses, trajectories, transforms.

``to_*`` raise ValueError for a message of the wrong size: callers drop it whole. Quaternions are w first.
"""
import math
from array import array

import numpy as np

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseStamped, Quaternion, TransformStamped, TwistStamped, Vector3
from hac_ros import kinematics
from hac_ros.simulation.joint_trajectory import JointTrajectory
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory as TrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint


def _doubles(values) -> array:
    return array('d', np.asarray(values, dtype=np.float64).tobytes())


# Joint states

def from_joints(names, values: np.ndarray, stamp: Time) -> JointState:
    """Return the message of ``values`` (J, 3): position, velocity, effort of each joint."""
    position, velocity, effort = (_doubles(column) for column in values.T)
    return JointState(header=Header(stamp=stamp), name=list(names), position=position, velocity=velocity, effort=effort)


def to_joints(message: JointState) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names, positions (J,) and velocities (J,); a message without velocities has zeros."""
    names, position, velocity = message.name, np.array(message.position), np.array(message.velocity)
    if len(velocity) == 0:
        velocity = np.zeros(len(names))
    if not len(names) == len(position) == len(velocity):
        raise ValueError(f'joint_states: {len(names)} names, {len(position)} positions and {len(velocity)} velocities '
                         'came, as many of each are wanted')
    return names, position, velocity


# Twists and poses

def from_twist(twist: np.ndarray, stamp: Time, frame: str = kinematics.FRAME) -> TwistStamped:
    """Return the message of ``twist`` (6,): linear [m/s], angular [rad/s]."""
    message = TwistStamped(header=Header(stamp=stamp, frame_id=frame))
    x, y, z, roll, pitch, yaw = map(float, twist)
    message.twist.linear, message.twist.angular = Vector3(x=x, y=y, z=z), Vector3(x=roll, y=pitch, z=yaw)
    return message


def to_twist(message: TwistStamped) -> np.ndarray:
    """Return the twist (6,), whatever its values are."""
    linear, angular = message.twist.linear, message.twist.angular
    return np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])


def from_pose(position, quaternion, stamp: Time, frame: str = kinematics.FRAME) -> PoseStamped:
    """Return the message of ``position`` (3,) [m] and ``quaternion`` (4,)."""
    message = PoseStamped(header=Header(stamp=stamp, frame_id=frame))
    message.pose.position, message.pose.orientation = _point(position), _quaternion(quaternion)
    return message


def to_pose(message: PoseStamped) -> tuple[np.ndarray, np.ndarray]:
    """Return position (3,) [m] and quaternion (4,) of length 1.

    Raises ValueError for values that are not finite and for a quaternion of length 0.
    """
    place, turn = message.pose.position, message.pose.orientation
    position = np.array([place.x, place.y, place.z])
    quaternion = np.array([turn.w, turn.x, turn.y, turn.z])
    length = np.linalg.norm(quaternion)
    if not (np.isfinite(position).all() and np.isfinite(length) and length > 1e-6):
        raise ValueError(f'pose: position {position}, quaternion {quaternion} (w first) came, finite ones are wanted')
    return position, quaternion / length


def _point(values) -> Point:
    x, y, z = map(float, values)
    return Point(x=x, y=y, z=z)


def _quaternion(values) -> Quaternion:
    w, x, y, z = map(float, values)
    return Quaternion(w=w, x=x, y=y, z=z)


# Trajectories

def from_trajectory(trajectory: JointTrajectory) -> TrajectoryMessage:
    """Return the message of ``trajectory``, to begin at once."""
    speeds = [None] * len(trajectory.times) if trajectory.velocities is None else trajectory.velocities
    points = [JointTrajectoryPoint(positions=_doubles(place), velocities=array('d') if speed is None else _doubles(speed),
                                   time_from_start=to_duration(time))
              for time, place, speed in zip(trajectory.times, trajectory.positions, speeds)]
    return TrajectoryMessage(joint_names=list(trajectory.names), points=points)


def to_trajectory(message: TrajectoryMessage) -> JointTrajectory:
    """Return the trajectory; raises ValueError for points of unequal sizes."""
    places = [len(point.positions) for point in message.points]
    speeds = [len(point.velocities) for point in message.points]
    if len(set(places)) > 1 or len(set(speeds)) > 1:
        raise ValueError(f'trajectory: points of {places} positions and {speeds} velocities came, equal ones are wanted')
    shape = len(places), -1
    with_speeds = any(speeds)
    return JointTrajectory(
        tuple(message.joint_names), np.array([from_duration(point.time_from_start) for point in message.points]),
        np.array([point.positions for point in message.points]).reshape(shape) if any(places) else np.zeros((0, 0)),
        np.array([point.velocities for point in message.points]).reshape(shape) if with_speeds else None)


def to_duration(seconds: float) -> Duration:
    """Return a Duration message of ``seconds`` [s]."""
    whole = math.floor(seconds)
    return Duration(sec=whole, nanosec=min(round((seconds - whole) * 1e9), 10**9 - 1))


def from_duration(duration: Duration) -> float:
    """Return the seconds [s] of a Duration message."""
    return duration.sec + duration.nanosec * 1e-9


# Transforms

def from_links(links: dict[str, tuple[str, np.ndarray, np.ndarray]], stamp: Time) -> TFMessage:
    """Return the message of ``links``: child frame -> parent frame, position (3,) [m] and quaternion (4,) in it."""
    return TFMessage(transforms=[_transform(child, *place, stamp) for child, place in links.items()])


def _transform(child: str, parent: str, position, quaternion, stamp: Time) -> TransformStamped:
    message = TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child)
    x, y, z = map(float, position)
    message.transform.translation, message.transform.rotation = Vector3(x=x, y=y, z=z), _quaternion(quaternion)
    return message
