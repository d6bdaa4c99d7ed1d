"""Fetch's arm: where the gripper is, how joints move it, and which joints reach a pose. N arms at once.

Positions [m] in ``base_link`` (on the floor below the robot, x forward, z up), joints [rad] in the order of
``JOINTS``, the torso as a number [m]. All rows of a batch are computed alike: a row does not depend on the others.

Source: fetch_description/robots/fetch.urdf of ZebraDevs/fetch_ros. The MJCF of gymnasium-robotics rounds the same
figures to 0.1 mm.
"""
import functools
import math
from dataclasses import dataclass

import numpy as np
from transforms3d.quaternions import quat2mat

JOINTS = ('shoulder_pan_joint', 'shoulder_lift_joint', 'upperarm_roll_joint', 'elbow_flex_joint',
          'forearm_roll_joint', 'wrist_flex_joint', 'wrist_roll_joint')
TORSO_JOINT = 'torso_lift_joint'
FINGER_JOINTS = ('r_gripper_finger_joint', 'l_gripper_finger_joint')   # in the observation's order
FRAME = 'base_link'

# The chain: each joint's origin [m] in its parent link, and its axis as a column of the link's rotation.
TORSO_ORIGIN = np.array([-0.086875, 0.0, 0.37743])
ORIGINS = np.array([[0.119525, 0.0, 0.34858], [0.117, 0.0, 0.06], [0.219, 0.0, 0.0], [0.133, 0.0, 0.0],
                    [0.197, 0.0, 0.0], [0.1245, 0.0, 0.0], [0.1385, 0.0, 0.0]])
AXES = (2, 1, 0, 1, 0, 1, 0)   # z, y, x, ...
_INDEX, _AXIS = np.arange(len(AXES)), np.array(AXES)
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])
_ALONG_X, _ALONG_Z = ORIGINS[:, 0, None, None], ORIGINS[:, 2, None, None]   # no origin has a y
_EYE3, _EYE6 = np.eye(3), np.eye(6)
# A joint's rotation is _FIXED + cosine * _TURNED + sine * _CROSSED, each (7, 1, 3, 3): Rodrigues' formula.
_FIXED = (_EYE3[_AXIS][:, :, None] * _EYE3[_AXIS][:, None])[:, None]
_TURNED = _EYE3 - _FIXED
_CROSSED = np.array([np.cross(_EYE3[axis], _EYE3).T for axis in AXES])[:, None]

# Points on the wrist's axis, as distance [m] from the origin of wrist_roll_link
WRIST = 0.0                    # the tip of Fetch's Cartesian twist controller
GRIPPER_LINK = 0.16645
GRIP = GRIPPER_LINK + 0.02     # between the finger tips: FetchEnv's site, what observations call the gripper

# Limits of the joints; a continuous joint has none on its position.
LOWER = np.array([-1.6056, -1.221, -np.inf, -2.251, -np.inf, -2.16, -np.inf])   # [rad]
UPPER = np.array([1.6056, 1.518, np.inf, 2.251, np.inf, 2.16, np.inf])          # [rad]
VELOCITY = np.array([1.256, 1.454, 1.571, 1.521, 1.571, 2.268, 2.268])          # [rad/s]
EFFORT = np.array([33.82, 131.76, 76.94, 66.18, 29.35, 25.7, 7.36])             # [N m]
TORSO_RANGE = (0.0, 0.38615)   # [m]
FINGER_RANGE = (0.0, 0.05)     # [m] each
FINGER_VELOCITY = 0.05         # [m/s] each
FINGER_EFFORT = 60.0           # [N] each

DOWN = quat2mat((1.0, 0.0, 1.0, 0.0))    # the gripper points down: R_y(90 degrees), FetchEnv's orientation
# Pointing down above the table's middle, as FetchPickAndPlace starts (measured): a good seed for inverse kinematics
START = np.array([0.010, -0.826, -0.004, 1.444, 0.003, 0.953, 0.006])

