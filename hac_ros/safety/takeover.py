"""When a guard takes the arm from the bridge, and when it gives it back; how the arm stops then."""
import numpy as np

from hac_ros import kinematics
from hac_ros.config import GuardConfig

IDLE, WATCHING, HOLDING = 'idle', 'watching', 'holding'          # what a guard does
MOVING, RESTING, RELEASED = 'moving', 'resting', 'released'      # what a heartbeat says of the bridge
SPEED = 0.5      # [rad/s] of any joint that a twist moves; robot_controllers, cartesian_twist.cpp


class Takeover:
    """A guard's mind. state: IDLE until a bridge moves the arm, then WATCHING, HOLDING when its heartbeat is late.

    So when it moves the arm in spite of a run-stop. HOLDING ends only when a heartbeat says RESTING: a bridge that comes back while
    it wants to move is not let in.
    """

    def __init__(self, config: GuardConfig):
        self.config, self.state, self.heard, self.word = config, IDLE, -np.inf, RELEASED
        self.obeyed = -np.inf       # when [s] no stop was asked for, or the bridge last moved nothing

    def hear(self, now: float, word: str) -> str | None:
        """Take a heartbeat; return the state that is new by it. Raises ValueError for a word that is none."""
        if word not in (MOVING, RESTING, RELEASED):
            raise ValueError(f'heartbeat: {word!r} came, {MOVING}, {RESTING} or {RELEASED} is wanted')
        if word != MOVING or self.word != MOVING:
            self.obeyed = now
        self.heard, self.word = now, word
        if word == RELEASED:
            return self._become(IDLE)
        if self.state == IDLE or word == RESTING:
            return self._become(WATCHING)
        return None

    def update(self, now: float, stopped: bool = False) -> str:
        """Return why the guard takes over now; empty: it does not. ``stopped``: a run-stop or a fault stands, or may stand."""
        if not stopped:
            self.obeyed = now
        if self.state != WATCHING:
            return ''
        reason = ''
        if now - self.heard > self.config.heartbeat_timeout:
            reason = f'no heartbeat for {self.config.heartbeat_timeout} s'
        elif now - self.obeyed > self.config.obeyed_within:
            reason = f'the bridge still moves the arm {self.config.obeyed_within} s after a run-stop or a fault, or without word of them'
        if reason:
            self._become(HOLDING)
        return reason

    def _become(self, state: str) -> str | None:
        changed, self.state = state != self.state, state
        return state if changed else None


def believable(joints: np.ndarray, velocities: np.ndarray) -> bool:
    """Return whether joints (7,) [rad] and velocities (7,) [rad/s] may have been measured: no joint is faster than it can turn.

    Noise needs no margin: where a bridge moves the arm, joints have less than half of their greatest speeds (SPEED).
    """
    return bool(np.isfinite(joints).all() and (np.abs(velocities) <= kinematics.VELOCITY).all())


def stop(joints: np.ndarray, velocities: np.ndarray, config: GuardConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return times (2,) [s] and joints (2, 7) [rad] that stop the arm along its motion, evenly, and hold it there.

    ``joints`` (7,), ``velocities`` (7,) as measured; what is faster than SPEED counts as SPEED, so that no joint is sent
    farther than SPEED**2 / (2 braking), 0.0625 rad by default, whatever was measured, nor beyond its limits: one that is there
    already stays where it is. Velocities at both points are zero.
    """
    velocities = np.clip(velocities, -SPEED, SPEED)
    braking = max(0.05, float(np.abs(velocities).max()) / config.braking)
    place = np.clip(joints + velocities * braking / 2, np.minimum(kinematics.LOWER, joints), np.maximum(kinematics.UPPER, joints))
    return np.array([braking, braking + config.hold]), np.stack([place, place])
