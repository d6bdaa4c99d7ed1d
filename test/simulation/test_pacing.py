"""An emulator's ticks keep the wall clock's time, and a pause causes no rush."""
import pytest

from hac_ros.simulation.pacing import MOST, Pacing


@pytest.mark.parametrize('pace', [0.5, 1.0, 10.0])
def test_as_many_ticks_are_done_as_time_has_passed_however_unevenly_it_is_looked_at(pace):
    pacing = Pacing(pace)
    assert pacing.due(50.0) == 0
    looks = [50.0 + at / pace for at in (0.004, 0.011, 0.013, 0.05, 0.0999, 0.13)]
    assert sum(pacing.due(now) for now in looks) == 13 and pacing.slipped == 0


def test_after_a_pause_ten_ticks_are_caught_up_with_and_the_rest_is_left_out():
    pacing = Pacing(1.0)
    pacing.due(0.0)
    assert pacing.due(1.0) == MOST and pacing.slipped == pytest.approx(0.9)
    assert pacing.due(1.005) == 0 and pacing.due(1.0101) == 1


def test_ticks_were_due_a_period_apart_and_never_before_an_earlier_one():
    pacing, times = Pacing(2.0), []
    for now in (0.0, 0.02, 0.021, 0.04, 3.0, 3.02):
        due = pacing.due(now)
        times += [pacing.when(left) for left in reversed(range(due))]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert len(times) == 22 and min(gaps) == pytest.approx(0.005) and times[-1] <= 3.02
