"""Every command to the arm goes through here: it comes out within all limits, or as a ramp to zero."""
import numpy as np

from hac_ros import kinematics, spaces
from hac_ros.config import SafetyConfig
from hac_ros.safety import geometry, watchdog
from hac_ros.safety.motion import SmoothVelocity, shortened, speed_before
from hac_ros.safety.robot import Command, RobotState, Verdict
from hac_ros.safety.status import Interventions, Status


class Guarded:
    """Judges one command a period; remembers what it let through.

    Whatever comes in, what goes out keeps speed, acceleration and jerk within their limits. After a cause to stop it
    is zero within ``stopping_time`` and stays zero until the cause is gone; after one that latches until ``reset``.
    """

    def __init__(self, config: SafetyConfig, needs_object: bool = False, share: float = 1.0):
        """``share``: joints may have so much of ``joint_speed``. What stops the arm is not slowed by it."""
        self.config, self.needs_object, self.joint_speed = config, needs_object, config.joint_speed * share
        period = config.safety_period
        self.linear = SmoothVelocity(config.speed, config.acceleration, config.jerk, period)
        self.angular = SmoothVelocity(config.turn, config.turn_acceleration, config.turn_jerk, period)
        self.interventions = Interventions()
        self.latched: set[Status] = set()
        self.last_time: float | None = None
        self.output = np.zeros(6)

    @property
    def stopping_time(self) -> float:
        """Longest time [s] from a cause to stop until the output is zero."""
        return max(self.linear.stopping_time, self.angular.stopping_time)

    def latch(self, causes) -> None:
        """Stop from now on, until ``reset``, for those of ``causes`` that latch: one that is gone before ``filter`` counts, too."""
        self.latched |= {cause for cause in causes if cause.latches}

    def reset(self, *causes: Status) -> None:
        """Forget what has latched, or these ``causes`` only: somebody has seen to it."""
        self.latched -= set(causes) or self.latched

    def rest(self) -> None:
        """Forget the motion: somebody else has put the arm to rest."""
        self.linear.rest()
        self.angular.rest()
        self.output, self.last_time = np.zeros(6), None

    def filter(self, now: float, state: RobotState | None, command: Command | None,
               causes: tuple[Status, ...] = ()) -> tuple[Command, Verdict]:
        """Return what may be sent to the robot for the next period, and what became of ``command``.

        ``now`` [s]: call once a period. ``causes``: reasons to stop that the caller found, run-stops and faults among them. The opening
        is None where the gripper should be left as it is.
        """
        if self._early(now):
            return self._finish(now, [Status.TOO_EARLY], self.output, None)
        causes = [*causes] + self._clock(now) + watchdog.check_state(now, state, self.config, self.needs_object)
        causes += watchdog.check_command(now, command, self.config)
        self.latch(causes)
        causes += self.latched
        if causes:
            return self._finish(now, causes, self._follow(np.zeros(6)), None)
        twist = np.asarray(command.twist, dtype=np.float64)
        wanted, found = self._within_space(twist, np.asarray(state.joints, dtype=np.float64), state.torso)
        output = self._follow(wanted)
        if not (np.abs(output - wanted) <= 1e-12).all():
            found.append(Status.ACCELERATION)
        stopped = any(status.stops for status in found)
        return self._finish(now, found, output, None if stopped else self._opening(command.opening, found))

    def _early(self, now) -> bool:
        since = np.inf if self.last_time is None else now - self.last_time
        return bool(0 <= since < self.config.safety_period / 2)

    def _clock(self, now) -> list[Status]:
        """A clock that stands still or goes back tells nothing about what is fresh."""
        if not np.isfinite(now):
            return [Status.CLOCK]
        back = self.last_time is not None and now < self.last_time
        self.last_time = now
        return [Status.CLOCK] * back

    def _follow(self, wanted) -> np.ndarray:
        return np.concatenate([self.linear.follow(wanted[:3]), self.angular.follow(wanted[3:])])

    def _opening(self, opening, found) -> float | None:
        if opening is None:
            return None
        clipped = float(min(max(opening, 0.0), spaces.OPENING_MAX))
        found += [Status.OPENING] * (clipped != opening)
        return clipped

    def _finish(self, now, statuses, output, opening) -> tuple[Command, Verdict]:
        statuses = tuple(sorted(set(statuses), reverse=True))
        self.interventions.note(statuses)
        self.output = output
        holding = bool(statuses) and statuses[0].stops and not output.any()
        return Command(output.copy(), opening, now), Verdict(statuses, holding)

    # What the arm's place allows

    def _within_space(self, twist, joints, torso) -> tuple[np.ndarray, list[Status]]:
        """Return the twist that place and joints allow, zero where they stop it, and what was done."""
        linear, angular = shortened(twist[:3], self.config.speed), shortened(twist[3:], self.config.turn)
        found = [Status.SPEED] * (not (np.concatenate([linear, angular]) == twist).all())
        at = kinematics.chain(joints, torso)
        linear, more = self._place(linear, at.point()[0], at.rotation[0])
        twist = np.concatenate([linear, angular])
        if twist.any() and not any(status.stops for status in more):
            twist, last = self._joints(twist, joints, at)
            more += last
        stopped = any(status.stops for status in more)
        return np.zeros(6) if stopped else twist, found + more

    def _place(self, linear, position, rotation) -> tuple[np.ndarray, list[Status]]:
        config, found = self.config, []
        braking, delay = min(config.braking, config.acceleration), self.linear.delay + config.reaction_time
        if (geometry.outside(position, config) > config.workspace_tolerance
                and not geometry.comes_back(linear, position, config)):
            return np.zeros(3), [Status.WORKSPACE]
        inside = geometry.keep_inside(linear, position, config, braking, delay)
        found += [Status.NEAR_BORDER] * (not (inside == linear).all())
        height = geometry.lowest_point(position, rotation) - config.table_height - config.table_clearance
        down = -speed_before(height, braking, delay)
        if inside[2] < down:
            found.append(Status.NEAR_TABLE if height > -config.table_clearance else Status.TABLE)
            inside = np.array([inside[0], inside[1], down])
        return inside, found

    def _joints(self, twist, joints, at) -> tuple[np.ndarray, list[Status]]:
        """Slow what is too fast for a joint or nears a singularity; stop at one, or at a joint's limit; leaving is free."""
        config = self.config
        velocity = kinematics.solve(at.jacobian(), twist[None], damping=0.02)[0]
        share = min(1.0, self.joint_speed / max(float(np.abs(velocity).max()), 1e-9))
        twist, velocity, found = twist * share, velocity * share, [Status.JOINT_SPEED] * (share < 1.0)
        low, high = joints - kinematics.LOWER < config.joint_margin, kinematics.UPPER - joints < config.joint_margin
        if (low & (velocity < -1e-6)).any() or (high & (velocity > 1e-6)).any():
            return np.zeros(6), [Status.JOINT_LIMIT]
        step = velocity * min(0.1, 0.02 / max(np.abs(velocity).max(), 1e-9))   # a little ahead
        here = kinematics.condition_number(joints)[0]
        if here <= config.slow_condition or kinematics.condition_number(joints + step)[0] <= here:
            return twist, found
        if here >= config.stop_condition:
            return np.zeros(6), [Status.SINGULARITY]
        share = (config.stop_condition - here) / (config.stop_condition - config.slow_condition)
        return twist * share, [*found, Status.NEAR_SINGULARITY]
