"""When a guard takes the arm from the bridge, and when it gives it back; how the arm stops then."""
import numpy as np

from hac_ros.config import GuardConfig

IDLE, WATCHING, HOLDING = 'idle', 'watching', 'holding'          # what a guard does
MOVING, RESTING, RELEASED = 'moving', 'resting', 'released'      # what a heartbeat says of the bridge


class Takeover:
    """A guard's mind. state: IDLE until a bridge moves the arm, then WATCHING, HOLDING when its heartbeat is late.

    HOLDING ends only when a heartbeat says RESTING: a bridge that comes back while it wants to move is not let in.
    """

    def __init__(self, config: GuardConfig):
        self.config, self.state, self.heard = config, IDLE, -np.inf

    def hear(self, now: float, word: str) -> str | None:
        """Take a heartbeat; return the state that is new by it. Raises ValueError for a word that is none."""
        if word not in (MOVING, RESTING, RELEASED):
            raise ValueError(f'heartbeat: {word!r} came, {MOVING}, {RESTING} or {RELEASED} is wanted')
        self.heard = now
        if word == RELEASED:
            return self._become(IDLE)
        if self.state == IDLE or word == RESTING:
            return self._become(WATCHING)
        return None

    def update(self, now: float) -> bool:
        """Return whether the guard takes over now."""
        late = self.state == WATCHING and now - self.heard > self.config.heartbeat_timeout
        return late and self._become(HOLDING) is not None

    def _become(self, state: str) -> str | None:
        changed, self.state = state != self.state, state
        return state if changed else None


def stop(joints: np.ndarray, velocities: np.ndarray, config: GuardConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return times (2,) [s] and joints (2, 7) [rad] that stop the arm along its motion, evenly, and hold it there.

    ``joints`` (7,), ``velocities`` (7,) as measured. Velocities at both points are zero.
    """
    braking = max(0.05, float(np.abs(velocities).max()) / config.braking)
    place = joints + velocities * braking / 2
    return np.array([braking, braking + config.hold]), np.stack([place, place])
