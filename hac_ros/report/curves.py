"""Curves over environment steps: of one run as it is; of several as median, worst and a band for the median."""
import numpy as np
from matplotlib.figure import Figure

from hac_ros.randomness import generator
from hac_ros.run_history import RunHistory

BLUE, AMBER, GREEN, RED, GREY, DARK = '#2968d8', '#e08a00', '#1f9d57', '#d63a36', '#9aa0a6', '#30343b'
WIDTH, HEIGHT = 9.0, 3.0     # [inch]
RESAMPLES, CONFIDENCE = 1000, 0.95


def figure(rows: int = 1, columns: int = 1, height: float = HEIGHT, **options):
    """Return a figure and its axes, (rows, columns) of them."""
    whole = Figure(figsize=(WIDTH, height * rows), layout='constrained', dpi=100)
    axes = whole.subplots(rows, columns, squeeze=False, **options)
    for each in axes.flat:
        each.grid(alpha=0.25)
        each.spines[['top', 'right']].set_visible(False)
        each.tick_params(labelsize=8)
    return whole, axes


def draw(axes, runs: list[RunHistory], column: str, label: str, colour: str, worse=np.min, lw: float = 1.6) -> bool:
    """Draw ``column`` of the runs; return whether there was anything to draw. ``worse`` picks the worst of values."""
    series = [run.measured(column) for run in runs]
    series = [(steps, values) for steps, values in series if len(values)]
    if not series:
        return False
    if len(series) == 1:
        axes.plot(*series[0], color=colour, label=label, lw=lw, marker='.' if len(series[0][0]) < 40 else None)
        return True
    steps, values = aligned(series)
    low, high = band(values)
    axes.plot(steps, np.median(values, axis=0), color=colour, label=f'{label}, median of {len(series)}', lw=lw)
    axes.plot(steps, worse(values, axis=0), color=colour, lw=1.0, ls=':', label=f'{label}, worst')
    axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
    return True


def aligned(series: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return all steps (S,) at which any run was measured, and each run's newest value there (R, S).

    A run that has ended keeps its last value; the curves begin where all runs have one.
    """
    grid = np.unique(np.concatenate([steps for steps, _ in series]))
    grid = grid[grid >= max(steps[0] for steps, _ in series)]
    newest = [np.searchsorted(steps, grid, side='right') - 1 for steps, _ in series]
    return grid, np.array([values[at] for (_, values), at in zip(series, newest)])


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the bootstrap's 95 % interval for the median of runs (R, S), each (S,)."""
    chosen = generator(0, 'report_band').integers(0, len(values), (RESAMPLES, len(values)))
    medians = np.median(values[chosen], axis=1)
    tail = 50 * (1 - CONFIDENCE)
    return tuple(np.percentile(medians, [tail, 100 - tail], axis=0))


def finish(axes, title: str, y: str = '', x: str = 'environment steps', **limits) -> None:
    """Put title, names of the axes and a legend on ``axes``."""
    axes.set_title(title, fontsize=10, loc='left', color=DARK)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.set(**limits)
    if x == 'environment steps':
        axes.xaxis.set_major_formatter(lambda value, _: f'{value / 1000:g} k' if value else '0')
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, framealpha=0.75, edgecolor='none')     # of several runs it may lie over curves
    else:
        axes.text(0.5, 0.5, 'not measured in this run', transform=axes.transAxes, ha='center', color=GREY, fontsize=9)
