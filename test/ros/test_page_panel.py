"""The metrics beside the scene, on a real viser server without a browser: cheap, however long a run is."""
import math
from types import SimpleNamespace

import numpy as np
import pytest
import viser

from hac_ros.nodes.page_curves import CURVES, POINTS
from hac_ros.nodes.page_panel import REDRAW, PagePanel

ROUNDS, BEST = 20_000, 1003


@pytest.fixture
def shown():
    """A panel, and its time."""
    server, one = viser.ViserServer('127.0.0.1', 0, verbose=False), SimpleNamespace(now=100.0)
    one.panel = PagePanel(server.gui, 'a', 0, 4, clock=lambda: one.now)
    yield one
    server.stop()


def add_rounds(panel, rounds):
    """Add rounds as a run measures them: it is evaluated in every fourth, best in BEST."""
    for round_ in rounds:
        panel.add_metrics(round_, {'planner/success': round_ / ROUNDS, 'controller/accuracy': 0.5, 'planner/updates': 3.0})
        if round_ % 4 == 3:
            panel.add_metrics(round_, {'evaluation/success_rate': 0.96 if round_ == BEST else 0.6})


def drawn(panel):
    """Return what is drawn: rounds, and name -> values."""
    rounds, *curves = panel.plot.data
    return rounds, dict(zip(CURVES, curves))


def test_of_a_short_run_every_round_is_drawn(shown):
    add_rounds(shown.panel, [*range(8, 12), *range(8), *range(12, POINTS)])      # in whatever order they come
    shown.panel.refresh()
    rounds, curves = drawn(shown.panel)
    assert rounds.tolist() == list(range(POINTS))
    assert np.array_equal(curves['planner/success'], np.arange(POINTS) / ROUNDS)
    assert np.flatnonzero(np.isfinite(curves['evaluation/success_rate'])).tolist() == list(range(3, POINTS, 4))


def test_a_single_round_has_no_curves(shown):
    add_rounds(shown.panel, [0])
    shown.panel.refresh()
    assert not shown.panel.plot.visible and 'planner/updates' in shown.panel.metrics.content


def test_of_a_long_run_about_a_thousand_points_are_kept_and_drawn_the_newest_and_the_best_among_them(shown):
    add_rounds(shown.panel, range(ROUNDS))
    shown.panel.show_metrics()
    rounds, curves = drawn(shown.panel)
    assert POINTS / 2 < len(rounds) <= 1.1 * POINTS and len(shown.panel.rows) <= 2 * POINTS
    assert (rounds[0], rounds[-1]) == (0, ROUNDS - 1) and (np.diff(rounds) > 0).all()
    for name in CURVES:
        at = rounds[np.isfinite(curves[name])]
        assert len(at) > POINTS / 5 and np.diff(at).max() <= 4 * ROUNDS / POINTS, name
    evaluated = curves['evaluation/success_rate']
    assert np.nanmax(evaluated) == 0.96 and rounds[np.nanargmax(evaluated)] == BEST
    assert np.array_equal(curves['planner/success'], rounds / ROUNDS)


def test_metrics_are_drawn_at_most_once_in_a_while(shown):
    add_rounds(shown.panel, range(2))
    shown.panel.refresh()
    add_rounds(shown.panel, range(2, 4))
    shown.now += 0.9 * REDRAW
    shown.panel.refresh()
    assert len(drawn(shown.panel)[0]) == 2 and 'evaluation/success_rate' not in shown.panel.metrics.content
    shown.now += 0.2 * REDRAW
    shown.panel.refresh()
    assert len(drawn(shown.panel)[0]) == 4 and '| evaluation/success_rate | 0.6 |' in shown.panel.metrics.content


def test_the_newest_value_is_that_of_the_highest_round_that_has_one(shown):
    for round_, value in ((5, 0.5), (3, 0.3), (7, math.nan)):
        shown.panel.add_metrics(round_, {'controller/accuracy': value})
    shown.panel.refresh()
    assert '| controller/accuracy | 0.5 |' in shown.panel.metrics.content
    shown.panel.add_metrics(5, {'controller/accuracy': 0.75})
    shown.panel.show_metrics()
    assert '| controller/accuracy | 0.75 |' in shown.panel.metrics.content
