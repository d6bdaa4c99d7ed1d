"""The round protocol without ROS: which states a node may answer, which pair it acts with, when a round ends.

A round belongs to the bridge. Planner and controller follow it: a node that lacks a step of the round (it was
started in its middle) asks for the round to be begun anew; the same random keys then give the same round.
"""
import enum

from hac_ros.learning import running_statistics
from hac_ros.records import LEVELS, ArmState, Statistics, StepId, Weights

KEPT_VERSIONS = 16


class Turn(enum.Enum):
    """What a follower does with a state that came."""

    BEGIN = 'first step of a round'
    CONTINUE = 'next step'
    REPEAT = 'already answered: send the answer again'
    RESTART = 'a step is missing: ask for the round to be begun anew'
    FOREIGN = 'of another run or worker'


class Follower:
    """Follows the states of one worker's bridge, in a planner or controller."""

    def __init__(self, run: str, worker: int):
        self.run, self.worker = run, worker
        self._last: StepId | None = None

    def turn(self, step: StepId) -> Turn:
        """Say what the state with id ``step`` asks for. Call ``answered`` when it has been dealt with."""
        last = self._last
        if step.run != self.run or step.worker != self.worker:
            return Turn.FOREIGN
        if step == last:
            return Turn.REPEAT
        if step.step == 0:
            return Turn.BEGIN
        expected = last is not None and (last.round, last.take, last.step + 1) == (step.round, step.take, step.step)
        return Turn.CONTINUE if expected else Turn.RESTART

    def answered(self, step: StepId) -> None:
        """Note that ``step`` has been answered."""
        self._last = step


class Versions:
    """The last few versions of one level's weights, or of two, and of the statistics: gives matching pairs only."""

    def __init__(self, levels):
        self._weights: dict[int, dict[int, Weights]] = {level: {} for level in levels}
        self._statistics: dict[int, Statistics] = {}

    def add_weights(self, weights: Weights) -> None:
        """Keep ``weights``, and forget versions far older. Raises ValueError for those of another level."""
        if weights.level not in self._weights:
            raise ValueError(f'weights of level {weights.level} came, of {", ".join(map(str, self._weights))} are wanted')
        _keep(self._weights[weights.level], weights.version, weights)

    def add_statistics(self, statistics: Statistics) -> None:
        """Keep ``statistics``, and forget versions far older."""
        _keep(self._statistics, statistics.version, statistics)

    def statistics(self, version: int) -> Statistics | None:
        """Return statistics ``version`` if they are here."""
        return self._statistics.get(version)

    def newest_statistics(self) -> int:
        """Return the newest version of the statistics that came, -1 if none."""
        return max(self._statistics, default=-1)

    def pair(self, version: int):
        """Return (weights of each level in order ..., statistics) of round ``version``; None until all are here.

        Weights that were trained with another version of the statistics are no pair. Raises ValueError for weights that
        were trained with this version, but with other values: a normalizer that lost its journal makes such.
        """
        statistics = self._statistics.get(version)
        chosen = [kept.get(version) for kept in self._weights.values()]
        if statistics is None or any(w is None or w.statistics != version for w in chosen):
            return None
        for weights in chosen:
            _check_digest(weights, statistics)
        return (*chosen, statistics)


def _check_digest(weights: Weights, statistics: Statistics) -> None:
    digest = running_statistics.digest(statistics.space, statistics.moments)
    if weights.statistics_digest != digest:
        raise ValueError(
            f'{LEVELS[weights.level]} weights {weights.version} were trained with other values of statistics '
            f'{statistics.version} (digest {weights.statistics_digest[:12] or "unknown"}) than those that came '
            f'({digest[:12]}): go on from the last checkpoint with resume:=true, or begin another run')


def _keep(kept: dict, version: int, value) -> None:
    kept[version] = value
    for old in [v for v in kept if v <= max(kept) - KEPT_VERSIONS]:
        del kept[old]


