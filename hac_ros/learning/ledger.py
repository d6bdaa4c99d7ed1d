"""Which contributions the running statistics are made of.

Contributions are cumulative, so a lost one is made good by the next and a repeated one changes nothing: the
newest of each incarnation is kept and all are merged in a fixed order (Chan et al., "Algorithms for computing
the sample variance", 1983), which makes the result independent of the order of arrival, to the bit.
"""
from hac_ros.learning import running_statistics
from hac_ros.records import Contribution, Moments, Statistics


class Ledger:
    """The normalizer's book: newest contribution of each worker's incarnations, and the versions made of them."""

    def __init__(self, space, workers: int, initial: Moments | None = None, live: bool = True):
        self.space, self.workers, self.live = space, workers, live
        self.initial = running_statistics.empty(space.size) if initial is None else initial
        self._newest: dict[tuple[int, int], Contribution] = {}

    def add(self, contribution: Contribution) -> bool:
        """Keep ``contribution`` if it is the newest of its incarnation; return whether it was.

        Raises ValueError if its rounds overlap those of another incarnation of the worker: they would count twice.
        """
        key = contribution.id
        if key.worker >= self.workers:
            raise ValueError(f'contribution of worker {key.worker} came, workers 0 to {self.workers - 1} are wanted')
        known = self._newest.get((key.worker, key.incarnation))
        if known is not None and known.id.sequence >= key.sequence:
            return False
        for other in self._of(key.worker):
            apart = key.last_round < other.id.first_round or key.first_round > other.id.last_round
            if other.id.incarnation != key.incarnation and not apart:
                raise ValueError(
                    f'contribution of worker {key.worker} for rounds {key.first_round} to {key.last_round} overlaps '
                    f'rounds {other.id.first_round} to {other.id.last_round}, which another incarnation contributed')
        self._newest[key.worker, key.incarnation] = contribution
        return True

    def _of(self, worker: int) -> list[Contribution]:
        own = [c for (number, _), c in self._newest.items() if number == worker]
        return sorted(own, key=lambda c: c.id.first_round)

    def held(self, worker: int) -> int:
        """Return how many rounds of ``worker`` are covered without a gap, from round 0."""
        rounds = 0
        for contribution in self._of(worker):
            if contribution.id.first_round != rounds:
                break
            rounds = contribution.id.last_round + 1
        return rounds

    def contributions(self) -> list[Contribution]:
        """Return the newest contributions in the fixed order of merging: by worker, then first round."""
        return [c for worker in range(self.workers) for c in self._of(worker)]

    def ready(self, version: int) -> bool:
        """Whether every worker's rounds up to ``version`` - 2 are covered."""
        return all(self.held(worker) >= version - 1 for worker in range(self.workers))

    def statistics(self, version: int) -> Statistics:
        """Return statistics ``version``; raises ValueError unless exactly the rounds up to version - 2 are covered."""
        wanted = max(version - 1, 0)
        for worker in range(self.workers):
            if self.held(worker) != wanted:
                raise ValueError(f'statistics {version} cover {wanted} rounds of each worker; '
                                 f'worker {worker} has contributed {self.held(worker)}')
        parts = self.contributions()
        moments = running_statistics.merge_all([self.initial] + [c.moments for c in parts]) if self.live else self.initial
        return Statistics(version, self.space.name, moments, tuple(c.id for c in parts), not self.live,
                          sum(c.rejected for c in parts))
