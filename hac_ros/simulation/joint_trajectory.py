"""How a Fetch follows a joint trajectory: sampling, tolerances, and how a goal ends. Without ROS.

Source: robot_controllers' ``follow_joint_trajectory.cpp`` and control_msgs/FollowJointTrajectory.
"""
from dataclasses import dataclass, field

import numpy as np

from hac_ros import kinematics

SUCCESSFUL, INVALID_GOAL, INVALID_JOINTS = 0, -1, -2
PATH_TOLERANCE_VIOLATED, GOAL_TOLERANCE_VIOLATED = -4, -5


@dataclass(frozen=True)
class JointTrajectory:
    """Points of J joints, times from the start of the goal."""

    names: tuple[str, ...]
    times: np.ndarray                # (P,) [s], rising
    positions: np.ndarray            # (P, J) [rad]
    velocities: np.ndarray | None = None   # (P, J) [rad/s]; None: straight lines between the points


@dataclass(frozen=True)
class Tolerances:
    """How far joints may be off [rad], by name; a joint that is not named has no limit."""

    path: dict[str, float] = field(default_factory=dict)
    goal: dict[str, float] = field(default_factory=dict)
    late: float = 0.0                # [s] after the last point, until when the goal's must be met


@dataclass(frozen=True)
class Outcome:
    """How a goal ended: a code of control_msgs/FollowJointTrajectory, and words."""

    code: int
    text: str

    @property
    def succeeded(self) -> bool:
        """Whether the last point was reached."""
        return self.code == SUCCESSFUL


class Following:
    """One goal on its way. ``outcome`` is None while it is; who ends it from outside sets it."""

    def __init__(self, now: float, trajectory: JointTrajectory, start: np.ndarray, tolerances: Tolerances = Tolerances(),
                 speed: np.ndarray = np.zeros(7)):
        """``start`` (7,) [rad], ``speed`` (7,) [rad/s]: where the arm's controller is. What cannot be followed ends here.

        The speed counts only where the goal gives velocities.
        """
        self.begun, self.tolerances = now, tolerances
        self.outcome = check(trajectory)
        if self.outcome is None:
            self._lay(trajectory, start, speed)
        else:
            self.times, self.positions, self.velocities = np.zeros(1), start[None].copy(), None

    def _lay(self, trajectory, start, speed) -> None:
        """Put the joints in order, and the start before the first point."""
        order = [trajectory.names.index(name) for name in kinematics.JOINTS]
        places = np.clip(trajectory.positions[:, order], kinematics.LOWER, kinematics.UPPER)
        self.times = np.concatenate([[0.0], trajectory.times])
        self.positions = np.concatenate([start[None], places])
        self.velocities = None if trajectory.velocities is None else np.concatenate(
            [speed[None], trajectory.velocities[:, order]])

    @property
    def end(self) -> float:
        """Time [s] of the last point."""
        return self.begun + float(self.times[-1])

    def sample(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Return wanted positions (7,) [rad] and velocities (7,) [rad/s]; past the last point it is held."""
        since = now - self.begun
        if since >= self.times[-1]:
            return self.positions[-1].copy(), np.zeros(7)
        after = int(np.searchsorted(self.times, since, side='right'))
        length = self.times[after] - self.times[after - 1]
        share, (first, last) = (since - self.times[after - 1]) / length, self.positions[after - 1:after + 1]
        if self.velocities is None:
            return first + share * (last - first), (last - first) / length
        return _cubic(share, length, first, last, *self.velocities[after - 1:after + 1])

    def update(self, now: float, measured: np.ndarray) -> Outcome | None:
        """Return how the goal has ended with the joints at ``measured`` (7,) [rad]; None while it goes on."""
        if self.outcome is not None:
            return self.outcome
        error = np.abs(measured - self.sample(now)[0])
        if now < self.end:
            self.outcome = _beyond(error, self.tolerances.path, PATH_TOLERANCE_VIOLATED, 'on its way')
        else:
            missed = _beyond(error, self.tolerances.goal, GOAL_TOLERANCE_VIOLATED, 'at its end')
            if missed is None:
                self.outcome = Outcome(SUCCESSFUL, '')
            elif now > self.end + self.tolerances.late:
                self.outcome = missed
        return self.outcome


def _cubic(share, length, first, last, first_speed, last_speed) -> tuple[np.ndarray, np.ndarray]:
    """Hermite's polynomial between two points with given velocities."""
    way = last - first
    square, cube = share * share, share**3
    position = (first + (3 * square - 2 * cube) * way
                + length * ((share - 2 * square + cube) * first_speed + (cube - square) * last_speed))
    velocity = (6 * (share - square) * way / length
                + (1 - 4 * share + 3 * square) * first_speed + (3 * square - 2 * share) * last_speed)
    return position, velocity


def _beyond(error, limits, code, when) -> Outcome | None:
    for name, limit in limits.items():
        if limit > 0 and (off := error[kinematics.JOINTS.index(name)]) > limit:
            return Outcome(code, f'{name} is {off:.3f} rad off {when}, {limit:.3f} rad is allowed')
    return None


def check(trajectory: JointTrajectory) -> Outcome | None:
    """Return why ``trajectory`` cannot be followed; None if it can."""
    if sorted(trajectory.names) != sorted(kinematics.JOINTS):
        return Outcome(INVALID_JOINTS, f'joints {list(trajectory.names)} came, all of {list(kinematics.JOINTS)} are wanted')
    shape = len(trajectory.times), len(kinematics.JOINTS)
    arrays = [trajectory.positions] + ([] if trajectory.velocities is None else [trajectory.velocities])
    if not shape[0] or any(array.shape != shape for array in arrays):
        return Outcome(INVALID_GOAL, f'points of {[array.shape for array in arrays]} came, at least one point of '
                                     f'{shape[1]} joints is wanted')
    if not all(np.isfinite(array).all() for array in (trajectory.times, *arrays)):
        return Outcome(INVALID_GOAL, 'a value that is not finite came')
    if trajectory.times[0] < 0 or (np.diff(trajectory.times) <= 0).any():
        return Outcome(INVALID_GOAL, f'times {list(trajectory.times)} came, rising ones are wanted')
    return None
