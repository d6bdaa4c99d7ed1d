"""From what a robot knows, joint states and the pose of an object, to the observation that policies take.

The bridge to the robot and the simulation in control mode ``fetch`` share this. N arms at once.
"""
import numpy as np

from hac_ros import kinematics


class ObjectTracker:
    """Pose and filtered velocity of N objects, from poses that are noisy, and missing now and then.

    position (N, 3) [m] and rotation (N, 3, 3): as seen last. velocity (N, 3) [m/step] and spin (N, 3) [rad/step]:
    differences of successive poses, smoothed. A pose that follows k missing ones counts as k + 1 steps.
    """

    def __init__(self, objects: int, smoothing: float):
        """``smoothing``: share of a new difference in the velocity; 1: none."""
        self.smoothing = smoothing
        self.position, self.rotation = np.zeros((objects, 3)), np.tile(np.eye(3), (objects, 1, 1))
        self.velocity, self.spin = np.zeros((objects, 3)), np.zeros((objects, 3))
        self.missing = np.zeros(objects)

    def start(self, index: int, position: np.ndarray, rotation: np.ndarray) -> None:
        """Take a first pose of object ``index``: it rests."""
        self.position[index], self.rotation[index] = position, rotation
        self.velocity[index] = self.spin[index] = self.missing[index] = 0.0

    def update(self, position: np.ndarray, rotation: np.ndarray, seen: np.ndarray) -> None:
        """Take the poses of the next step: (N, 3), (N, 3, 3); those that are not ``seen`` (N,) are not looked at."""
        if not seen.any():
            self.missing = self.missing + 1.0
            return
        position = np.where(seen[:, None], position, self.position)
        rotation = np.where(seen[:, None, None], rotation, self.rotation)
        missing = self.missing + 1.0
        steps, share = missing[:, None], self.smoothing * seen[:, None]
        moved = (position - self.position) / steps
        turned = kinematics.rotation_vector(rotation @ self.rotation.transpose(0, 2, 1)) / steps
        self.velocity = self.velocity + share * (moved - self.velocity)
        self.spin = self.spin + share * (turned - self.spin)
        self.position, self.rotation, self.missing = position, rotation, np.where(seen, 0.0, missing)


def gripper(joints: np.ndarray, velocities: np.ndarray, torso=0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position (N, 3) [m], velocity (N, 3) [m/s] of the grip in base_link, and rotation (N, 3, 3).

    ``joints`` (N, 7) [rad] and ``velocities`` (N, 7) [rad/s] as measured; the torso rests.
    """
    at = kinematics.chain(joints, torso)
    linear = at.jacobian()[:, :3] @ velocities[:, :, None]
    return at.point(), linear[:, :, 0], at.rotation


def without_object(position, motion, fingers, finger_motion) -> np.ndarray:
    """Return observations (N, 10). Motions are in m a step."""
    return np.concatenate([position, fingers, motion, finger_motion], axis=1)


def with_object(position, motion, fingers, finger_motion, tracker: ObjectTracker, offset, scale: float) -> np.ndarray:
    """Return observations (N, 25). ``offset`` (3,) [m] takes the tracker's frame to that of ``position``.

    ``scale`` multiplies the object's velocities, as the caller did with the gripper's and the fingers'.
    """
    object_ = tracker.position + offset
    return np.concatenate([position, object_, object_ - position, fingers, euler(tracker.rotation),
                           tracker.velocity * scale - motion, tracker.spin * scale, motion, finger_motion], axis=1)


def euler(rotation: np.ndarray) -> np.ndarray:
    """Return Euler angles [rad], (N, 3), of rotations (N, 3, 3): intrinsic x, y, z, as FetchEnv gives them."""
    cosine = np.hypot(rotation[:, 2, 2], rotation[:, 1, 2])
    return np.array([np.arctan2(-rotation[:, 1, 2], rotation[:, 2, 2]), np.arctan2(rotation[:, 0, 2], cosine),
                     np.arctan2(-rotation[:, 0, 1], rotation[:, 0, 0])]).T