# FetchEnv's world and base_link are parallel. The MJCF's torso stands 1.26 mm high, whatever the robot's does.
WORLD_OFFSET = np.array([0.6919, 0.7441, 0.00126])   # [m] of base_link in the world of Reach, Push and PickAndPlace
SLIDE_OFFSET = np.array([0.3369, 0.7441, 0.00126])   # [m] of base_link in the world of Slide


@dataclass(frozen=True)
class Chain:
    """N arms with their joints at given angles, in base_link."""

    origins: np.ndarray    # (N, 7, 3) [m] of the joints
    axes: np.ndarray       # (N, 7, 3) unit vectors
    rotation: np.ndarray   # (N, 3, 3) of wrist, gripper link and grip alike

    def point(self, along: float = GRIP) -> np.ndarray:
        """Return the point (N, 3) [m] that lies ``along`` [m] on the wrist's axis."""
        return self.origins[:, -1] + self.rotation[:, :, 0] * along

    def jacobian(self, along: float = GRIP) -> np.ndarray:
        """Return the geometric Jacobian (N, 6, 7) of that point: linear [m/rad], then angular [rad/rad]."""
        arms = self.point(along)[:, None] - self.origins
        linear = cross(self.axes, arms)
        return np.concatenate([linear, self.axes], axis=2).transpose(0, 2, 1)


def chain(joints, torso=0.0) -> Chain:
    """Return the chain at ``joints`` (N, 7) or (7,) [rad] and ``torso`` [m], a number or (N,).

    Raises ValueError for another number of joints.
    """
    joints = rows(joints)
    if len(joints) > 1 or np.ndim(torso):
        return _lifted(_chain(joints), torso)
    return _chain_of_one(joints.tobytes(), float(torso))


@functools.lru_cache(maxsize=64)
def _chain_of_one(joints: bytes, torso: float) -> Chain:
    """A robot's driver, senses and safety ask for the same arm several times a control period: nobody may write to it."""
    found = _lifted(_chain_of_one(joints, 0.0), torso) if torso else _chain(np.frombuffer(joints)[None])
    for array in (found.origins, found.axes, found.rotation):
        array.setflags(write=False)
    return found


def _lifted(found: Chain, torso) -> Chain:
    """Return the chain of ``found``, whose torso is down, with the torso at ``torso`` [m]."""
    up = np.zeros((np.size(torso), 1, 3))
    up[:, 0, 2] = torso
    return Chain(found.origins + up, found.axes, found.rotation)


def _chain(joints: np.ndarray) -> Chain:
    """Return the chain with the torso down."""
    before = np.empty((len(AXES) + 1, len(joints), 3, 3))        # rotation of each joint's parent; last, the wrist's
    before[0] = _EYE3
    for index, turn in enumerate(_turns(joints)):
        np.matmul(before[index], turn, out=before[index + 1])
    links = before[:-1]
    offsets = links[..., 0] * _ALONG_X + links[..., 2] * _ALONG_Z
    origins = (TORSO_ORIGIN + np.add.accumulate(offsets)).transpose(1, 0, 2)
    return Chain(origins, links[_INDEX, :, :, _AXIS].transpose(1, 0, 2), before[-1])


def _turns(joints) -> np.ndarray:
    """Return the rotations (7, N, 3, 3) of the joints about their axes."""
    angles = joints.T[:, :, None, None]
    return _FIXED + np.cos(angles) * _TURNED + np.sin(angles) * _CROSSED


def rows(joints) -> np.ndarray:
    """Return joints as (N, 7) float64; raises ValueError for another number of joints."""
    joints = np.asarray(joints, dtype=np.float64)
    joints = joints[None] if joints.ndim == 1 else joints
    if joints.ndim != 2 or joints.shape[1] != len(JOINTS):
        raise ValueError(f'joints: shape {joints.shape} came, (N, {len(JOINTS)}) is wanted')
    return joints


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what np.cross does, without its overhead, which is most of the time of a small batch."""
    return a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT]


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths (N,) of vectors (N, 3): np.linalg.norm without its overhead."""
    return np.sqrt(np.add.reduce(vectors * vectors, axis=1))


