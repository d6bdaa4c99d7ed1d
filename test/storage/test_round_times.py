"""How long rounds take is told from one to the next."""
import pytest

from hac_ros.progress import Progress, RoundTimes


def test_seconds_and_speed_are_those_since_the_round_before():
    moments = iter([10.0, 12.0, 12.5])
    times = RoundTimes(lambda: next(moments))
    assert times.measure(0, 800) == {}      # when it began is not known
    assert times.measure(1, 1600) == {'wall/round': 2.0, 'wall/steps_per_s': 400.0}
    assert times.measure(1, 1600) == {}     # told again
    assert times.measure(2, 2000) == {'wall/round': 0.5, 'wall/steps_per_s': 800.0}


@pytest.mark.parametrize('missed', [3, 7])
def test_after_a_gap_nothing_is_told(missed):
    times = RoundTimes(iter(range(10)).__next__)
    times.measure(1, 800)
    assert times.measure(missed, 1600) == {}
    assert times.measure(missed + 1, 2400) == {'wall/round': 1, 'wall/steps_per_s': 800.0}


def test_rounds_that_are_told_of_at_once_have_no_speed():
    times = RoundTimes(lambda: 1.0)
    assert [times.measure(r, 800 * r) for r in range(3)] == [{}, {}, {}]


def test_no_time_is_left_when_workers_that_joined_brought_more_steps_than_were_asked_for():
    assert ' 0:00 left at most' in Progress(1000, 0).line({'round': 3.0, 'environment_steps': 1600.0})
