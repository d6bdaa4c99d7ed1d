"""When an emulator's ticks are due by the wall clock."""
from hac_ros.simulation.twist_controller import PERIOD

MOST = 10    # ticks that are caught up with at once; what is more is left out, so that a pause causes no rush


class Pacing:
    """Ticks of PERIOD at ``pace`` simulated seconds a second. slipped [s]: simulated time that was left out."""

    def __init__(self, pace: float):
        self.pace, self.begun, self.done, self.slipped = pace, None, 0, 0.0

    def due(self, now: float) -> int:
        """Return how many ticks are due at ``now`` [s]; they count as done then."""
        if self.begun is None:
            self.begun = now
        due = int((now - self.begun) * self.pace / PERIOD + 1e-6) - self.done
        if due > MOST:
            self.slipped += (due - MOST) * PERIOD
            self.begun += (due - MOST) * PERIOD / self.pace
            due = MOST
        self.done += due
        return due

    def when(self, left: int) -> float:
        """Return when the tick was due [s] that has ``left`` ones after it."""
        return self.begun + (self.done - left) * PERIOD / self.pace
