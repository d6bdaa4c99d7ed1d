"""The figures of a report: each a function of runs, with the words that stand above and below it."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hac_ros.report.curves import AMBER, BLUE, GREEN, GREY, RED, draw, figure, finish
from hac_ros.report.maps import reach_rates, subgoal_maps
from hac_ros.report.normalizer import statistics
from hac_ros.run_history import RunHistory

LEVELS = (('planner', BLUE), ('controller', AMBER))


@dataclass(frozen=True)
class Plot:
    """A figure: its file's name, its title, how to read it, and what draws it."""

    name: str
    title: str
    words: str
    draw: Callable[[list[RunHistory]], object]


def success(runs: list[RunHistory]):
    """Success of the whole, accuracy of the low level."""
    whole, ((left, right),) = figure(1, 2)
    draw(left, runs, 'evaluation/success_rate', 'evaluation', BLUE)
    if len(runs) == 1:
        draw(left, runs, 'planner/success', 'training', GREY, lw=0.8)
    bar = runs[0].setting('evaluation', 'bar', 2.0) or runs[0].setting('evaluation', 'usual_bar')
    if bar <= 1.0:
        left.axhline(bar, color=RED, lw=0.8, ls='--', label=f'bar {bar:g}')
    finish(left, 'High level: success', 'share of episodes', ylim=(-0.03, 1.03))
    draw(right, runs, 'evaluation/probe_accuracy', 'on the probes', AMBER)
    draw(right, runs, 'evaluation/controller_accuracy', 'on the planner\'s subgoals', GREEN, lw=0.8)
    finish(right, 'Low level: accuracy', 'share of subgoals reached', ylim=(-0.03, 1.03))
    return whole


def losses(runs: list[RunHistory]):
    """Losses of actors and critics."""
    whole, axes = figure(2, 2, 2.4, sharex=True)
    for row, (level, colour) in zip(axes, LEVELS):
        for each, kind in zip(row, ('actor', 'critic')):
            draw(each, runs, f'{level}/{kind}_loss', level, colour, worse=np.max)
            finish(each, f'{level.capitalize()}: {kind} loss')
    return whole


def rewards(runs: list[RunHistory]):
    """Mean reward a step of each level, while it explores."""
    whole, ((left, right),) = figure(1, 2)
    for axes, (level, colour) in zip((left, right), LEVELS):
        draw(axes, runs, f'{level}/mean_reward', level, colour)
        finish(axes, f'{level.capitalize()}: mean reward of a step, exploring', '', ylim=(-1.03, 0.03))
    return whole


def values(runs: list[RunHistory]):
    """What the critics expect, and what came of it."""
    whole, ((left, middle, right),) = figure(1, 3)
    draw(left, runs, 'planner/q_start', 'expected (Q)', BLUE)
    draw(left, runs, 'evaluation/return_start', 'returned', RED)
    draw(middle, runs, 'controller/q_start', 'expected (Q)', AMBER)
    draw(middle, runs, 'evaluation/controller_return_low', 'returned, at least', RED)
    draw(middle, runs, 'evaluation/controller_return_high', 'and at most', GREEN)
    for axes, level in ((left, 'planner'), (middle, 'controller')):
        axes.axhline(runs[0].lowest(level), color=GREY, lw=0.8, ls='--', label='least possible')
    finish(left, 'Planner: an episode', 'discounted return')
    finish(middle, 'Controller: its first attempt')
    for level, colour in LEVELS:
        draw(right, runs, f'{level}/q_mean', level, colour)
    finish(right, 'Mean Q of the updates')
    return whole


def diversity(runs: list[RunHistory]):
    """How much subgoals depend on the state."""
    whole, ((left, right),) = figure(1, 2)
    draw(left, runs, 'evaluation/subgoal_diversity', 'in evaluations', BLUE)
    draw(left, runs, 'planner/subgoal_std', 'over fixed states', GREY)
    if runs[0].proposals:
        spread = runs[0].proposals[-1].goal.std(axis=0).mean()
        left.axhline(spread, color=GREEN, lw=0.8, ls='--', label='spread of the goals')
    finish(left, 'Spread of the subgoals', 'standard deviation [m]')
    left.set_ylim(bottom=0.0)
    draw(right, runs, 'evaluation/action_diversity', 'planner\'s actions', BLUE)
    right.axhline(0.58, color=GREY, lw=0.8, ls='--', label='uniform')
    finish(right, 'Spread of the planner\'s actions (-1 to 1)', 'standard deviation')
    right.set_ylim(bottom=0.0)
    return whole


def timing(runs: list[RunHistory]):
    """Wall clock of a round and of each part of it, evaluations apart: one that confirms takes many times as long."""
    whole, ((left, middle, right),) = figure(1, 3, 2.4)
    for column, label, colour in (('wall/round', 'whole round', GREEN), ('wall/planner_learning', 'planner learns', BLUE),
                                  ('wall/controller_learning', 'controller learns', AMBER)):
        draw(left, runs, column, label, colour, worse=np.max)
    draw(middle, runs, 'wall/steps_per_s', 'training', GREEN)
    draw(right, runs, 'wall/evaluation', 'evaluation', GREY, worse=np.max)
    for axes, title, unit in ((left, 'A round', 'seconds'), (middle, 'Environment steps', 'a second'),
                              (right, 'An evaluation', 'seconds')):
        finish(axes, title, unit)
        axes.set_ylim(bottom=0.0)
    return whole


PLOTS = (
    Plot('success', 'Success and accuracy',
         'Left: share of episodes that end at their goal. Right: share of subgoals that the controller reaches, on the '
         'fixed probes and on those that the planner asks for. If the right falls the left follows.', success),
    Plot('subgoals', 'Where the planner sends the gripper',
         'The table from above, a map for each of up to eight evaluations: rings are goals, dots are subgoals, blue '
         'where the controller reached them, red where not; the box is the workspace. Subgoals of a healthy planner '
         'spread as goals do. A collapse is a single dot, or a corner, however the goals lie.', subgoal_maps),
    Plot('diversity', 'Diversity of the subgoals',
         'A planner that looks at the state gives other subgoals for other goals. Near zero: the same whatever '
         'the state.', diversity),
    Plot('reach', 'Reach rate by distance',
         'Share of subgoals that the controller reached, by how far away they were proposed; the number is that of '
         'the attempts. It should be high up to the distance that an attempt allows for.', reach_rates),
    Plot('rewards', 'Rewards', 'Mean over the steps of training episodes, with exploration: 0 is best, -1 worst.',
         rewards),
    Plot('losses', 'Losses',
         'They tell whether the gradient steps are sound, not whether the behaviour is: those of a collapsed planner '
         'stay in the usual range.', losses),
    Plot('values', 'Q against returns',
         'What critics expect at the start, and the discounted return that the evaluation gave. Left, the planner, an '
         'episode: they should meet; a gap of a quarter of the range is warned of. Middle, the controller, the first '
         'attempt of an episode: Q should lie between both returns, since how an attempt that missed would have gone '
         'on is not known.', values),
    Plot('normalizer', 'Running statistics against recent data',
         'For each dimension the mean of the last five rounds (dot) and their standard deviation (bar), in units of '
         'the statistics: the grey band is what networks take as usual. Right: distance of the means, by round.',
         statistics),
    Plot('timing', 'Timing', 'A round lasts from the end of the one before to its own, waiting for evaluations included. '
         'Learning and evaluation run beside the collection of rounds; a long evaluation has confirmed a bar, or made a '
         'film.', timing),
)
