"""The table of outcomes: a row for each run, and for several their median and worst."""
import html
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hac_ros.run_history import RunHistory

WORDS = ('run', 'task', 'policy', 'seed')


@dataclass(frozen=True)
class Number:
    """A column: what it is of a run, how it is written, and which of several runs' is the worst.

    Of costs the most is the worst, and a run that has none yet counts as infinite. NaN: not measured.
    """

    title: str
    of: Callable[[RunHistory], float]
    form: str = '.2f'
    cost: bool = False
    absent: str = '–'

    def text(self, value: float) -> str:
        """Return ``value`` as it is written."""
        return f'{value:{self.form}}' if math.isfinite(value) else self.absent

    def over(self, runs: list[RunHistory]) -> tuple[float, float]:
        """Return median and worst of the runs."""
        values = np.array([self.of(run) for run in runs])
        known = values[~np.isnan(values)]
        if not len(known):
            return math.nan, math.nan
        return float(np.median(known)), float(known.max() if self.cost else known.min())


def newest(column: str) -> Callable[[RunHistory], float]:
    """Return the function that gives the newest value of ``column``."""
    return lambda run: values[-1] if len(values := run.measured(column)[1]) else math.nan


def reached_at(run: RunHistory) -> float:
    """Return the environment steps at which the bar was reached."""
    reached = (run.result or {}).get('reached')
    return reached['environment_steps'] if reached else math.inf


NUMBERS = (
    Number('steps', lambda run: run.columns['environment_steps'][-1], ',.0f', cost=True),
    Number('success', newest('evaluation/success_rate')),
    Number('best', lambda run: run.measured('evaluation/success_rate')[1].max(initial=-math.inf)),
    Number('goal as subgoal', newest('evaluation/goal_as_subgoal')),
    Number('random subgoals', newest('evaluation/random_subgoals')),
    Number('low-level accuracy', newest('evaluation/probe_accuracy')),
    Number('bar reached at', reached_at, ',.0f', cost=True, absent='not reached'),
    Number('seconds', lambda run: run.result['seconds'] if run.result else math.inf, ',.0f', cost=True, absent='under way'),
    Number('steps/s', lambda run: float(np.median(speed)) if len(speed := run.measured('wall/steps_per_s')[1]) else math.nan,
           ',.0f'))


def rows(runs: list[RunHistory]) -> list[tuple]:
    """Return a row for each run, as long as WORDS and NUMBERS; of several also the rows median and worst."""
    found = [(run.name, run.task.name, run.setting('run', 'policy', 'hierarchical'), run.seed,
              *(number.text(number.of(run)) for number in NUMBERS)) for run in runs]
    if len(runs) > 1:
        both = zip(*(map(number.text, number.over(runs)) for number in NUMBERS))
        found += [(name, *[''] * (len(WORDS) - 1), *texts) for name, texts in zip(('median', 'worst'), both)]
    return found


def table(head: tuple, lines) -> str:
    """Return an HTML table."""
    body = ''.join('<tr>' + ''.join(f'<td class="number">{html.escape(str(cell))}</td>' for cell in line) + '</tr>\n'
                   for line in lines)
    return '<table><tr>' + ''.join(f'<th>{html.escape(cell)}</th>' for cell in head) + f'</tr>\n{body}</table>'
