"""Which rounds a consumer holds."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hac_ros.learning.holdings import Holdings, participants
from hac_ros.records import ContributionId, Moments, Statistics


def statistics(*spans):
    """Statistics that include (worker, first round, last round)."""
    return Statistics(9, 'position', Moments(0, None, None), tuple(
        ContributionId(worker, number, 1, first, last) for number, (worker, first, last) in enumerate(spans)))


def holding(*rounds):
    result = Holdings(workers=1)
    for worker, round_ in rounds:
        result.add(worker, round_)
    return result


def test_rounds_come_in_order_and_each_once():
    held = holding((0, 0), (0, 1))
    assert not held.wants(0, 1) and held.wants(0, 2) and held.wants(0, 7) and held.wants(5, 0)
    with pytest.raises(ValueError, match='round 1 of worker 0 came, 2 or later'):
        held.add(0, 1)


def test_statistics_are_covered_only_by_every_round_that_they_include():
    held = holding((0, 0), (0, 1), (0, 4), (2, 3))
    assert held.covers(statistics((0, 0, 1), (0, 4, 4), (2, 3, 3)))
    assert not held.covers(statistics((0, 0, 4)))
    assert not held.covers(statistics((1, 0, 0)))


def test_receipts_list_expected_workers_before_anything_has_come():
    assert Holdings(workers=2).all_next() == {0: 0, 1: 0}
    assert holding((0, 3), (4, 6)).all_next() == {0: 4, 4: 7}


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 12))))
def test_state_comes_back(rounds):
    held, again = holding(*sorted(rounds)), Holdings(workers=1)
    again.load_state(held.state())
    assert again.all_next() == held.all_next() and again.state() == held.state()


def test_participants_are_the_workers_whose_round_is_included():
    assert participants(statistics((0, 0, 5), (2, 3, 4), (2, 6, 6)), 4) == [0, 2]
    assert participants(statistics((0, 0, 5), (2, 3, 4), (2, 6, 6)), 5) == [0]
