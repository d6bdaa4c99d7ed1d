"""Diagnosis of a run while it is under way: what has begun to be wrong, and what no longer is."""
import time
from collections.abc import Callable

from hac_ros import diagnosis, run_history
from hac_ros.diagnosis import Finding
from hac_ros.run_folder import RunFolder

SHARE = 0.05     # of the time that looks may take: each reads the whole run, which grows
QUICK = 1.0      # [s] a look that took no longer may be followed by another at once
NEWEST = 10      # evaluations whose subgoals are looked at: the rest only tells since when


class Watch:
    """What is wrong now, by kind; ``look`` brings it up to date. ``clock`` [s]."""

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic):
        self.folder, self.clock, self.free_at = folder, clock, float('-inf')
        self.found: dict[str, Finding] = {}

    def due(self) -> bool:
        """Whether another look would keep within its share of the time."""
        return self.clock() >= self.free_at

    def look(self) -> tuple[list[Finding], list[str]]:
        """Read the run's folder; return what was not wrong before, and the kinds of what no longer is.

        Of several findings of a kind the gravest counts. Raises ValueError or OSError if the folder cannot be read.
        """
        before, began = self.found, self.clock()
        findings, self.found = diagnosis.diagnose(run_history.read(self.folder, NEWEST)), {}
        for finding in findings:
            self.found.setdefault(finding.kind, finding)
        took = self.clock() - began
        self.free_at = self.clock() + (took / SHARE if took > QUICK else 0.0)
        begun = [finding for kind, finding in self.found.items() if kind not in before]
        return begun, [kind for kind in before if kind not in self.found]
