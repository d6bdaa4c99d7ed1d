"""Which contributions the running statistics are made of.

Contributions are cumulative, so a lost one is made good by the next and a repeated one changes nothing: the
newest of each incarnation is kept and all are merged in a fixed order (Chan et al., "Algorithms for computing
the sample variance", 1983), which makes the result independent of the order of arrival, to the bit.
"""
from collections import Counter, deque

import numpy as np

from hac_ros.learning import running_statistics
from hac_ros.records import LAG, Change, Contribution, Moments, Statistics

RECENT = 5      # versions whose new data count as recent


class Ledger:
    """The normalizer's book: newest contribution of each worker's incarnations, and the versions made of them.

    ``workers``: a version waits for the workers 0 .. workers - 1 from the start, and for every other one from its first
    contribution on; not for those that were left out, until they contribute again. One that was left out time and
    again is waited for only when it has caught up by itself: otherwise it would hold up all others for ever.
    ``frames``: observations of a worker's round, which every contribution must have; None: they are not counted.
    """

    TRIES = 3

    def __init__(self, space, workers: int, initial: Moments | None = None, live: bool = True,
                 frames: int | None = None):
        self.space, self.frozen, self._frames = space, not live, frames
        self.initial = running_statistics.empty(space.size) if initial is None else initial
        self.since = 0                               # rounds from this one on are added to ``initial``
        self.version = 0                             # the next to be made
        self._moments = self.initial                 # of the version before
        self.awaited: set[int] = set(range(workers))
        self._newest: dict[tuple[int, int], Contribution] = {}
        self._left_out: Counter = Counter()          # worker -> how often
        self._totals = deque([running_statistics.empty(space.size)], RECENT + 1)   # all data of the newest versions
        self._made: Statistics | None = None

    def enter(self, entry: Contribution | Change | int) -> None:
        """Take an entry of the normalizer's journal: a contribution, a change, or the number of a worker that was left out."""
        {int: self.leave_out, Change: self.apply}.get(type(entry), self.add)(entry)

    def add(self, contribution: Contribution) -> bool:
        """Keep ``contribution`` if it is the newest of its incarnation; return whether it was.

        Raises ValueError if its rounds overlap those of another incarnation of the worker (they would count twice)
        or run ahead of the versions, or if it has not as many samples as its rounds.
        """
        key = contribution.id
        self._check_samples(contribution)
        known = self._newest.get((key.worker, key.incarnation))
        if known is not None and known.id.sequence >= key.sequence:
            return False
        if key.last_round > self.version - LAG:
            raise ValueError(f'contribution of worker {key.worker} for round {key.last_round} came, but statistics '
                             f'{key.last_round + 1} are not out yet')
        if key.first_round < self.since <= key.last_round:
            raise ValueError(f'contribution of worker {key.worker} for rounds {key.first_round} to {key.last_round} came, '
                             f'but the statistics count anew from round {self.since} on: one incarnation must not hold both')
        for other in self._of(key.worker):
            apart = key.last_round < other.id.first_round or key.first_round > other.id.last_round
            if other.id.incarnation != key.incarnation and not apart:
                raise ValueError(
                    f'contribution of worker {key.worker} for rounds {key.first_round} to {key.last_round} overlaps '
                    f'rounds {other.id.first_round} to {other.id.last_round}, which another incarnation contributed')
        self._newest[key.worker, key.incarnation] = contribution
        if self._left_out[key.worker] < self.TRIES or self.held(key.worker) >= self.version - 1:
            self.awaited.add(key.worker)
        return True

    def _check_samples(self, contribution: Contribution) -> None:
        key, came = contribution.id, contribution.moments.count + contribution.rejected
        rounds = key.last_round - key.first_round + 1
        what = f'contribution of worker {key.worker} for rounds {key.first_round} to {key.last_round}'
        if rounds < 1:
            raise ValueError(f'{what} came: it ends before it begins')
        if self._frames is not None and came != rounds * self._frames:
            raise ValueError(f'{what}: {came} samples came, {rounds} x {self._frames} = {rounds * self._frames} are wanted')

    def _of(self, worker: int) -> list[Contribution]:
        own = [c for (number, _), c in self._newest.items() if number == worker]
        return sorted(own, key=lambda c: c.id.first_round)

    def workers(self) -> list[int]:
        """Return the workers that are awaited or have contributed, ascending."""
        return sorted(self.awaited | {worker for worker, _ in self._newest})

    def held(self, worker: int) -> int:
        """Return the round after the last one of ``worker`` that is covered, 0 if there is none."""
        return max((c.id.last_round + 1 for c in self._of(worker)), default=0)

    def contributions(self) -> list[Contribution]:
        """Return the newest contributions in the fixed order of merging: by worker, then first round."""
        return [c for worker in self.workers() for c in self._of(worker)]

    def overdue(self) -> list[int]:
        """Return the workers that the next version still waits for, ascending."""
        return sorted(worker for worker in self.awaited if self.held(worker) < self.version - 1)

    def leave_out(self, worker: int) -> None:
        """Wait for ``worker`` no longer, until it contributes again."""
        self.awaited.discard(worker)
        self._left_out[worker] += 1

    def ready(self) -> bool:
        """Whether the next version can be made: somebody is awaited, and everybody has contributed."""
        return bool(self.awaited) and not self.overdue()

    def make(self) -> Statistics:
        """Make the next version; raises ValueError if it is not ready."""
        if not self.ready():
            raise ValueError(f'statistics {self.version} wait for the workers {self.overdue()}')
        parts = self.contributions()
        if not self.frozen:
            counted = [c.moments for c in parts if c.id.first_round >= self.since]
            self._moments = running_statistics.merge_all([self.initial, *counted])
        made = Statistics(self.version, self.space.name, self._moments, tuple(c.id for c in parts), self.frozen,
                          sum(c.rejected for c in parts), self.since)
        self.version += 1
        self._made = made
        self._totals.append(running_statistics.merge_all([c.moments for c in parts], self.space.size))
        return made

    def apply(self, change: Change) -> None:
        """Freeze, go on, or start from other moments, from the next version on.

        Rounds that can have been contributed before that version is out do not count in what starts anew; all later ones
        do. Frozen statistics still name what is committed. Raises ValueError if ``change`` is of another version.
        """
        if change.version != self.version:
            raise ValueError(f'a change of statistics {change.version} came, {self.version} is the next version')
        self.frozen = change.frozen
        if change.moments is not None:
            self.initial = self._moments = change.moments
            self.since = max(0, self.version - 1)

    def drift(self) -> float:
        """Return how far the mean of the recent data is from that of the newest version, in its standard deviations.

        The greatest distance of all dimensions; NaN while there are no data.
        """
        recent = running_statistics.remove(self._totals[-1], self._totals[0])
        if self._made is None or not recent.count:
            return float('nan')
        moments = self._made.moments
        away = recent.mean - running_statistics.mean(moments)
        return float(np.abs(away / running_statistics.std(moments, self.space.floor)).max())

    def frames(self) -> int:
        """Return how many observations the contributions hold, those that were rejected included."""
        return sum(c.moments.count + c.rejected for c in self._newest.values())
