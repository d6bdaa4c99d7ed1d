"""How a Fetch's controllers answer their topics: what an emulator offers, without ROS and without a clock of its own.

Source: robot_controllers (ROS 1 and ros2 branch, 0.9.3), ``cartesian_twist.cpp``, ``controller_manager`` and
``parallel_gripper.cpp``, as listed in the project's facts on Fetch's interfaces. One robot; times [s] are the caller's.
"""
from dataclasses import dataclass

import numpy as np

from hac_ros import kinematics, spaces

TWIST_TIMEOUT = 0.5             # [s] after receipt; the stamp is not looked at
TIP_FRAME = 'end_effector_frame'
REACHED = 0.002                 # [m] of the gripper's total opening
STALL_MOTION, STALL_TIME = 0.005, 2.0   # [m], [s]
TWIST, TRAJECTORY, NOTHING = 'cartesian_twist', 'follow_joint_trajectory', 'none'


class ArmArbiter:
    """Which controller moves the arm, and with which twist.

    active: TWIST, TRAJECTORY or NOTHING, in which case the arm floats on gravity compensation: no ramp, no hold.
    """

    def __init__(self):
        self.active, self.twist, self.frame, self.received = NOTHING, np.zeros(6), '', -np.inf
        self.following = False          # a trajectory goal is active; it holds its last point after success
        self.runstopped = False

    def command(self, now: float, frame: str, twist: np.ndarray) -> bool:
        """Take a twist (6,) [m/s, rad/s]; return whether the twist controller runs now.

        An axis that is NaN counts as 0, the others run. An empty ``frame`` stops at once. A goal that is being followed
        blocks; one that has succeeded, and holds, gives way. Raises ValueError for another size.
        """
        twist = np.array(twist, dtype=np.float64)
        if twist.shape != (6,):
            raise ValueError(f'twist: shape {twist.shape} came, (6,) is wanted')
        if not frame:
            self.active = NOTHING if self.active == TWIST else self.active
            return False
        if self.following or self.runstopped:
            return False
        self.active, self.frame, self.received = TWIST, frame, now
        self.twist = np.where(np.isnan(twist), 0.0, twist)
        return True

    def accept_goal(self) -> bool:
        """A trajectory goal has come: it takes over from twists and older goals. Return whether it is accepted."""
        if self.runstopped:
            return False
        self.active, self.following = TRAJECTORY, True
        return True

    def finish_goal(self) -> None:
        """The goal has succeeded: its last point is held until something else takes over."""
        self.following = False

    def runstop(self, pressed: bool) -> None:
        """The run-stop takes the power from all controllers; releasing it starts none of them again."""
        self.runstopped = pressed
        if pressed:
            self.active, self.following = NOTHING, False

    def twist_now(self, now: float, rotation: np.ndarray) -> np.ndarray | None:
        """Return the twist (6,) of the wrist in base_link that runs at ``now``; None where the controller does not.

        ``rotation`` (3, 3): of the tip, for twists in its axes. Any frame but that counts as base_link: no transform
        is looked up.
        """
        if self.active == TWIST and now - self.received > TWIST_TIMEOUT:
            self.active = NOTHING
        if self.active != TWIST:
            return None
        if self.frame == TIP_FRAME:
            return np.concatenate([rotation @ self.twist[:3], rotation @ self.twist[3:]])
        return self.twist.copy()


@dataclass(frozen=True)
class GripperResult:
    """How a gripper goal stands or ended; fields as in control_msgs/GripperCommand."""

    position: float        # [m] total opening
    stalled: bool
    reached_goal: bool

    @property
    def done(self) -> bool:
        """Whether the goal has ended; both ways count as success."""
        return self.stalled or self.reached_goal


class GripperAction:
    """A goal of the gripper: reached within 2 mm, or stalled when it has moved under 5 mm in 2 s.

    effort [N]: the most that a finger may push; -1 takes the power off, as the real driver does. result: how it stands.
    ended: why it was ended from outside; empty while that has not happened.
    """

    def __init__(self, now: float, opening: float, position: float, max_effort: float = 0.0):
        """``position`` [m]: the goal's total opening, kept within the gripper's. Raises ValueError if not finite."""
        if not np.isfinite(position) or not np.isfinite(max_effort):
            raise ValueError(f'gripper goal {position} m, {max_effort} N came, finite values are wanted')
        self.position = float(np.clip(position, 0.0, spaces.OPENING_MAX))
        self.powered = max_effort >= 0.0
        self.effort = min(max_effort or kinematics.FINGER_EFFORT, kinematics.FINGER_EFFORT) if self.powered else 0.0
        self.moved_at, self.moved_from = now, opening
        self.ended, self.result = '', GripperResult(opening, False, False)

    @property
    def running(self) -> bool:
        """Whether it is neither done nor ended."""
        return not (self.ended or self.result.done)

    def update(self, now: float, opening: float) -> GripperResult:
        """Return how the goal stands with the gripper at ``opening`` [m]."""
        if abs(opening - self.moved_from) >= STALL_MOTION:
            self.moved_at, self.moved_from = now, opening
        reached = abs(opening - self.position) <= REACHED
        self.result = GripperResult(opening, not reached and now - self.moved_at >= STALL_TIME, reached)
        return self.result


ARM_MESSAGE = (kinematics.TORSO_JOINT, 'head_pan_joint', 'head_tilt_joint', *kinematics.JOINTS)
GRIPPER_MESSAGE = kinematics.FINGER_JOINTS[::-1]     # left, then right


def joint_messages(values: dict[str, tuple[float, float, float]]) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Return the partial messages in which a robot tells its joints: (names, (J, 3) position, velocity, effort) each.

    ``values``: joint -> position, velocity, effort. Arm, torso and head come in one message, the fingers in another:
    who reads them must merge by name.
    """
    return [(names, np.array([values[name] for name in names])) for names in (ARM_MESSAGE, GRIPPER_MESSAGE)]


class JointStates:
    """Joint states merged by name from partial messages, each joint with the time of its newest value."""

    def __init__(self):
        self.position: dict[str, float] = {}
        self.velocity: dict[str, float] = {}
        self.stamp: dict[str, float] = {}

    def merge(self, stamp: float, names, positions, velocities) -> bool:
        """Take one message; return whether it was taken. One of unequal lengths or with NaN changes nothing."""
        if not len(names) == len(positions) == len(velocities):
            return False
        if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
            return False
        for name, position, velocity in zip(names, positions, velocities):
            if stamp >= self.stamp.get(name, -np.inf):
                self.position[name], self.velocity[name], self.stamp[name] = float(position), float(velocity), stamp
        return True

    def arm(self) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Return positions (9,), velocities (9,) of arm, right and left finger, and the oldest of their stamps.

        None while a joint has never been told.
        """
        names = (*kinematics.JOINTS, *kinematics.FINGER_JOINTS)
        if any(name not in self.stamp for name in names):
            return None
        return (np.array([self.position[name] for name in names]), np.array([self.velocity[name] for name in names]),
                min(self.stamp[name] for name in names))
