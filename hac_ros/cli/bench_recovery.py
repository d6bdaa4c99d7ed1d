"""When a run has recovered from the death of one of its processes, by what its folder tells.

Not by the rows of metrics.csv: those lag several rounds while a verdict is out, and then come at once.
"""
import re

from hac_ros.launching import launch_log
from hac_ros.metrics_table import read_rows
from hac_ros.run_folder import RunFolder

# Of the rounds beyond the newest one that the normalizer holds, the first may be under way; the second begins afterwards,
# and the third not before all consumers hold the second.
BEYOND = 3
_LAST_ROUND = re.compile(rb'"worker": (\d+),.*?"last_round": (\d+)')


def last_rounds(folder: RunFolder) -> dict[int, int]:
    """Return worker -> the last of its rounds in the normalizer's journal.

    Reads only: the normalizer may be writing a line, and ``ContributionJournal.read`` removes incomplete ones.
    """
    path, found = folder.journal / 'normalizer.jsonl', {}
    content = path.read_bytes() if path.exists() else b''
    for worker, last in _LAST_ROUND.findall(content[:content.rfind(b'\n') + 1]):
        found[int(worker)] = max(int(last), found.get(int(worker), -1))
    return found


def next_verdict(folder: RunFolder, every: int) -> int:
    """Return the first round with a verdict to come that was not even evaluated: what it proposed is not written."""
    proposed = [int(path.stem.rpartition('-')[2]) for path in folder.proposals.glob('round-*.safetensors')]
    return every * (max(proposed, default=0) // every + 1)


class Recovery:
    """What follows the death of process ``pid`` with ``label``; made as soon as it was killed."""

    def __init__(self, folder: RunFolder, workers: int, every: int, label: str, pid: int):
        self.folder, self.workers, self.label, self.pid = folder, workers, label, pid
        self.round = max(last_rounds(folder).values(), default=-1) + 1     # under way at the death
        self.verdict = next_verdict(folder, every) if label.startswith('evaluator-') else None
        self.newest: int | None = None      # round that was held when the process had been started again

    def started_again(self) -> bool:
        """Whether the label has another process; a recorder's, whose death ends the run, if the run goes on."""
        if self.newest is None and dict(launch_log.started(self.folder.log / 'launch.log'))[self.label] != self.pid:
            self.newest = max(last_rounds(self.folder).values(), default=-1)
        return self.newest is not None

    def over(self) -> bool:
        """Whether, after that, all workers have completed a round that began since; an evaluator, given its verdict."""
        if not self.started_again():
            return False
        if self.verdict is not None:
            return len(read_rows(self.folder.metrics)) > self.verdict
        held = last_rounds(self.folder)
        return all(held.get(worker, -1) >= self.newest + BEYOND for worker in range(self.workers))
