"""Fetch's own Cartesian twist controller, for N arms: twists in, positions and velocities of the joints out."""
import numpy as np

from hac_ros import kinematics

SPEED = 0.5            # [rad/s] of any joint; robot_controllers, cartesian_twist.cpp
ACCELERATION = 1.0     # [rad/s^2] of any joint; same
# Fetch's is 0. This takes 2 % off the worst direction at condition number 30, and keeps singular poses finite.
DAMPING = 0.01
PERIOD = 0.01          # [s] a tick
UNSOLVED = 1.0         # [rad/s] stands for a joint velocity that is not finite; robot_controllers, cartesian_twist.cpp


class TwistController:
    """position (N, 7) [rad] and velocity (N, 7) [rad/s]: where the joints should be; not where they are.

    Source: robot_controllers' CartesianTwistController: least squares at its own target (open loop), all joints scaled
    together so that none exceeds SPEED, velocities changed together so that none exceeds ACCELERATION, positions
    kept within their limits. Departure: Fetch clamps a joint that reaches its limit and so breaks its own limit of
    acceleration; here the arm brakes before.
    """

    def __init__(self, arms: int):
        self.position, self.velocity = np.zeros((arms, 7)), np.zeros((arms, 7))

    def start(self, arm: int, joints: np.ndarray) -> None:
        """Take ``joints`` (7,) [rad] as the target of ``arm``, at rest."""
        self.position[arm], self.velocity[arm] = joints, 0.0

    def tick(self, twist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Advance by PERIOD under ``twist`` (N, 6) of wrist_roll_link in base_link; return the newest both.

        Within the tick the velocity changes evenly.
        """
        jacobians = kinematics.chain(self.position).jacobian(kinematics.WRIST)
        solved = kinematics.solve(jacobians, twist, DAMPING)
        wanted = limited(np.where(np.isfinite(solved), solved, UNSOLVED), SPEED)
        wanted = wanted * self._braking(wanted)
        velocity = self.velocity + limited(wanted - self.velocity, ACCELERATION * PERIOD)
        unsafe = ~self._can_stop(velocity)
        if unsafe.any():
            velocity[unsafe] = (self.velocity - limited(self.velocity, ACCELERATION * PERIOD))[unsafe]
        moved = self.position + (self.velocity + velocity) * (PERIOD / 2)
        self.position = np.clip(moved, kinematics.LOWER, kinematics.UPPER)
        self.velocity = velocity
        return self.position, self.velocity

    def _braking(self, wanted: np.ndarray) -> np.ndarray:
        """Return the share (N, 1) of ``wanted`` from which all joints, braking together, stop before their limits."""
        room = np.where(wanted > 0, kinematics.UPPER - self.position, self.position - kinematics.LOWER)
        need = np.abs(wanted) * np.abs(wanted).max(axis=1, keepdims=True) / (2 * ACCELERATION)
        share = np.sqrt(np.maximum(room, 0.0) / np.maximum(need, 1e-12))
        return np.minimum(1.0, share.min(axis=1, keepdims=True))

    def _can_stop(self, velocity: np.ndarray) -> np.ndarray:
        """Return which arms (N,) still stop before their limits, if they take ``velocity`` and then only brake.

        A tick is added: the last one brakes only as much as is left. So if it holds once, it does for good.
        """
        braking = np.abs(velocity).max(axis=1, keepdims=True) / ACCELERATION + PERIOD
        rest = self.position + (self.velocity + velocity) * (PERIOD / 2) + velocity * (braking / 2)
        return ((rest >= kinematics.LOWER) & (rest <= kinematics.UPPER)).all(axis=1)


def limited(values: np.ndarray, most: float) -> np.ndarray:
    """Return rows (N, 7) scaled down, each as a whole, so that no value exceeds ``most``."""
    largest = np.abs(values).max(axis=1, keepdims=True)
    return values * np.minimum(1.0, most / np.maximum(largest, 1e-300))
