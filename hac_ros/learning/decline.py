"""How far a series of evaluations has fallen: the measure of the warning `decay` and of the return to the best."""
from dataclasses import dataclass

import numpy as np

SPAN = 3     # evaluations that are averaged: one of 100 episodes has a standard error of up to 0.05


@dataclass(frozen=True)
class Decline:
    """The best mean of SPAN successive evaluations, and that of the last SPAN, which came after it."""

    first: int       # index of the first of the best
    before: float    # their mean
    now: float       # the mean of the last

    @property
    def fall(self) -> float:
        """How far the last lie below the best; negative if they are better."""
        return self.before - self.now


def decline(values) -> Decline | None:
    """Return how a series (N,) has fallen; None if there are not twice SPAN values: the spans must not overlap."""
    if len(values) < 2 * SPAN:
        return None
    means = np.convolve(values, np.full(SPAN, 1.0 / SPAN), mode='valid')
    first = int(means[:-SPAN].argmax())
    return Decline(first, float(means[first]), float(means[-1]))