def forward(joints, torso=0.0, along: float = GRIP) -> tuple[np.ndarray, np.ndarray]:
    """Return position (N, 3) [m] and rotation (N, 3, 3) of the grip, or of another point on the wrist's axis."""
    found = chain(joints, torso)
    return found.point(along), found.rotation


def jacobian(joints, torso=0.0, along: float = GRIP) -> np.ndarray:
    """Return the geometric Jacobian (N, 6, 7) of the grip: linear [m/rad], then angular."""
    return chain(joints, torso).jacobian(along)


def solve(jacobians: np.ndarray, twist: np.ndarray, damping: float = 0.0) -> np.ndarray:
    """Return joint velocities (N, 7) [rad/s] for twists (N, 6), by damped least squares.

    J^T (J J^T + damping^2 I)^-1 twist: the least of those that give the twist, where damping is 0. At a singularity
    without damping the result is huge or not finite: the caller limits it.
    Source: Buss, "Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and damped least squares".
    """
    square = jacobians @ jacobians.transpose(0, 2, 1) + damping**2 * _EYE6
    try:
        multipliers = np.linalg.solve(square, twist[:, :, None])
    except np.linalg.LinAlgError:      # one exactly singular row refuses the whole batch
        multipliers = np.linalg.pinv(square) @ twist[:, :, None]
    return (jacobians.transpose(0, 2, 1) @ multipliers)[:, :, 0]


def condition_number(joints, along: float = WRIST) -> np.ndarray:
    """Return the condition number (N,) of the Jacobian: 10 at the start, infinite at a singularity.

    By default of the wrist's, the tip of Fetch's own controller.
    """
    values = np.linalg.svd(jacobian(joints, 0.0, along), compute_uv=False)
    with np.errstate(divide='ignore'):
        return values[:, 0] / values[:, -1]


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Return axis times angle [rad], (N, 3), of rotations (N, 3, 3); the angle is 0 to pi."""
    if len(rotation) == 1 and (vector := _turn_of_one(rotation[0])) is not None:
        return vector
    skew = (rotation[:, _LAST, _NEXT] - rotation[:, _NEXT, _LAST]) / 2
    sine = lengths(skew)
    angle = np.arctan2(sine, (rotation[:, 0, 0] + rotation[:, 1, 1] + rotation[:, 2, 2] - 1) / 2)
    vector = skew * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)[:, None]
    turned = (angle > 3.0) & (sine < 1e-3)     # near half a turn the skew part vanishes
    if turned.any():
        vector[turned] = _half_turn(rotation[turned]) * angle[turned, None]
    return vector


def _turn_of_one(rotation: np.ndarray) -> np.ndarray | None:
    """Return ``rotation_vector`` (1, 3) of one rotation (3, 3), None near half a turn.

    The same sums in plain numbers: for one arm numpy's calls take several times as long as what they compute.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    x, y, z = (zy - yz) / 2, (xz - zx) / 2, (yx - xy) / 2
    sine = math.sqrt(x * x + y * y + z * z)
    angle = float(np.arctan2(sine, (xx + yy + zz - 1) / 2))      # not math's, which rounds otherwise
    if angle > 3.0 and sine < 1e-3:
        return None
    scale = angle / sine if sine > 1e-9 else 1.0
    return np.array([[x * scale, y * scale, z * scale]])


def _half_turn(rotation: np.ndarray) -> np.ndarray:
    """Return the axis (N, 3) of rotations by about pi: the greatest column of R + I."""
    columns = rotation + np.eye(3)
    best = np.argmax(np.linalg.norm(columns, axis=1), axis=1)
    axis = columns[np.arange(len(columns)), :, best]
    return axis / np.linalg.norm(axis, axis=1, keepdims=True)


