"""Where the gripper's box is, and how fast it may go there."""
import numpy as np

from hac_ros import kinematics
from hac_ros.config import SafetyConfig
from hac_ros.safety.motion import speed_before

# The box about palm and fingers in gripper_link, fully opened, with 5 mm all round: FetchEnv's finger boxes, 38.5 mm
# before and behind, 13.5 mm to each side, 65.9 + 15 mm out; the palm reaches 120 mm back to the wrist.
BOX_LOW = np.array([-0.125, -0.086, -0.060])
BOX_HIGH = np.array([0.0435, 0.086, 0.060])


def lowest_point(position_grip: np.ndarray, rotation: np.ndarray) -> float:
    """Return the height [m] of the lowest corner of the gripper's box, for one grip (3,) and rotation (3, 3)."""
    link = position_grip - rotation[:, 0] * (kinematics.GRIP - kinematics.GRIPPER_LINK)
    ends = np.minimum(BOX_LOW * rotation[2], BOX_HIGH * rotation[2])      # along each edge one end is the lower
    return float(link[2] + np.add.reduce(ends))


def keep_inside(velocity, position, config: SafetyConfig, braking: float, delay: float) -> np.ndarray:
    """Return the velocity (3,), slowed in each direction in which the workspace's border is near.

    At the border, and outside of it, no velocity leads further out.
    """
    slowed = []
    for speed, place, low, high in zip(velocity.tolist(), position.tolist(), config.workspace_low, config.workspace_high):
        allowed = speed_before(high - place if speed > 0 else place - low, braking, delay)
        slowed.append(min(max(speed, -allowed), allowed))
    return np.array(slowed)


def outside(position, config: SafetyConfig) -> float:
    """Return how far [m] ``position`` (3,) is outside of the workspace; 0 within it."""
    sides = zip(position.tolist(), config.workspace_low, config.workspace_high)
    return max(0.0, *(max(low - place, place - high) for place, low, high in sides))


def comes_back(velocity, position, config: SafetyConfig) -> bool:
    """Return whether ``velocity`` leads towards the workspace in every direction in which it was left."""
    low, high = np.array(config.workspace_low), np.array(config.workspace_high)
    return bool((velocity[position < low] > 0).all() and (velocity[position > high] < 0).all())
