"""Where the gripper's box is, and how fast it may go there."""
import itertools

import numpy as np

from hac_ros import kinematics
from hac_ros.config import SafetyConfig
from hac_ros.safety.motion import speed_before

# The box about palm and fingers in gripper_link, fully opened, with 5 mm all round: FetchEnv's finger boxes, 38.5 mm
# before and behind, 13.5 mm to each side, 65.9 + 15 mm out; the palm reaches 120 mm back to the wrist.
BOX_LOW = np.array([-0.125, -0.086, -0.060])
BOX_HIGH = np.array([0.0435, 0.086, 0.060])
CORNERS = np.array(list(itertools.product(*zip(BOX_LOW, BOX_HIGH))))


def lowest_point(position_grip: np.ndarray, rotation: np.ndarray) -> float:
    """Return the height [m] of the lowest corner of the gripper's box, for one grip (3,) and rotation (3, 3)."""
    link = position_grip - rotation[:, 0] * (kinematics.GRIP - kinematics.GRIPPER_LINK)
    return float((link[2] + CORNERS @ rotation[2]).min())


def keep_inside(velocity, position, config: SafetyConfig, braking: float, delay: float) -> np.ndarray:
    """Return the velocity (3,), slowed in each direction in which the workspace's border is near.

    At the border, and outside of it, no velocity leads further out.
    """
    ahead = np.where(velocity > 0, np.array(config.workspace_high) - position, position - config.workspace_low)
    allowed = [speed_before(distance, braking, delay) for distance in ahead]
    return np.clip(velocity, -np.array(allowed), allowed)


def outside(position, config: SafetyConfig) -> float:
    """Return how far [m] ``position`` (3,) is outside of the workspace; 0 within it."""
    low, high = np.array(config.workspace_low), np.array(config.workspace_high)
    return float(np.maximum(np.maximum(low - position, position - high), 0.0).max())


def comes_back(velocity, position, config: SafetyConfig) -> bool:
    """Return whether ``velocity`` leads towards the workspace in every direction in which it was left."""
    low, high = np.array(config.workspace_low), np.array(config.workspace_high)
    return bool((velocity[position < low] > 0).all() and (velocity[position > high] < 0).all())
