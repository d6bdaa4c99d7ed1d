"""AttemptTrail says how an attempt ended only where it saw the state that ended it."""
import dataclasses

import numpy as np
import pytest
import scripted_worker as script

from hac_ros.attempt_trail import HIT, MISS, UNKNOWN, AttemptTrail


def seen(states, subgoals, trail=None):
    """Return a trail that saw these steps' states and subgoals, in the order in which they are made."""
    trail = trail or AttemptTrail(50, 12, locked=False)
    for step in range(script.STEPS + 1):
        if step in states:
            trail.see_state(script.state(step))
        if step in subgoals:
            trail.see_subgoals(script.subgoals(step))
    return trail


def outcomes(trail, arm=0):
    return [outcome for _, outcome in trail.attempts.get(arm, ())]


# Attempts begin at steps 0, 2 and 5 and end with the states of steps 2, 5 and 6; arm 0 reaches its first subgoal
@pytest.mark.parametrize('states, subgoals, wanted', [
    (range(7), range(6), [HIT, MISS, MISS]),
    ((0, 1, 3, 4, 5, 6), range(6), [UNKNOWN, MISS, MISS]),          # no state that ended the first attempt
    ((0, 1, 2, 3, 4, 6), range(6), [HIT, UNKNOWN, MISS]),
    (range(7), (0, 2, 3, 4, 5), [UNKNOWN, MISS, MISS]),             # seen, but not known whether the subgoal still held
    ((0, 1, 4, 5, 6), (0, 1, 4, 5), [UNKNOWN, MISS, MISS]),         # a gap in both
    ((0, 1, 5, 6), (0, 1, 5), [UNKNOWN, MISS]),                     # the second attempt fell into the gap
    ((0, 1, 2, 3, 6), (0, 1, 2, 3), [HIT, UNKNOWN])])
def test_an_attempt_is_unknown_where_the_state_that_ended_it_was_not_seen(states, subgoals, wanted):
    trail = seen(states, subgoals)
    assert outcomes(trail) == wanted
    assert [outcome for *_, outcome in trail.take_ended().values()] == [wanted[-1], outcomes(trail, 1)[-1]]
    assert trail.take_ended() == {}, 'each ends once'


def test_what_ended_keeps_the_subgoal_that_was_in_force():
    trail = seen((0, 1, 5, 6), (0, 1, 5))
    for arm in range(script.ARMS):
        assert np.array_equal([value for value, _ in trail.attempts[arm]], script.SUBGOALS[[0, 2], arm])


def test_the_path_holds_the_states_that_were_seen():
    assert np.array_equal(seen((0, 1, 5, 6), ()).path, script.grippers()[[0, 1, 5, 6]])


@pytest.mark.parametrize('change', [{'take': 1}, {'round': 1}, {'run': 'another'}, {'worker': 1}])
def test_another_episode_forgets_the_last(change):
    trail = seen(range(4), range(4))
    state = script.state(0)
    assert trail.see_state(dataclasses.replace(state, id=dataclasses.replace(state.id, **change)))
    assert (len(trail.path), trail.attempts, trail.take_ended(), trail.subgoals) == (1, {}, {}, None)
    trail.see_subgoals(script.subgoals(3))
    assert trail.subgoals is None, 'subgoals of the last episode answer no state of this one'


def test_a_state_that_comes_twice_changes_nothing():
    trail = seen(range(3), range(3))
    assert not trail.see_state(script.state(2))
    assert len(trail.path) == 3 and outcomes(trail) == [HIT]
