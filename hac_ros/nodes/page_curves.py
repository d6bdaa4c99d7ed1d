"""The curves beside the scene of the page: which, and few enough points for a browser, however long a run is."""
import math

import numpy as np

CURVES = {'evaluation/success_rate': ('evaluated success', '#2f9e44'), 'planner/success': ('success', '#1c7ed6'),
          'controller/accuracy': ('subgoals reached', '#e8590c')}
POINTS = 1000     # the plot is less than 500 pixels wide, and each drawing of it is sent whole
SHARE = POINTS // 2      # of each curve, at most: two of the three are measured in the same rounds
SERIES = ({'label': 'round'},
          *({'label': label, 'stroke': colour, 'width': 2, 'spanGaps': True} for label, colour in CURVES.values()))
# A little more than the shares' 0 to 1: the topmost label would be cut, and curves would run along the edge
SCALES = {'x': {'time': False}, 'y': {'range': (-0.03, 1.05)}}
Rows = dict[int, dict[str, float]]     # round -> name -> value


def columns(rows: Rows) -> tuple[np.ndarray, ...]:
    """Return the rounds (R,) in their order, and each curve's values (R,), NaN where it was not measured."""
    rounds = sorted(rows)
    values = (np.array([rows[round_].get(name, math.nan) for round_ in rounds]) for name in CURVES)
    return np.array(rounds, dtype=np.float64), *values


def thinned(rows: Rows) -> Rows:
    """Return the rows of about POINTS rounds, all where there are no more: spread evenly, the newest among them.

    Each curve has its own share, since evaluations are in few of the rounds: the first value of each stretch of rounds, its
    newest, and its highest (the newest of equal ones), so that the best evaluation stays. Stretches only ever double, so
    that what is thinned again and again stays as even as what is thinned once.
    """
    if len(rows) <= POINTS:
        return rows
    rounds, *curves = columns(rows)
    kept = {int(rounds[-1])}
    for values in curves:
        known = np.isfinite(values)
        at, values = rounds[known], values[known]
        if len(at):
            stretch = 2 ** math.ceil(math.log2(max((at[-1] - at[0]) / SHARE, 1)))
            _, first = np.unique(at // stretch, return_index=True)
            kept.update(at[first].astype(int).tolist(), map(int, (at[-1], at[values == values.max()][-1])))
    return {round_: rows[round_] for round_ in sorted(kept)}
