"""A worker's side of the running statistics: what this incarnation has seen in all, one round after the other."""
from collections.abc import Callable, Iterable

from hac_ros.learning import running_statistics
from hac_ros.records import Contribution, ContributionId, Moments


class Contributor:
    """Adds each finished round once to a cumulative contribution.

    A round goes in only when the statistics of the round after it are out, so that a version covers exactly the
    rounds that it should, only if the normalizer does not hold it yet, so that a round that was run again
    after a crash does not count twice, and only when every learner holds it: learners wait for what statistics include,
    and would wait for ever for a worker that ended between its contribution and its episodes.

    ``store`` is called with each contribution before it goes out; given what was stored last as ``stored``, a new process
    goes on as the same incarnation, to the bit.
    """

    def __init__(self, worker: int, incarnation: int, space, stored: Contribution | None = None,
                 store: Callable[[Contribution], None] = lambda contribution: None):
        self.worker, self.incarnation, self.space, self._store = worker, incarnation, space, store
        self._waiting: dict[int, tuple[Moments, int]] = {}
        self._newest = stored

    def finish(self, round_: int, observation) -> None:
        """Hold the observations (..., O) of ``round_`` ready."""
        if round_ > self._last:
            self._waiting = {round_: running_statistics.of_samples(observation.reshape(-1, self.space.size))}

    def next(self, newest_statistics: int, held: int | None, since: int = 0,
             learners: Iterable[int] = ()) -> Contribution | None:
        """Return the contribution that may go out now, None if there is none.

        newest_statistics: newest version that came. held: rounds of this worker that the normalizer holds, None
        if it has not been heard. since: the round from which on those statistics count. No incarnation's rounds lie on both
        sides of it. learners: for each learner the round after the last one of this worker that it holds. A worker's rounds
        may have gaps, so only a learner whose last round is the one in question is known to hold it.
        """
        if held is None:
            return None
        if held <= self._last:
            return self._newest if newest_statistics > self._last else None   # stored, and perhaps never heard
        round_ = min(self._waiting, default=-1)
        if round_ < held or newest_statistics <= round_ or any(after != round_ + 1 for after in learners):
            return None
        if self._newest is not None and (round_ > self._last + 1 or self._newest.id.first_round < since <= round_):
            self._begin_incarnation()
        contribution = self._with(round_, *self._waiting[round_])
        self._store(contribution)     # raises if it cannot be stored: then nothing has changed
        self._newest = contribution
        del self._waiting[round_]
        return contribution

    def _begin_incarnation(self) -> None:
        """Begin again at count 0.

        There is a gap (the worker was left out for a while, or what was stored is older than what was sent), or the
        statistics were reset.
        """
        self.incarnation, self._newest = self.incarnation + 1, None

    @property
    def _last(self) -> int:
        return -1 if self._newest is None else self._newest.id.last_round

    def _with(self, round_: int, moments: Moments, rejected: int) -> Contribution:
        old = self._newest
        if old is None:
            return Contribution(ContributionId(self.worker, self.incarnation, 1, round_, round_), self.space.name,
                                moments, rejected)
        key = ContributionId(self.worker, old.id.incarnation, old.id.sequence + 1, old.id.first_round, round_)
        return Contribution(key, self.space.name, running_statistics.merge(old.moments, moments), old.rejected + rejected)
