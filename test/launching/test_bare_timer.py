"""Claims about the timer that deployments are compared with: it counts what it missed, and how long work took."""
import threading

from hac_ros.cli import bare_timer


def ended_after(periods: int):
    """An ``ended`` that waits as it is told, and says so after so many waits of some length."""
    waits = []

    def ended(wait: float) -> bool:
        waits.append(wait)
        threading.Event().wait(wait + 1e-3)     # never early: each wait is then a period
        return len(waits) > periods
    return ended


def test_each_wait_is_a_period_and_those_that_went_by_are_counted_with_it():
    found = bare_timer.measure(0.05, ended_after(6))
    assert found['periods'] - found['missed'] == 6 and 0.0 < found['late_ms_max'] and 'work_ms' not in found


def test_work_of_more_than_a_period_misses_periods():
    found = bare_timer.measure(0.02, ended_after(3), work=lambda: threading.Event().wait(0.05))
    assert found['missed'] >= 2 and found['work_ms']['p50'] >= 50.0


def test_percentiles_are_of_milliseconds():
    assert bare_timer.percentiles([k / 1000 for k in range(101)]) == {'p50': 50.0, 'p99': 99.0, 'max': 100.0}


def test_some_work_takes_about_the_time_that_it_is_made_for():
    work = bare_timer.some_work(2e-3)
    found = bare_timer.measure(0.01, ended_after(30), work)
    assert 0.5 < found['work_ms']['p50'] < 8.0
