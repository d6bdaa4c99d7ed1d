"""From a policy's commands to what a Fetch is sent: through the robot's commands, through safety, to the wrist."""
from dataclasses import dataclass

import numpy as np

from hac_ros import kinematics, robot_commands
from hac_ros.config import FetchConfig, SafetyConfig
from hac_ros.safety.guarded import Guarded
from hac_ros.safety.motion import shortened
from hac_ros.safety.robot import Command, RobotState, Verdict


@dataclass(frozen=True)
class Sent:
    """What goes to the robot for one period, and what it was before safety."""

    twist: np.ndarray          # (6,) of wrist_roll_link in base_link: what is sent
    opening: float | None      # [m] a gripper goal, where one is to be sent
    wanted: np.ndarray         # (6,) of the grip, before safety
    allowed: np.ndarray        # (6,) of the grip, after it
    verdict: Verdict

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return not self.twist.any()


class Driver:
    """Drives one arm. Whatever comes, a twist that it returns keeps within ``speed`` and ``acceleration``.

    These are the wrist's: the grip's limits, and what turning about the grip adds 0.186 m behind it.
    """

    def __init__(self, fetch: FetchConfig, safety: SafetyConfig, needs_object: bool, locked: bool, share: float = 1.0):
        """``share`` of the speed is driven, moving and turning; ``locked``: the gripper is left as it is."""
        self.fetch, self.share, self.locked = fetch, share, locked
        self.guarded = Guarded(safety, needs_object, share)
        self.goals = robot_commands.GripperGoals(1, fetch)
        self.speed = safety.speed + safety.turn * kinematics.GRIP
        self.acceleration = safety.acceleration + (safety.turn_acceleration + safety.turn**2) * kinematics.GRIP
        self.period, self.wrist = safety.safety_period, np.zeros(3)

    @property
    def output(self) -> np.ndarray:
        """Twist (6,) of the grip that was allowed last."""
        return self.guarded.output

    @property
    def moving(self) -> bool:
        """Whether the last twist was not zero."""
        return bool(self.guarded.output.any() or self.wrist.any())

    def start(self, state: RobotState, at_rest: bool) -> None:
        """Begin an episode. ``at_rest``: somebody has put the arm there, so that no motion goes on."""
        self.goals.start(0, float(np.sum(state.fingers)))
        if at_rest:
            self.forget_motion()

    def forget_motion(self) -> None:
        """Begin at rest: no motion of before goes on."""
        self.guarded.rest()
        self.wrist = np.zeros(3)

    def drive(self, now: float, state: RobotState | None, command: np.ndarray | None, stamp: float, causes=()) -> Sent:
        """Return what a policy's ``command`` (4,), made from the state of ``stamp`` [s], comes to."""
        if state is None or command is None or not np.isfinite(state.joints).all():
            return self._through(now, state, None, causes)
        rotation = kinematics.chain(state.joints).rotation
        twist = robot_commands.twist(np.asarray(command)[None], rotation, self.fetch)[0] * self.share
        before = self.goals.state.copy(), self.goals.goal.copy()
        opening = self._opening(command[3], state)
        sent = self._through(now, state, Command(twist, opening, stamp), causes)
        if opening is not None and sent.opening is None:     # safety kept it back: it is wanted still
            self.goals.state, self.goals.goal = before
        return sent

    def rest(self, now: float, state: RobotState | None, causes=()) -> Sent:
        """Return what brings the arm to rest, or keeps it there."""
        return self._through(now, state, Command(np.zeros(6), None, now), causes)

    def _opening(self, command: float, state: RobotState) -> float | None:
        if self.locked or not np.isfinite(state.fingers).all():
            return None
        changed = self.goals.update(np.array([command]), np.sum(state.fingers, keepdims=True))[0]
        return float(self.goals.goal[0]) if changed else None

    def _through(self, now, state, command, causes) -> Sent:
        allowed, verdict = self.guarded.filter(now, state, command, tuple(causes))
        twist = allowed.twist
        if twist.any() and state is not None and np.isfinite(state.joints).all():
            twist = robot_commands.at_wrist(twist[None], kinematics.chain(state.joints).rotation)[0]
        # A measured wrist that jumps, as a real one cannot, must not make the twist jump.
        self.wrist = self.wrist + shortened(twist[:3] - self.wrist, self.acceleration * self.period)
        if np.linalg.norm(twist[:3] - self.wrist) < 1e-12:
            self.wrist = twist[:3].copy()
        self.wrist = shortened(self.wrist, self.speed)
        wanted = np.zeros(6) if command is None else command.twist
        return Sent(np.concatenate([self.wrist, allowed.twist[3:]]), allowed.opening, wanted, allowed.twist, verdict)
