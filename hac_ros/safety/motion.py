"""A velocity that follows a wanted one within limits of speed, acceleration and jerk."""
import math

import numpy as np


class SmoothVelocity:
    """Velocity (3,) that moves towards a wanted one, one period at each call.

    First the change is limited to ``acceleration``, then the last ``window`` of these velocities are averaged. An
    average of vectors within a ball is within that ball, so speed and acceleration keep their limits, and the
    acceleration changes by at most 2 acceleration / window in a period, which is the limit of jerk. From any motion
    a wanted velocity of zero is reached within ``stopping_time``, and exactly.
    """

    def __init__(self, speed: float, acceleration: float, jerk: float, period: float):
        self.speed, self.acceleration, self.period = speed, acceleration, period
        self.window = max(1, int(np.ceil(2 * acceleration / (jerk * period) - 1e-9)))
        self.limited = np.zeros(3)
        self.recent = np.zeros((self.window, 3))
        self.velocity = np.zeros(3)

    @property
    def delay(self) -> float:
        """Time [s] by which a change of the wanted velocity shows in full, beyond the ramp itself."""
        return self.window * self.period

    @property
    def stopping_time(self) -> float:
        """Longest time [s] from the call that wants zero until the velocity is zero."""
        return (int(np.ceil(self.speed / (self.acceleration * self.period))) + self.window) * self.period

    def rest(self) -> None:
        """Be at rest."""
        self.limited, self.velocity = np.zeros(3), np.zeros(3)
        self.recent = np.zeros_like(self.recent)

    def follow(self, wanted: np.ndarray) -> np.ndarray:
        """Return the velocity of the next period. ``wanted`` (3,) is scaled down where it is faster than allowed."""
        change = shortened(shortened(wanted, self.speed) - self.limited, self.acceleration * self.period)
        self.limited = shortened(self.limited + change, self.speed)
        self.recent = np.concatenate([self.recent[1:], self.limited[None]])
        self.velocity = np.add.reduce(self.recent) / self.window
        return self.velocity


def shortened(vector: np.ndarray, length: float) -> np.ndarray:
    """Return ``vector``, scaled down to ``length`` if it is longer."""
    norm = np.hypot(np.hypot(vector[0], vector[1]), vector[2])   # hypot: huge values do not overflow when squared
    return vector if norm <= length else vector / norm * length


def speed_before(distance: float, acceleration: float, delay: float) -> float:
    """Return the speed [m/s] from which one stops within ``distance`` [m], if braking begins after ``delay`` [s]."""
    if distance <= 0:
        return 0.0
    return acceleration * (math.sqrt(delay**2 + 2 * distance / acceleration) - delay)
