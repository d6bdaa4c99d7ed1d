"""What must be there, fresh and finite before anything moves."""
import math

import numpy as np

from hac_ros import kinematics
from hac_ros.config import SafetyConfig
from hac_ros.safety.robot import Command, RobotState
from hac_ros.safety.status import Status


def check_state(now: float, state: RobotState | None, config: SafetyConfig, needs_object: bool) -> list[Status]:
    """Return every reason to stop that lies in the robot's state; none if it may move."""
    if state is None or not well_formed(state):
        return [Status.STATE_MISSING]
    found = []
    if not all(map(math.isfinite, (*state.joints, *state.fingers, state.torso))):
        found.append(Status.STATE_NOT_FINITE)
    if not fresh(now, state.joints_stamp, config.stale_after):
        found.append(Status.JOINTS_STALE)
    if needs_object and not fresh(now, state.object_stamp, config.stale_after):
        found.append(Status.OBJECT_STALE)
    if config.dead_man and not (state.held and fresh(now, state.held_stamp, config.dead_man_timeout)):
        found.append(Status.DEAD_MAN)
    return found


def well_formed(state: RobotState) -> bool:
    """Return whether the state has numbers for seven joints, two fingers and the torso."""
    try:
        return (np.asarray(state.joints, dtype=np.float64).shape == (len(kinematics.JOINTS),)
                and np.asarray(state.fingers, dtype=np.float64).shape == (2,)
                and np.asarray(state.torso, dtype=np.float64).shape == ())
    except (TypeError, ValueError):
        return False


def check_command(now: float, command: Command | None, config: SafetyConfig) -> list[Status]:
    """Return every reason to stop that lies in the command: a command is taken whole, or not at all."""
    if command is None:
        return [Status.COMMAND_MISSING]
    try:
        twist = np.asarray(command.twist, dtype=np.float64)
        opening = 0.0 if command.opening is None else float(command.opening)
    except (TypeError, ValueError):
        return [Status.COMMAND_SIZE]
    if twist.shape != (6,):
        return [Status.COMMAND_SIZE]
    return ([Status.COMMAND_NOT_FINITE] * (not all(map(math.isfinite, (*twist, opening))))
            + [Status.COMMAND_FRAME] * (command.frame != kinematics.FRAME)
            + [Status.COMMAND_STALE] * (not fresh(now, command.stamp, config.stale_after)))


def fresh(now: float, stamp: float | None, limit: float) -> bool:
    """Return whether ``stamp`` is at most ``limit`` [s] from ``now``, before or after."""
    return stamp is not None and bool(abs(now - stamp) <= limit)   # NaN compares false
