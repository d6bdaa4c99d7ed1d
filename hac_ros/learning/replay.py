"""Episodes kept for learning, in an order that does not depend on the order of arrival.

One row is one episode of one arm. Rows are found by (round, worker): what is sampled depends on which rounds are
committed, not on when their messages came. float32: positions of metres keep 0.1 micrometre.
"""
import numpy as np

from hac_ros.records import Statistics

BLOCK = 256     # rows by which the arrays grow, at least
SLACK = 0.25    # share of the capacity that may wait to be dropped, so that dropping is rare


class Replay:
    """Growing arrays (rows, ...), one for each name in ``fields`` (name -> shape of a row)."""

    def __init__(self, fields: dict[str, tuple[int, ...]], capacity: int):
        self.capacity = capacity
        self.arrays = {name: np.zeros((0, *shape), dtype=np.float32) for name, shape in fields.items()}
        self.rows = 0
        self.held: dict[tuple[int, int], tuple[int, int]] = {}   # (round, worker) -> first row, rows
        self.seen: dict[tuple[int, int], int] = {}               # (round, worker) -> rows, also those dropped

    def add(self, worker: int, round: int, rows: dict[str, np.ndarray]) -> bool:
        """Hold a round's episodes, arrays (N, ...); return False, changing nothing, if it was held before."""
        if (round, worker) in self.seen:
            return False
        count = len(next(iter(rows.values())))
        self._reserve(self.rows + count)
        for name, array in self.arrays.items():
            array[self.rows:self.rows + count] = rows[name]
        self.held[round, worker] = self.rows, count
        self.seen[round, worker] = count
        self.rows += count
        return True

    def committed(self, statistics: Statistics) -> tuple[np.ndarray, int]:
        """Return the rows of the newest ``capacity`` episodes that ``statistics`` includes, and how many it has in all.

        Raises ValueError if an included round has not been added: learning without it would be another run.
        """
        keys = sorted({(r, c.worker) for c in statistics.includes for r in range(c.first_round, c.last_round + 1)})
        missing = [key for key in keys if key not in self.seen]
        if missing:
            round, worker = missing[0]
            raise ValueError(f'statistics {statistics.version} include round {round} of worker {worker}, '
                             'which has not been added: add its episodes first')
        held = [np.arange(first, first + count) for first, count in (self.held[k] for k in keys if k in self.held)]
        rows = np.concatenate(held) if held else np.zeros(0, dtype=np.int64)
        return rows[-self.capacity:], sum(self.seen[key] for key in keys)

    def drop_before(self, rows: np.ndarray):
        """Free what is not in ``rows`` (of ``committed``) and older than it, once that is worth a copy."""
        if self.rows <= (1 + SLACK) * self.capacity or not len(rows):
            return
        oldest = min(key for key, (first, count) in self.held.items() if first <= rows[0] < first + count)
        kept = {key: span for key, span in sorted(self.held.items()) if key >= oldest}
        order = np.concatenate([np.arange(first, first + count) for first, count in kept.values()])
        for array in self.arrays.values():
            array[:len(order)] = array[order]
        starts = np.cumsum([0] + [count for _, count in kept.values()])
        self.held = {key: (int(start), count) for start, (key, (_, count)) in zip(starts, kept.items())}
        self.rows = len(order)

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Return the used rows of each array and what finds them (made of lists and integers)."""
        info = {'held': [[*key, *span] for key, span in sorted(self.held.items())],
                'seen': [[*key, count] for key, count in sorted(self.seen.items())]}
        return {name: array[:self.rows].copy() for name, array in self.arrays.items()}, info

    def load_state(self, tensors: dict[str, np.ndarray], info: dict):
        """Go on from ``state``; raises ValueError for arrays of another shape."""
        for name, array in self.arrays.items():
            if name not in tensors or tensors[name].shape[1:] != array.shape[1:]:
                came = tensors[name].shape if name in tensors else None
                raise ValueError(f'checkpoint: replay {name} has shape {came}, (rows, {array.shape[1:]}) is wanted')
        self.arrays = {name: np.array(tensors[name], dtype=np.float32) for name in self.arrays}
        self.rows = len(next(iter(self.arrays.values())))
        self.held = {(r, w): (first, count) for r, w, first, count in info['held']}
        self.seen = {(r, w): count for r, w, count in info['seen']}

    def _reserve(self, rows: int):
        size = len(next(iter(self.arrays.values())))
        if rows <= size:
            return
        size = max(rows, size + max(BLOCK, size // 2))
        for name, array in self.arrays.items():
            grown = np.zeros((size, *array.shape[1:]), dtype=np.float32)
            grown[:self.rows] = array[:self.rows]
            self.arrays[name] = grown
