"""A worker's side of the running statistics: what this incarnation has seen in all, one round after the other."""
from hac_ros.learning import running_statistics
from hac_ros.records import Contribution, ContributionId, Moments


class Contributor:
    """Adds each finished round once to a cumulative contribution.

    A round goes in only when the statistics of the round after it are out, so that a version covers exactly the
    rounds that it should, and only if the normalizer does not hold it yet, so that a round that was run again
    after a crash does not count twice.
    """

    def __init__(self, worker: int, incarnation: int, space):
        self.worker, self.incarnation, self.space = worker, incarnation, space
        self._total, self._rejected = running_statistics.empty(space.size), 0
        self._first = self._last = None
        self._sequence = 0
        self._waiting: dict[int, tuple[Moments, int]] = {}

    def finish(self, round_: int, observation) -> None:
        """Hold the observations (..., O) of ``round_`` ready."""
        if self._last is None or round_ > self._last:
            self._waiting[round_] = running_statistics.of_samples(observation.reshape(-1, self.space.size))

    def next(self, newest_statistics: int, held: int | None) -> Contribution | None:
        """Return the contribution that may go out now, None if there is none.

        newest_statistics: newest version that came. held: rounds of this worker that the normalizer holds, None
        if it has not been heard.
        """
        if held is None:
            return None
        self._waiting = {r: m for r, m in self._waiting.items() if r >= held}
        if held not in self._waiting or newest_statistics < held + 1 or (self._last is not None and held <= self._last):
            return None
        moments, rejected = self._waiting.pop(held)
        self._total, self._rejected = running_statistics.merge(self._total, moments), self._rejected + rejected
        self._first, self._last = (held if self._first is None else self._first), held
        self._sequence += 1
        key = ContributionId(self.worker, self.incarnation, self._sequence, self._first, self._last)
        return Contribution(key, self.space.name, self._total, self._rejected)
