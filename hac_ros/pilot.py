"""One arm's rounds and control periods on a robot, without ROS: what fetch_bridge does, and when.

In each period a state goes to the policy, and what comes back goes through safety to the robot. Without an answer the
last command is good for as long as commands are (``SafetyConfig.stale_after``); the state waits, so that the policy
misses no step of its episode, and is repeated now and then.
"""
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hac_ros import kinematics
from hac_ros.config import DeploymentConfig, SafetyConfig
from hac_ros.deployment_log import EpisodeLog
from hac_ros.fetch_driver import Driver, Sent
from hac_ros.fetch_senses import Senses
from hac_ros.records import ArmState, Commands, StepId, Subgoals
from hac_ros.safety import admission
from hac_ros.safety.robot import RobotState
from hac_ros.safety.status import Status
from hac_ros.safety.switches import Switches
from hac_ros.tasks import Task


JUMP, JUMP_TIME = 0.03, 0.2     # [rad] beyond what its speed limit allows in the time between, at most [s]
EARLY = 1e-6                     # [s] of rounding
STEADY, STEADY_PERIODS = 0.01, 3   # [rad] within so many periods, noise included: the joints rest


class Pulse:
    """When a partner was heard of last, by our own clock [s], and what it said."""

    def __init__(self):
        self.at, self.word = -np.inf, ''

    def beat(self, at: float, word: str) -> None:
        """Note a sign of life."""
        self.at, self.word = at, word


@dataclass
class Signals:
    """What switches and partners say."""

    guard: Pulse
    normalizer: Pulse
    switches: Switches = field(default_factory=Switches)
    held: bool = False
    held_stamp: float | None = None

    def causes(self, now: float, config: DeploymentConfig) -> tuple[Status, ...]:
        """Return the reasons to stop; ``now`` [s] of our own clock."""
        found = self.switches.causes(now)
        if not config.watched:
            return found
        late = config.watched_timeout
        return (found + (Status.GUARD_GONE,) * (now - self.guard.at > late)
                + (Status.GUARD_HOLDING,) * (self.guard.word == 'holding')
                + (Status.NORMALIZER_GONE,) * (now - self.normalizer.at > late))

    def for_safety(self) -> dict:
        """Return what RobotState says of them."""
        return {'held': self.held, 'held_stamp': self.held_stamp}


@dataclass(frozen=True)
class Asked:
    """A round that shall begin with states from ``since`` [s] on; goal (3,) [m] in base_link.

    set_up: an emulator may have put the arm elsewhere for it. expires [s] of our own clock: later it begins no more.
    """

    round: int
    take: int
    goal: np.ndarray
    since: float
    set_up: bool
    expires: float


@dataclass(frozen=True)
class Answer:
    """The last command (4,) and the stamp [s] of the state that it answered."""

    command: np.ndarray
    stamp: float


