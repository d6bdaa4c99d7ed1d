"""What safety looks at and decides on: the robot's state and a command to it. One arm, SI units, base_link."""
from dataclasses import dataclass

import numpy as np

from hac_ros import kinematics
from hac_ros.safety.status import Status


@dataclass(frozen=True)
class RobotState:
    """The newest that is known of the robot. Stamps [s] are of the clock that ``Guarded.filter`` is given."""

    joints: np.ndarray                   # (7,) [rad] in the order of kinematics.JOINTS
    fingers: np.ndarray                  # (2,) [m]
    joints_stamp: float
    torso: float = 0.0                   # [m]
    object_stamp: float | None = None    # of the object's newest pose; None: never seen
    held: bool = False                   # the dead-man button
    held_stamp: float | None = None


@dataclass(frozen=True)
class Command:
    """Velocity of the grip and opening of the gripper that are wanted, or allowed."""

    twist: np.ndarray                    # (6,) [m/s] linear, [rad/s] angular, of the grip
    opening: float | None                # [m] between the fingers; None: leave the gripper as it is
    stamp: float
    frame: str = kinematics.FRAME


@dataclass(frozen=True)
class Verdict:
    """What became of a command."""

    statuses: tuple[Status, ...]         # all that applied, the gravest first; empty: it passed unchanged
    holding: bool                        # the output is zero and stays so: hold the arm where it is
