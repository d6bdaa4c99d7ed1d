"""What travels between the parts, as plain arrays: the pure twin of msg/*.msg.

``messages.py`` converts these to and from ROS messages; simulation and learning know only these. Shapes: N
arms, T control steps, O observation size. float64 unless said otherwise; raw SI values.
"""
from dataclasses import dataclass

import numpy as np

LAG = 2     # statistics and weights of round k cover the rounds up to k - LAG: the round before is under way meanwhile


@dataclass(frozen=True)
class StepId:
    """Which control step of which round: see msg/RoundStep.msg."""

    run: str
    worker: int
    round: int
    take: int
    step: int


@dataclass(frozen=True)
class ArmState:
    """State of N arms: see msg/ArmState.msg."""

    id: StepId
    space: str
    steps: int
    observation: np.ndarray     # (N, O)
    achieved_goal: np.ndarray   # (N, 3)
    desired_goal: np.ndarray    # (N, 3)
    reward: np.ndarray          # (N,) 0 or -1
    success: np.ndarray         # (N,) bool
    time: float = 0.0           # [s] simulation time
    period: float = 0.04        # [s] a control step
    frame: str = 'world'

    @property
    def arms(self) -> int:
        """Number of arms."""
        return len(self.observation)

    @property
    def terminal(self) -> bool:
        """Whether the episodes have ended, so that no command is wanted."""
        return self.steps > 0 and self.id.step >= self.steps


@dataclass(frozen=True)
class Subgoals:
    """Subgoals in force for N arms: see msg/Subgoal.msg."""

    id: StepId
    value: np.ndarray           # (N, 4)
    tolerance: np.ndarray       # (N, 2)
    speed: np.ndarray           # (N,)
    attempt: np.ndarray         # (N,) uint32
    steps_left: np.ndarray      # (N,) uint16
    testing: np.ndarray         # (N,) bool
    weights: int = 0
    statistics: int = 0


@dataclass(frozen=True)
class Commands:
    """Commands for N arms: see msg/ArmCommand.msg."""

    id: StepId
    value: np.ndarray           # (N, 4) in -1 .. 1
    weights: int = 0
    statistics: int = 0


CONTROLLER, PLANNER = 0, 1
LEVELS = ('controller', 'planner')


@dataclass(frozen=True)
class Episodes:
    """One round of N arms as one level saw it: see msg/Episodes.msg."""

    worker: int
    incarnation: int
    round: int
    level: int
    weights: int
    statistics: int
    observation: np.ndarray     # (T + 1, N, O)
    achieved_goal: np.ndarray   # (T + 1, N, 3)
    desired_goal: np.ndarray    # (N, 3)
    success: np.ndarray         # (T + 1, N) bool
    subgoal: np.ndarray         # (T, N, 4)
    tolerance: np.ndarray       # (T, N, 2)
    speed: np.ndarray           # (T, N)
    attempt: np.ndarray         # (T, N) uint32
    steps_left: np.ndarray      # (T, N) uint16
    testing: np.ndarray         # (T, N) bool
    action: np.ndarray          # (T, N, A)
    exploring: np.ndarray       # (T, N) bool

    @property
    def steps(self) -> int:
        """Control steps T of each episode."""
        return len(self.action)

    @property
    def arms(self) -> int:
        """Number of arms N."""
        return self.action.shape[1]


@dataclass(frozen=True)
class Weights:
    """What a level acts with in round ``version``: see msg/PolicyWeights.msg."""

    level: int
    version: int
    statistics: int
    updates: int
    tensors: dict[str, np.ndarray]   # name -> float32 array
    statistics_digest: str = ''      # of the statistics ``statistics``; empty: not known


@dataclass(frozen=True)
class ContributionId:
    """Names one worker's contribution: see msg/ContributionId.msg."""

    worker: int
    incarnation: int
    sequence: int
    first_round: int
    last_round: int


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations (M2) of each dimension of a sample."""

    count: int
    mean: np.ndarray            # (O,)
    m2: np.ndarray              # (O,)


@dataclass(frozen=True)
class Contribution:
    """What one incarnation of a worker has seen in all: see msg/Contribution.msg."""

    id: ContributionId
    space: str
    moments: Moments
    rejected: int = 0


@dataclass(frozen=True)
class Statistics:
    """Running statistics that round ``version`` acts and learns with: see msg/Statistics.msg."""

    version: int
    space: str
    moments: Moments
    includes: tuple[ContributionId, ...] = ()
    frozen: bool = False
    rejected: int = 0
    since: int = 0               # the moments count the rounds from this one on, besides what was loaded

    def last_round(self, worker: int) -> int:
        """Return the last round of ``worker`` that is included; -1 if there is none."""
        return max((c.last_round for c in self.includes if c.worker == worker), default=-1)


@dataclass(frozen=True)
class Change:
    """What somebody asked of the running statistics: it holds from version ``version`` on."""

    version: int
    frozen: bool
    moments: Moments | None = None      # go on from these instead of what is known; None: with what is known