class Commit:
    """When the rounds of one worker end: when every consumer holds them and the recorder permits the next.

    A worker that the statistics went on without (it joined late, or was left out) goes on where the others are.
    """

    def __init__(self, worker: int, consumers, authority: str = 'normalizer'):
        self.worker, self.authority = worker, authority
        self._held: dict[str, int | None] = {consumer: None for consumer in consumers}
        self._permitted, self._newest, self._lost = 0, None if self._held else 0, False
        self._reached = 0       # the round after the last one that the authority holds of any worker

    def receive(self, consumer: str, held: dict[int, int]) -> None:
        """Note how many rounds of each worker ``consumer`` holds. One that came back with a damaged journal holds fewer.

        The authority takes a round only when the statistics of the round after it are out: its receipt also tells how far
        the others are, before a late joiner has read the history of the statistics, oldest first, to its end.
        """
        if consumer not in self._held:
            return
        count = held.get(self.worker, 0)
        self._lost |= count < (self._held[consumer] or 0)
        self._held[consumer] = count
        if consumer == self.authority:
            self._reached = max(held.values(), default=0)
            self.publish(self._reached)

    def permit(self, rounds: int) -> None:
        """Note that rounds below ``rounds`` may begin."""
        self._permitted = rounds

    def publish(self, version: int) -> None:
        """Note that statistics ``version`` are out."""
        self._newest = version if self._newest is None else max(version, self._newest)

    def next_round(self, finished: int | None) -> int | None:
        """Return the round to begin after round ``finished`` (None: none by this process); None while it must wait.

        It is an earlier one where a consumer has lost rounds that it held: nobody else has them.
        """
        if self._newest is None or any(count is None for count in self._held.values()):
            return None
        held = min(self._held.values(), default=0 if finished is None else finished + 1)
        if finished is not None and held <= finished:
            lost, self._lost = self._lost and held < finished, False
            return held if lost else None
        following = held if finished is None else finished + 1
        following = self.overtaken(following) or following
        return following if following < self._permitted else None

    def overtaken(self, round_: int) -> int | None:
        """Return the round to go on with if the statistics went on without ``round_``, else None.

        Its weights may have left the history already, so that nobody could act in it.
        """
        went_on = self._held.get(self.authority, round_ + 1) <= round_ and self._newest - 1 > round_
        return max(self._newest - 1, self._reached) if went_on else None


def training_rounds(max_steps: int, arms: int, steps: int, workers: int) -> int:
    """Return how many rounds it takes to make at least ``max_steps`` environment steps."""
    return -(-max_steps // (arms * steps * workers))


class Schedule:
    """Which rounds are evaluated and how far training may run ahead of the verdicts."""

    def __init__(self, every: int, lag: int, last_round: int):
        self.every, self.lag, self.rounds = every, lag, last_round + 1

    def evaluates(self, round_: int) -> bool:
        """Whether the weights of ``round_`` are evaluated."""
        return 0 < round_ < self.rounds and (round_ % self.every == 0 or round_ == self.rounds - 1)

    def films(self, round_: int, render_every: int) -> bool:
        """Whether the evaluation of ``round_`` is filmed: the first one after every so many rounds; 0: none.

        Does not depend on earlier calls: an evaluator that comes back films the same evaluations.
        """
        before = (round_ - 1) // self.every * self.every      # the evaluation before, 0 if this is the first
        return bool(render_every) and round_ // render_every > before // render_every

    def permitted(self, judged: int) -> int:
        """Return how many rounds may run when every evaluation up to round ``judged`` has a verdict to go on."""
        waiting = next((r for r in range(judged + 1, self.rounds) if self.evaluates(r)), None)
        return self.rounds if waiting is None else min(self.rounds, waiting + self.lag)

    def end(self, reached: int) -> int:
        """Return the number of rounds of a run whose bar was reached by the weights of round ``reached``."""
        return min(self.rounds, reached + self.lag)
