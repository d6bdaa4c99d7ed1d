"""When training goes back to the best networks that were evaluated: a pure function of the evaluations' success.

Version v of the weights is trained on the rounds up to v - 2. Round v - 2 began only after the verdict of every
evaluated version up to v - 2 - lag (protocol.Schedule), so those are what v relies on: they are there, or on their way,
whatever died, and nothing else may have an influence.
"""
from dataclasses import dataclass

from hac_ros.learning.decline import SPAN, Decline, decline
from hac_ros.records import LAG

WORTH, LEFT = 0.1, 0.1    # collapse: less than LEFT of it is left, and it was WORTH, which chance alone does not give


@dataclass(frozen=True)
class Return:
    """Training of ``version`` begins with the networks of version ``best``, which succeeded in ``success`` episodes."""

    version: int
    best: int
    success: float    # share
    decline: Decline

    def told(self) -> str:
        """Return what happens, and why, in words."""
        return (f'success fell from {self.decline.before:.2f} to {self.decline.now:.2f} (means of {SPAN} evaluations): '
                f'version {self.version} goes on from the networks of version {self.best} (success {self.success:.2f})')


class ReturnRule:
    """Decides before a version is trained. ``limit``: fall of the success that is too far; 0: nothing is asked or kept.

    ``every``, ``lag``: rounds, as in EvaluationConfig. A success that has fallen to about nothing is too far for any
    limit. After a return the best span counts on, and of the evaluations only those of later networks.
    """

    def __init__(self, limit: float, every: int, lag: int):
        self.limit, self.every, self.lag = limit, every, lag
        self.verdicts: dict[int, float] = {}     # evaluated version -> share of successes, as heard
        self.returns: list[Return] = []
        self.best: int | None = None             # of the verdicts that were taken; the later of equal ones
        self._counted: list[float] = []
        self._since = 0                          # first version whose evaluation counts

    def evaluates(self, version: int) -> bool:
        """Whether a verdict on ``version`` will be asked for. (That on a run's last version comes after all training.)"""
        return self.limit > 0 and version > 0 and version % self.every == 0

    def relies_on(self, version: int) -> int | None:
        """Return the evaluated version whose verdict ``version`` is the first to rely on, None if there is none."""
        evaluated = version - LAG - self.lag
        return evaluated if self.evaluates(evaluated) else None

    def hear(self, version: int, success: float) -> None:
        """Note a verdict: the first on a version holds. Raises ValueError for a success that is no share."""
        if not self.evaluates(version):
            return
        if not 0.0 <= success <= 1.0:
            raise ValueError(f'evaluation of version {version}: success {success} came, 0 to 1 is wanted')
        self.verdicts.setdefault(version, success)

    def lacks(self, version: int) -> bool:
        """Whether ``version`` relies on a verdict that was not heard."""
        needed = self.relies_on(version)
        return needed is not None and needed not in self.verdicts

    def begin(self, version: int) -> Return | None:
        """Take the verdict that ``version`` relies on, and return what is due before it is trained.

        Call it once for every version in ascending order. Raises KeyError if ``version`` lacks its verdict.
        """
        evaluated = self.relies_on(version)
        if evaluated is None:
            return None
        success = self.verdicts[evaluated]
        if self.best is None or success >= self.verdicts[self.best]:
            self.best = evaluated
        if evaluated < self._since:
            return None
        self._counted.append(success)
        found = decline(self._counted)
        if found is None or not self._is_too_far(found):
            return None
        self._counted = self._counted[found.first:found.first + SPAN]
        self._since = version
        self.returns.append(Return(version, self.best, self.verdicts[self.best], found))
        return self.returns[-1]

    def taken(self, version: int) -> dict[int, float]:
        """Return the verdicts that the versions up to ``version`` rely on: with them ``begin`` gives the same again."""
        return {evaluated: self.verdicts[evaluated] for evaluated in sorted(self.verdicts)
                if evaluated <= version - LAG - self.lag}

    def _is_too_far(self, found: Decline) -> bool:
        collapsed = found.before >= WORTH and found.now <= LEFT * found.before
        return found.fall > self.limit or collapsed
