"""Which rounds of which workers a consumer holds.

A worker's rounds come in ascending order. They may have gaps: a worker joins late, or was left out for a while
and went on with the round that the others had reached.
"""
from hac_ros.records import Statistics


class Holdings:
    """Rounds held, by worker."""

    def __init__(self, workers: int = 0):
        """``workers``: the workers 0 .. workers - 1 are listed in ``next`` before anything of theirs is held."""
        self._rounds: dict[int, set[int]] = {worker: set() for worker in range(workers)}

    def wants(self, worker: int, round_: int) -> bool:
        """Whether ``round_`` is later than all rounds of ``worker`` that are held."""
        return round_ >= self.next(worker)

    def add(self, worker: int, round_: int) -> None:
        """Hold a round; raises ValueError if it is not wanted."""
        if not self.wants(worker, round_):
            raise ValueError(f'round {round_} of worker {worker} came, {self.next(worker)} or later is wanted')
        self._rounds.setdefault(worker, set()).add(round_)

    def next(self, worker: int) -> int:
        """Return the round after the last one of ``worker`` that is held, 0 if there is none."""
        return max(self._rounds.get(worker, ()), default=-1) + 1

    def all_next(self) -> dict[int, int]:
        """Return worker -> next, for a Receipt."""
        return {worker: self.next(worker) for worker in sorted(self._rounds)}

    def covers(self, statistics: Statistics) -> bool:
        """Whether every round that ``statistics`` include is held."""
        return all(round_ in self._rounds.get(c.worker, ())
                   for c in statistics.includes for round_ in range(c.first_round, c.last_round + 1))

    def state(self) -> list[list[int]]:
        """Return what is held as [worker, first, last] for each gapless stretch, fit for JSON."""
        stretches = []
        for worker in sorted(self._rounds):
            for round_ in sorted(self._rounds[worker]):
                if stretches and stretches[-1][0] == worker and stretches[-1][2] == round_ - 1:
                    stretches[-1][2] = round_
                else:
                    stretches.append([worker, round_, round_])
        return stretches

    def load_state(self, stretches: list[list[int]]) -> None:
        """Hold what ``state`` listed, besides what is held."""
        for worker, first, last in stretches:
            self._rounds.setdefault(worker, set()).update(range(first, last + 1))


def participants(statistics: Statistics, round_: int) -> list[int]:
    """Return the workers whose ``round_`` is included, ascending."""
    return sorted({c.worker for c in statistics.includes if c.first_round <= round_ <= c.last_round})
