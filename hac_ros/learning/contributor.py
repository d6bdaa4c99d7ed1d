"""A worker's side of the running statistics: what this incarnation has seen in all, one round after the other."""
from collections.abc import Callable, Collection, Iterable

from hac_ros.learning import running_statistics
from hac_ros.records import Contribution, ContributionId, Moments


class Contributor:
    """Adds each finished round once to a cumulative contribution.

    A round goes in only when the statistics of the round after it are out, so that a version covers exactly the
    rounds that it should, only if the normalizer does not hold it yet, so that a round that was run again
    after a crash does not count twice, and only when every learner holds it: learners wait for what statistics include,
    and would wait for ever for a worker that ended between its contribution and its episodes.

    ``store`` is called with each contribution before it goes out; given what was stored last as ``stored``, a new process
    goes on as the same incarnation, to the bit. What was stored may be of another run of the same name: it counts only
    if the statistics include its incarnation, which no other run has.
    """

    def __init__(self, worker: int, incarnation: int, space, stored: Contribution | None = None,
                 store: Callable[[Contribution], None] = lambda contribution: None):
        self.worker, self.incarnation, self.space, self._store = worker, incarnation, space, store
        self._waiting: dict[int, tuple[Moments, int]] = {}
        self._newest = stored

    def finish(self, round_: int, observation) -> None:
        """Hold the observations (..., O) of ``round_`` ready."""
        self._waiting = {round_: running_statistics.of_samples(observation.reshape(-1, self.space.size))}

    def next(self, newest_statistics: int, held: int | None, since: int = 0, learners: Iterable[int] = (),
             included: Collection[ContributionId] | None = None) -> Contribution | None:
        """Return the contribution that may go out now, None if there is none.

        newest_statistics: newest version that came. held: rounds of this worker that the normalizer holds, None
        if it has not been heard. since: the round from which on those statistics count. No incarnation's rounds lie on both
        sides of it. learners: for each learner the round after the last one of this worker that it holds. A worker's rounds
        may have gaps, so only a learner whose last round is the one in question is known to hold it. included: what the
        newest statistics include of this worker; None: nothing is known of that, and what was stored is trusted.
        """
        if held is None:
            return None
        known = self._newest is None or included is None or self._is_of_this_run(self._newest.id, included)
        if known and held <= self._last:
            return self._newest if newest_statistics > self._last else None   # stored, and perhaps never heard
        round_ = min(self._waiting, default=-1)
        if round_ < held or newest_statistics <= round_ or any(after != round_ + 1 for after in learners):
            return None
        if self._newest is not None and (
                not known or round_ > self._last + 1 or self._newest.id.first_round < since <= round_):
            self._begin_incarnation()
        contribution = self._with(round_, *self._waiting[round_])
        self._store(contribution)     # raises if it cannot be stored: then nothing has changed
        self._newest = contribution
        del self._waiting[round_]
        return contribution

    def _is_of_this_run(self, key: ContributionId, included: Collection[ContributionId]) -> bool:
        """Whether the run can hold ``key``: this process made it, or the statistics include its incarnation.

        The first contribution of an incarnation, stored and never heard, cannot be told from that of another run: it is
        made again when the round is, with the same bits. One whose rounds another incarnation has would be refused.
        """
        overlapped = any(other.incarnation != key.incarnation and other.first_round <= key.last_round
                         and key.first_round <= other.last_round for other in included)
        return not overlapped and (key.incarnation == self.incarnation
                                   or any(other.incarnation == key.incarnation for other in included))

    def _begin_incarnation(self) -> None:
        """Begin again at count 0.

        There is a gap (the worker was left out for a while, or what was stored is older than what was sent), the
        statistics were reset, or what was stored is not of this run.
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
