"""Diagnosis of a run while it is under way: what has begun to be wrong, and what no longer is."""
from hac_ros import diagnosis, run_history
from hac_ros.diagnosis import Finding
from hac_ros.run_folder import RunFolder

NEWEST = 10      # evaluations whose subgoals are looked at: the rest only tells since when


class Watch:
    """What is wrong now, by kind; ``look`` brings it up to date."""

    def __init__(self, folder: RunFolder):
        self.folder = folder
        self.found: dict[str, Finding] = {}

    def look(self) -> tuple[list[Finding], list[str]]:
        """Read the run's folder; return what was not wrong before, and the kinds of what no longer is.

        Of several findings of a kind the gravest counts. Raises ValueError or OSError if the folder cannot be read.
        """
        before, self.found = self.found, {}
        for finding in diagnosis.diagnose(run_history.read(self.folder, NEWEST)):
            self.found.setdefault(finding.kind, finding)
        begun = [finding for kind, finding in self.found.items() if kind not in before]
        return begun, [kind for kind in before if kind not in self.found]