class Pilot:
    """Flies one arm; ``tick`` once a control period, ``take_subgoal`` and ``take_command`` when they come.

    id: the state that was published last; None before the first round. answered: whether its command was sent.
    """

    def __init__(self, run: str, worker: int, task: Task, senses: Senses, driver: Driver, config: DeploymentConfig,
                 safety: SafetyConfig, log_folder: Path | None = None, about: dict | None = None,
                 clock: Callable[[], float] = time.monotonic):
        self.run, self.worker, self.task, self.senses, self.driver = run, worker, task, senses, driver
        self.config, self.safety, self.clock = config, safety, clock
        self.folder, self.about = log_folder, about or {}
        self.signals = Signals(Pulse(), Pulse(), Switches(config.told_within))
        self.id: StepId | None = None
        self.before = None      # the newest state whose joints are finite
        self.asked: Asked | None = None
        self.log: EpisodeLog | None = None
        self.closed: list[EpisodeLog] = []
        self.answered, self.paused = True, False
        self.last: Answer | None = None
        self.subgoal: Subgoals | None = None
        self.pending: Commands | None = None
        self.admitted: tuple[bytes, bool, str] | None = None
        self.recent: deque[RobotState] = deque(maxlen=STEADY_PERIODS + 1)     # without a gap, the newest last
        self.statuses: tuple[Status, ...] = ()
        self.totals, self.missed = Counter(), 0

    # Rounds

    def ask(self, round_: int, take: int, goal: np.ndarray, since: float, set_up: bool = False,
            patience: float = np.inf) -> None:
        """Begin a round as soon as it is ``since`` [s] and states from then on are here; the one that runs ends there.

        Where time is stepped, joint states may come before the clock that they belong to. After ``patience`` [s] it does not
        begin any more. ``set_up``: an emulator may have put the arm elsewhere, which is no jump of its joints.
        """
        self.asked = Asked(round_, take, np.asarray(goal, dtype=np.float64), since, set_up, self.clock() + patience)

    def lacking(self, now: float) -> str:
        """Return, in words, what the round that was asked for waits for at ``now`` [s]; empty: nothing."""
        since, senses = self.asked.since, self.senses
        if now < since - EARLY:
            return 'the clock has not come to its stamp'
        if senses.complete(since):
            return ''
        if senses.stamp < since:
            return 'joint states are missing or too old'
        if self.task.has_object and (senses.object_stamp or -np.inf) < since:
            return 'the pose of the object is missing or too old'
        return 'a joint state is not finite'

    @property
    def running(self) -> bool:
        """Whether a round has begun and not ended."""
        return self.id is not None and self.id.step < self.task.steps

    def _begin(self, state) -> None:
        asked, self.asked = self.asked, None
        self.base_goal = asked.goal
        self.goal = self.senses.to_world(asked.goal)
        self.id = StepId(self.run, self.worker, asked.round, asked.take, 0)
        self.last = self.subgoal = self.pending = self.admitted = None
        self._close_log()
        self.senses.start()
        if asked.set_up:
            self.driver.guarded.reset(Status.JOINTS_JUMPED)      # but no run-stop and no fault
        self.driver.start(state, at_rest=self.config.clock == 'stepped')
        if self.folder is not None:
            self.log = EpisodeLog(self.folder, {**self.about, 'goal': asked.goal.tolist(), 'goal_world': self.goal.tolist()},
                                  asked.round, asked.take)

    def finished_log(self) -> EpisodeLog | None:
        """Return the log of an episode that has ended, once, for somebody to write."""
        if not self.running:
            self._close_log()
        return self.closed.pop(0) if self.closed else None

    def _close_log(self) -> None:
        if self.log is not None:
            self.closed.append(self.log)
        self.log = None

    def abandon(self) -> None:
        """End the round that runs, or shall begin: nobody flies any more."""
        self._close_log()
        self.asked = self.id = None
        self.answered = True

    # Jumps, and what else stays until somebody has seen to it

    def clear(self) -> None:
        """Forget all that has latched: somebody has seen to it. What the gripper was told may have been lost meanwhile."""
        self.driver.guarded.reset()
        self.driver.goals.lose(0)

    def take_switch(self, name: str, pressed: bool, flies: bool) -> None:
        """Take what a run-stop or a fault says. Where the arm flies, what comes and goes within a period stops it, too."""
        causes = self.signals.switches.hear(self.clock(), name, pressed)
        if flies:
            self.driver.guarded.latch(causes)

    def forget_place(self) -> None:
        """Forget where the joints were: while nobody looked, the arm may have been moved."""
        self.before = None
        self.recent.clear()

    @property
    def jumped(self) -> bool:
        """Whether the joints have jumped, and nobody has seen to it."""
        return Status.JOINTS_JUMPED in self.driver.guarded.latched

    # A period

    def tick(self, now: float) -> tuple[Sent | None, ArmState | None]:
        """Return what to send to the robot and which state to publish, at ``now`` [s] of the robot's clock.

        With a new state nothing is sent yet: its command will come.
        """
        self.began = self.clock()
        state = self.senses.robot_state(**self.signals.for_safety())
        self._compare(state)
        if self.asked is not None and self.began <= self.asked.expires and not self.lacking(now):
            self._begin(state)
            return None, self._publish(now, state)
        if not self.running or self.paused:
            return self._without(now, self._note(self.driver.rest(now, state, self._causes()), counts=False)), None
        if not self.answered:
            return self._without(now, self._missed(now, state)), None
        if not self.senses.complete(now - self.safety.stale_after):
            return self._without(now, self._repeat_last(now, state)), None
        self.id = StepId(self.run, self.worker, self.id.round, self.id.take, self.id.step + 1)
        published = self._publish(now, state)
        ended = not self.running
        return (self._note(self.driver.rest(now, state, self._causes())) if ended else None), published

    def _compare(self, state: RobotState | None) -> None:
        """Keep where the joints are, and note if they jumped, as no joint can: until ``clear`` kinematics may be wrong."""
        if state is None:
            self.forget_place()
            return
        if not np.isfinite(state.joints).all():     # a reason to stop of its own: compared is with the next sound one
            self.recent.clear()
            return
        if self.before is not None:
            moved = np.abs(state.joints - self.before.joints)
            since = min(max(state.joints_stamp - self.before.joints_stamp, self.task.period), JUMP_TIME)
            if not (moved <= kinematics.VELOCITY * since + JUMP).all():
                self.driver.guarded.latch([Status.JOINTS_JUMPED])
        self.before = state
        self.recent.append(state)

    @property
    def at_rest(self) -> bool:
        """Whether the joints have been in one place for some periods: at 1 rad/s^2 a slow one goes on for long."""
        places = [state.joints for state in self.recent]
        return len(places) == self.recent.maxlen and bool((np.ptp(places, axis=0) < STEADY).all())

    @property
    def fingers_moved(self) -> float:
        """How far [m] the opening has changed within some periods."""
        openings = [sum(state.fingers) for state in self.recent]
        return max(openings) - min(openings) if openings else 0.0

    def _without(self, now: float, sent: Sent) -> Sent:
        """Note what a period of an episode came to that had no command of its own."""
        if self.log is not None and self.running:
            self.log.without(self.id.step, now, sent)
        return sent

    def _missed(self, now, state) -> Sent:
        self.missed += 1
        if self.log is not None:
            self.log.missed += 1
        return self._repeat_last(now, state)

    def _repeat_last(self, now, state) -> Sent:
        if self.last is None:      # the arm has not moved in this round
            return self._note(self.driver.rest(now, state, self._causes()))
        return self._note(self.driver.drive(now, state, self.last.command, self.last.stamp, self._causes()))

    def _publish(self, now, state) -> ArmState:
        observation, achieved = self.senses.observe()
        success = kinematics.lengths(achieved - self.goal) < self.task.threshold
        self.answered = not self.running
        self.published_at = self.observed_at = self.began
        self.stamp = self.senses.stamp
        if self.log is not None:
            self.log.state(observation[0], achieved[0], state.joints, self.stamp, now)
        self.state = ArmState(
            self.id, self.task.observation.name, self.task.steps, observation, achieved, self.goal[None],
            success.astype(np.float64) - 1.0, success, now, self.task.period)
        return self.state

    def repeat(self) -> ArmState | None:
        """Return the state again if nobody has answered it for long."""
        if self.id is None or self.paused or (self.answered if self.running else self.config.rounds == 'goals'):
            return None
        if self.clock() - self.published_at < self.config.repeat_after:
            return None
        self.published_at = self.clock()
        return self.state

    # Answers

    def take_subgoal(self, now: float, subgoals: Subgoals) -> Sent | None:
        """Take the subgoal in force; return what to send where its command was here already."""
        if subgoals.id != self.id or len(subgoals.value) != 1:
            return None
        self.subgoal = subgoals
        if self.pending is None:
            self._admit()       # while the controller decides
            return None
        pending, self.pending = self.pending, None
        return self.take_command(now, pending)

    def take_command(self, now: float, commands: Commands) -> Sent | None:
        """Take a command; return what to send. None for one that answers no state, or whose subgoal is awaited."""
        if commands.id != self.id or self.answered or self.paused:
            return None
        if self.subgoal is None or self.subgoal.id != self.id:
            self.pending = commands
            return None
        self._admit()
        causes = self._causes()
        self.last, self.answered = Answer(commands.value[0], self.stamp), True
        state = self.senses.robot_state(**self.signals.for_safety())
        sent = self._note(self.driver.drive(now, state, self.last.command, self.last.stamp, causes))
        if self.log is not None:
            self.log.step(self.subgoal.value[0], self.last.command, sent, self.clock() - self.observed_at)
        return sent

    def _admit(self) -> tuple[bool, str]:
        """Return whether the subgoal may be approached, and why not; judged once for each value."""
        value = self.subgoal.value[0]
        if self.admitted is None or self.admitted[0] != value.tobytes():
            base = np.append(self.senses.to_base(value[:3]), value[3])
            judged = admission.admit(base, self.safety, self.senses.torso)
            self.admitted = value.tobytes(), judged.accepted, judged.reason
        return self.admitted[1:]

    def _causes(self) -> tuple[Status, ...]:
        refused = self.running and self.admitted is not None and not self.admitted[1]
        return self.signals.causes(self.clock(), self.config) + (Status.SUBGOAL_REFUSED,) * refused

    def _note(self, sent: Sent, counts: bool = True) -> Sent:
        """Count each reason when it comes up; ``counts``: as an intervention in an episode."""
        new = [status for status in sent.verdict.statuses if status.intervenes and status not in self.statuses]
        self.statuses, self.new_statuses = sent.verdict.statuses, new
        if counts:
            names = [status.name.lower() for status in new]
            self.totals.update(names)
            if self.log is not None:
                self.log.interventions.update(names)
        return sent
