"""Where the planner sends the gripper, and how much of it the controller reaches."""
import math

import numpy as np
from matplotlib.patches import Circle, Rectangle

from hac_ros.diagnosis import CROWD, crowded
from hac_ros.proposals import Proposals, joined
from hac_ros.report.curves import BLUE, GREEN, GREY, RED, WIDTH, figure, finish
from hac_ros.run_history import RunHistory

MAPS = 8            # of a single run; of several runs each gets one
RECENT = 3          # evaluations that the reach rate is taken from
BINS = 10


def subgoal_maps(runs: list[RunHistory]):
    """Maps of one run over its rounds, or of the newest evaluation of each of several."""
    if len(runs) == 1:
        shown = [(f'round {p.round}', runs[0], p) for p in evenly(runs[0].proposals, MAPS)]
    else:
        newest = [(run, run.proposals[-1]) for run in runs if run.proposals]
        shown = [(f'{run.name}, round {proposed.round}', run, proposed) for run, proposed in newest]
    columns = min(4, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    low, high = extent([(run, proposed) for _, run, proposed in shown])
    shape = (high[0] - low[0]) / (high[1] - low[1])
    whole, axes = figure(rows, columns, (WIDTH / columns - 0.3) * shape + 0.5, sharex=True, sharey=True)
    for each in axes.flat[len(shown):]:
        each.set_axis_off()
    for each, (title, run, proposed) in zip(axes.flat, shown):
        _map(each, title, run, proposed)
        each.set(xlim=(high[1], low[1]), ylim=(low[0], high[0]), aspect='equal')
    if not shown:
        finish(axes[0, 0], 'no proposals were recorded')
        return whole
    for each in axes[-1]:
        each.set_xlabel('y [m]', fontsize=8)
    for each in axes[:, 0]:
        each.set_ylabel('x [m], away from the robot', fontsize=8)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    whole.legend(handles, labels, loc='outside lower center', ncols=4, fontsize=8, frameon=False)
    return whole


def extent(shown: list[tuple[RunHistory, Proposals]], margin: float = 0.04) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest x and y [m] of workspaces and goals, with a margin: (2,) each."""
    boxes = [run.task.workspace for run, _ in shown]
    points = [np.array([box.low[:2], box.high[:2]]) for box in boxes]
    points += [proposed.goal[:, :2] for _, proposed in shown]
    together = np.concatenate(points or [np.array([[1.0, 0.4], [1.6, 1.1]])])
    return together.min(axis=0) - margin, together.max(axis=0) + margin


def evenly(items: list, most: int) -> list:
    """Return at most ``most`` of ``items``, evenly spread, the first and the last among them."""
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))] if items else []


def _map(axes, title: str, run: RunHistory, proposed: Proposals) -> None:
    """Draw a map: the robot stands below, y grows to the left as it sees it."""
    low, high = run.task.workspace.low, run.task.workspace.high
    axes.add_patch(Rectangle((low[1], low[0]), high[1] - low[1], high[0] - low[0], fill=False, color=GREY, lw=0.8))
    goals = np.unique(proposed.goal, axis=0)
    axes.scatter(goals[:, 1], goals[:, 0], s=16, facecolors='none', edgecolors=GREEN, lw=0.7, label='goals', zorder=2)
    for chosen, colour, label in ((proposed.hit, BLUE, 'subgoals, reached'), (~proposed.hit, RED, 'subgoals, missed')):
        at = proposed.subgoal[chosen]
        axes.scatter(at[:, 1], at[:, 0], s=7, color=colour, alpha=0.45, lw=0, label=label, zorder=3)
    axes.set_title(title, fontsize=9, loc='left')
    _mark_crowd(axes, proposed, (low[0] + high[0]) / 2)


def _mark_crowd(axes, proposed: Proposals, middle: float) -> None:
    """Ring the place where most subgoals lie, and say how many: dots on one another look like one."""
    place, share = crowded(proposed)
    if share < 0.5:
        return
    axes.add_patch(Circle((place[1], place[0]), CROWD, fill=False, color=RED, lw=1.2, zorder=4))
    side = -1 if place[0] > middle else 1
    axes.annotate(f'{share:.0%}', (place[1], place[0] + side * CROWD), xytext=(0, side * 9), textcoords='offset points',
                  ha='center', va='center', fontsize=8, color=RED, weight='bold', zorder=5)


def reach_rates(runs: list[RunHistory]):
    """Share of attempts that reached their subgoal, by distance, over the newest evaluations."""
    whole, ((axes,),) = figure(1, 1)
    parts = [p for run in runs for p in run.proposals[-RECENT:]]
    if parts:
        centres, rate, count = rates(joined(parts))
        width = centres[1] - centres[0]
        axes.bar(centres * 100, rate, width * 90, color=BLUE, alpha=0.75, label='reached')
        for x, y, number in zip(centres, rate, count):
            axes.annotate(str(number), (x * 100, min(y, 1.0)), xytext=(0, 3), textcoords='offset points', ha='center',
                          fontsize=7, color=GREY)
    finish(axes, f'Reach rate by distance, last {RECENT} evaluations', 'share', 'distance of the subgoal when it was '
           'proposed [cm]', ylim=(0, 1.15))
    return whole


def rates(proposed: Proposals, bins: int = BINS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centres [m], reach rate (NaN where there is none) and number of the whole attempts, by distance, (B,)."""
    distance, hit = proposed.distance[proposed.ended], proposed.hit[proposed.ended]
    edges = np.linspace(0.0, max(float(distance.max(initial=0.0)), 0.05) + 1e-6, bins + 1)
    at = np.digitize(distance, edges) - 1
    count = np.bincount(at, minlength=bins)
    reached = np.bincount(at, weights=hit, minlength=bins)
    return (edges[:-1] + edges[1:]) / 2, np.where(count > 0, reached / np.maximum(count, 1), np.nan), count
