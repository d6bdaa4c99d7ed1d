"""From the policy's command to what Fetch's controllers take: a twist of the wrist, and goals of the gripper.

The bridge to the robot and the simulation in control mode ``fetch`` share this. N arms at once.
"""
import numpy as np

from hac_ros import kinematics, spaces
from hac_ros.config import FetchConfig

OPENING, CLOSING, HOLDING = 1, -1, 0


def twist(command: np.ndarray, rotation: np.ndarray, config: FetchConfig) -> np.ndarray:
    """Return the twist (N, 6) of the grip in base_link: [m/s], then [rad/s] that turn it to point down.

    ``command`` (N, 4) in -1 .. 1, ``rotation`` (N, 3, 3) as measured.
    """
    turn = kinematics.tilt(rotation) * config.tilt_gain
    speed = kinematics.lengths(turn)[:, None]
    turn = turn * np.minimum(1.0, config.turn_speed / np.maximum(speed, 1e-9))
    return np.concatenate([command[:, :3].clip(-1.0, 1.0) * config.speed, turn], axis=1)


def at_wrist(twist_grip: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return the twist (N, 6) that wrist_roll_link has when the grip, 0.186 m ahead, has ``twist_grip``."""
    linear = twist_grip[:, :3] - kinematics.cross(twist_grip[:, 3:], rotation[:, :, 0] * kinematics.GRIP)
    return np.concatenate([linear, twist_grip[:, 3:]], axis=1)


class GripperGoals:
    """When to send the gripper which goal: fully open, closed, or stay; only where the wish changes.

    A command of more than ``gripper_band`` opens, of less than minus that closes; under half of it the gripper stays
    where it is. In between it goes on with what it does: goals are never sent one a period.
    """

    def __init__(self, arms: int, config: FetchConfig):
        self.band = config.gripper_band
        self.state = np.zeros(arms, dtype=int)
        self.goal = np.zeros(arms)             # [m] total opening that was sent last; NaN: it was lost

    def start(self, arm: int, opening: float) -> None:
        """Begin an episode with the gripper of ``arm`` resting at ``opening`` [m]."""
        self.state[arm], self.goal[arm] = HOLDING, opening

    def lose(self, arm: int) -> None:
        """Note that the gripper of ``arm`` does not follow its goal: the next command sends one, though the wish is the same."""
        self.goal[arm] = np.nan

    def update(self, command: np.ndarray, opening: np.ndarray) -> np.ndarray:
        """Return which arms (N,) need a new goal sent, for commands (N,) in -1 .. 1 and openings (N,) [m].

        The goals are in ``goal`` then.
        """
        strength = np.abs(command)
        wish = np.where(strength > self.band, np.sign(command).astype(int), self.state)
        against = (command * self.state < 0) & (wish == self.state)
        wish = np.where((strength < self.band / 2) | against, HOLDING, wish)
        changed = (wish != self.state) | np.isnan(self.goal)
        goals = np.where(wish == OPENING, spaces.OPENING_MAX, np.where(wish == CLOSING, 0.0, opening))
        self.goal, self.state = np.where(changed, goals, self.goal), wish
        return changed
