"""How good a policy was found to be, and whether that is better than the best so far."""
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """What the evaluation of one version of the weights found.

    success: of the evaluation's episodes. confirmed: of the fresh ones, NaN where there were none. distance: mean at their ends [m].
    """

    version: int
    success: float
    confirmed: float
    distance: float

    @classmethod
    def of_report(cls, report: dict) -> 'Standing':
        """Return what a bundle's report says; it has None where a number was NaN."""
        confirmed = report['confirmed']
        return cls(report['round'], report['success_rate'], math.nan if confirmed is None else confirmed,
                   report['mean_final_distance'])

    def reached(self, aim: float) -> bool:
        """Whether fresh episodes confirmed ``aim``."""
        return self.confirmed >= aim

    def holds_against(self, best: 'Standing | None', aim: float) -> bool:
        """Whether this is to be kept in place of ``best``: it is no worse, or there is none."""
        return best is None or self.rank(aim) >= best.rank(aim)

    def rank(self, aim: float) -> tuple[bool, float, float]:
        """Return what is greater for a better policy: a confirmed aim, then success as far as it is known, then distance."""
        return self.reached(aim), self.success if math.isnan(self.confirmed) else self.confirmed, -self.distance


def wants_confirmation(best: Standing | None, version: int, success: float, aim: float) -> bool:
    """Return whether fresh episodes shall confirm ``success``: once the aim is confirmed, only what seems to be better.

    The best version itself is confirmed again where it is evaluated again: a process may have ended before it told of it.
    """
    if success < aim:
        return False
    return best is None or not best.reached(aim) or best.version == version or success > best.confirmed