def rotations(quaternions: np.ndarray) -> np.ndarray:
    """Return rotations (N, 3, 3) of quaternions (N, 4), w first, of any length but 0."""
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    return np.array([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
                     2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                     2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]).T.reshape(-1, 3, 3)


def tilt(rotation: np.ndarray, wanted: np.ndarray = DOWN) -> np.ndarray:
    """Return the rotation vector (N, 3) [rad], in base_link, that would turn the gripper to ``wanted``."""
    return rotation_vector(wanted @ rotation.transpose(0, 2, 1))


@dataclass(frozen=True)
class Reached:
    """What inverse kinematics found for N poses."""

    joints: np.ndarray     # (N, 7) [rad], within the limits; the closest that was found where it did not succeed
    success: np.ndarray    # (N,) bool
    distance: np.ndarray   # (N,) [m] left
    angle: np.ndarray      # (N,) [rad] left


def inverse(position, torso=0.0, seed=START, rotation: np.ndarray = DOWN, tolerance: float = 1e-6,
            iterations: int = 200) -> Reached:
    """Return joints that put the grip at ``position`` (N, 3) [m] in base_link, pointing down.

    Damped Newton steps of at most 0.2 rad from ``seed`` (7,) or (N, 7), kept within the joint limits. ``tolerance`` is
    in m and in rad. Raises ValueError for positions that are not finite or not of three values.
    """
    position = _positions(position) + _shift(torso, 0.0)       # as with the torso down
    joints = np.empty((len(position), len(JOINTS)))
    joints[:] = rows(seed)
    error, at = _pose_error(joints, position, rotation)
    for _ in range(iterations):
        greatest = float(np.abs(error).max())
        if greatest < tolerance / 2:
            break
        step = solve(at.jacobian(), error, 1e-3 + 0.05 * min(1.0, greatest))
        step *= np.minimum(1.0, 0.2 / np.maximum(np.abs(step).max(axis=1), 1e-12))[:, None]
        joints = (joints + step).clip(LOWER, UPPER)
        error, at = _pose_error(joints, position, rotation)
    distance, angle = lengths(error[:, :3]), lengths(error[:, 3:])
    return Reached(joints, (distance < tolerance) & (angle < tolerance), distance, angle)


def _positions(position) -> np.ndarray:
    position = np.atleast_2d(np.asarray(position, dtype=np.float64))
    if position.ndim != 2 or position.shape[1] != 3 or not np.isfinite(position).all():
        raise ValueError(f'position: {position!r} came, finite (N, 3) [m] is wanted')
    return position


def _pose_error(joints, position, rotation) -> tuple[np.ndarray, Chain]:
    at = chain(joints)
    return np.concatenate([position - at.point(), tilt(at.rotation, rotation)], axis=1), at


def within_limits(joints, margin: float = 0.0) -> np.ndarray:
    """Return whether all joints (N, 7) keep ``margin`` [rad] from their limits, (N,)."""
    joints = rows(joints)
    return ((joints >= LOWER + margin) & (joints <= UPPER - margin)).all(axis=1)


def base_to_world(position_base, torso=0.0, offset: np.ndarray = WORLD_OFFSET) -> np.ndarray:
    """Return positions (..., 3) [m] of base_link in FetchEnv's world, of a robot whose torso stands at ``torso`` [m].

    The world's table is 0.40 m high: a table of height H wants the torso at about H - 0.399 m.
    """
    return np.asarray(position_base) + _shift(torso, offset)


def world_to_base(position_world, torso=0.0, offset: np.ndarray = WORLD_OFFSET) -> np.ndarray:
    """Return positions (..., 3) [m] of FetchEnv's world in base_link: the inverse of ``base_to_world``."""
    return np.asarray(position_world) - _shift(torso, offset)


def _shift(torso, offset) -> np.ndarray:
    down = np.zeros((*np.shape(torso), 3))
    down[..., 2] = torso
    return offset - down
