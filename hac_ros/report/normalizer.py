"""The running statistics against the data of the last rounds, for each named dimension."""
import numpy as np

from hac_ros.report.curves import BLUE, RED, figure, finish
from hac_ros.run_history import RunHistory

ROW = 0.17          # [inch] of a dimension
LIMIT = 3.0         # standard deviations shown


def statistics(runs: list[RunHistory]):
    """Mean and spread of recent data in units of the statistics, and the distance of the means by round."""
    known = [run for run in runs if run.statistics is not None]
    if not known:
        whole, ((axes,),) = figure()
        finish(axes, 'no statistics were kept')
        return whole
    names = known[0].statistics.names
    whole, ((left, right),) = figure(1, 2, max(2.6, ROW * len(names) + 1.2), sharey=True)
    rows = np.arange(len(names))
    left.axvspan(-1.0, 1.0, color='0.92', lw=0, label='statistics: mean ± 1 std')
    for number, run in enumerate(known):
        _recent(left, run, rows + (number - (len(known) - 1) / 2) * 0.6 / len(known), number == 0)
    left.set_yticks(rows, names, fontsize=7)
    left.set_ylim(len(names) - 0.4, -0.6)
    finish(left, 'Recent data', '', 'standard deviations of the statistics', xlim=(-LIMIT, LIMIT))
    left.get_legend().remove()
    whole.legend(*left.get_legend_handles_labels(), loc='outside lower left', ncols=3, fontsize=7, frameon=False)
    shift = np.abs(known[0].statistics.shift)
    image = right.imshow(shift.T, aspect='auto', cmap='Reds', vmin=0.0, vmax=1.5, interpolation='nearest',
                         extent=(-0.5, len(shift) - 0.5, len(names) - 0.5, -0.5))
    right.grid(False)
    right.set_title('Distance of the means by round' + (f', {known[0].name}' if len(known) > 1 else ''), fontsize=10,
                    loc='left')
    right.set_xlabel('round', fontsize=8)
    whole.colorbar(image, ax=right, label='standard deviations').ax.tick_params(labelsize=7)
    return whole


def _recent(axes, run: RunHistory, rows: np.ndarray, labelled: bool) -> None:
    shift, widening = run.statistics.shift[-1], run.statistics.widening[-1]
    shown = np.clip(shift, -LIMIT, LIMIT)
    far = np.abs(shift) > 1.0
    for chosen, colour, label in ((~far, BLUE, 'recent data: mean ± 1 std'), (far, RED, 'mean further than 1')):
        if chosen.any():
            axes.errorbar(shown[chosen], rows[chosen], xerr=widening[chosen], fmt='o', ms=3, lw=1.0, color=colour,
                          label=label if labelled else None)
