"""The round protocol."""
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hac_ros.config import EvaluationConfig
from hac_ros.learning import running_statistics
from hac_ros.protocol import Commit, Follower, Schedule, Turn, Versions, training_rounds
from hac_ros.records import Moments, Statistics, StepId, Weights

FIRST = StepId('run', 0, 4, 0, 0)


def at(step, **other):
    return dataclasses.replace(FIRST, step=step, **other)


def test_a_round_is_followed_from_its_first_step():
    follower = Follower('run', 0)
    assert follower.turn(FIRST) is Turn.BEGIN
    follower.answered(FIRST)
    assert follower.turn(FIRST) is Turn.REPEAT
    assert follower.turn(at(1)) is Turn.CONTINUE


@pytest.mark.parametrize('step', [at(1), at(3), at(1, take=1), at(1, round=5)], ids=str)
def test_a_missing_step_asks_for_the_round_to_be_begun_anew(step):
    follower = Follower('run', 0)
    if step != at(1):
        follower.answered(FIRST)
    assert follower.turn(step) is Turn.RESTART


@pytest.mark.parametrize('step', [at(0, run='other'), at(0, worker=1)], ids=str)
def test_another_runs_or_workers_states_are_foreign(step):
    assert Follower('run', 0).turn(step) is Turn.FOREIGN


DIGEST = running_statistics.digest('fetch_gripper', Moments(0, np.zeros(10), np.zeros(10)))


def weights(level, version, statistics=None):
    return Weights(level, version, version if statistics is None else statistics, 0, {}, DIGEST)


def statistics(version):
    return Statistics(version, 'fetch_gripper', Moments(0, np.zeros(10), np.zeros(10)))


def test_a_pair_is_complete_only_with_weights_trained_with_those_statistics():
    versions = Versions([1, 0])
    versions.add_weights(weights(0, 3))
    versions.add_statistics(statistics(3))
    assert versions.pair(3) is None
    versions.add_weights(weights(1, 3, statistics=2))
    assert versions.pair(3) is None
    versions.add_weights(weights(1, 3))
    assert [w.level for w in versions.pair(3)[:2]] == [1, 0]


def test_weights_that_were_trained_with_other_values_of_their_statistics_are_refused():
    versions = Versions([0])
    versions.add_weights(weights(0, 3))
    versions.add_statistics(Statistics(3, 'fetch_gripper', Moments(9, np.ones(10), np.ones(10))))
    with pytest.raises(ValueError, match='controller weights 3 were trained with other values of statistics 3'):
        versions.pair(3)


def test_old_versions_are_forgotten_and_recent_ones_kept():
    versions = Versions([0])
    for version in range(40):
        versions.add_weights(weights(0, version))
        versions.add_statistics(statistics(version))
    assert versions.pair(39) and versions.pair(24) and versions.pair(23) is None


def commit(statistics=1, permitted=100, others=0, **held):
    result = Commit(0, ('planner_learner', 'normalizer'))
    result.permit(permitted)
    result.publish(statistics)
    for consumer, rounds in held.items():
        result.receive(consumer, {0: rounds, 1: others})
    return result


def test_a_round_begins_only_when_every_consumer_holds_the_one_before_and_it_is_permitted():
    assert commit(normalizer=0).next_round(None) is None                       # the learner has not been heard
    assert commit(normalizer=0, planner_learner=0).next_round(None) == 0
    assert commit(5, normalizer=4, planner_learner=4).next_round(3) == 4
    assert commit(5, normalizer=4, planner_learner=3).next_round(3) is None
    assert commit(5, permitted=4, normalizer=4, planner_learner=4).next_round(3) is None


def test_a_bridge_that_comes_back_begins_the_first_round_that_not_all_hold():
    assert commit(6, normalizer=5, planner_learner=4).next_round(None) == 4
    assert commit(5, normalizer=4, planner_learner=5).next_round(None) == 4


def test_a_bridge_goes_back_to_rounds_that_a_consumer_has_lost():
    bridge = commit(6, normalizer=5, planner_learner=5)
    bridge.receive('planner_learner', {0: 3})
    assert bridge.next_round(5) == 3
    assert bridge.next_round(3) is None, 'the first of them is under way'
    bridge.receive('planner_learner', {0: 4})
    assert bridge.next_round(3) == 4


def test_a_bridge_does_not_go_back_to_a_gap_that_nobody_lost():
    joined = commit(9, normalizer=0, planner_learner=0)
    assert joined.next_round(None) == 8 and joined.next_round(8) is None


def test_strangers_receipts_change_nothing():
    assert commit(5, normalizer=4, planner_learner=4, stranger=0).next_round(3) == 4


def test_a_worker_that_the_statistics_went_on_without_goes_on_where_the_others_are():
    assert commit(9, normalizer=0, planner_learner=0).next_round(None) == 8     # joins late
    assert commit(9, normalizer=4, planner_learner=4).next_round(None) == 8     # was left out, and started anew
    assert commit(9, normalizer=4, planner_learner=4).next_round(3) == 8        # was left out, and is back


def test_who_joins_begins_where_the_others_are_though_old_statistics_come_first():
    assert commit(statistics=0, others=7, normalizer=0, planner_learner=0).next_round(None) == 7
    assert commit(statistics=9, others=7, normalizer=0, planner_learner=0).next_round(None) == 8
    assert commit(statistics=0, others=7, normalizer=6, planner_learner=6).next_round(None) == 6, 'one behind: waited for'


def test_a_round_is_overtaken_only_if_statistics_went_on_without_it():
    assert commit(9, normalizer=4, planner_learner=4).overtaken(5) == 8
    assert commit(6, normalizer=4, planner_learner=4).overtaken(5) is None
    assert commit(9, normalizer=8, planner_learner=5).overtaken(5) is None      # included: the learner wants it


def test_without_consumers_rounds_follow_each_other():
    alone = Commit(0, ())
    alone.permit(100)
    assert alone.next_round(None) == 0 and alone.next_round(0) == 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 60))
def test_the_schedule_never_lets_training_run_further_ahead_than_the_lag(every, lag, rounds):
    schedule = Schedule(every, lag, rounds - 1)
    judged = -1
    for round_ in range(rounds):
        assert round_ < schedule.permitted(judged) or round_ >= schedule.permitted(judged) >= judged + 1
        if schedule.evaluates(round_):
            assert schedule.permitted(judged) <= round_ + lag
            assert round_ < schedule.permitted(judged), 'a round waits for its own verdict: the run hangs'
            judged = round_
    assert schedule.permitted(rounds - 1) == rounds


def test_the_end_is_a_fixed_lag_after_the_weights_that_reached_the_bar():
    schedule = Schedule(every=4, lag=3, last_round=99)
    assert schedule.end(8) == schedule.permitted(7) == 11
    assert Schedule(4, 3, 9).end(8) == 10


def test_a_bar_that_is_given_holds_in_place_of_the_presets():
    assert EvaluationConfig(usual_bar=0.8).aim == 0.8
    assert EvaluationConfig(usual_bar=0.8, bar=0.95).aim == 0.95
    assert EvaluationConfig(usual_bar=0.8, bar=2.0).aim == 2.0


def test_rounds_beyond_the_last_are_not_evaluated():
    schedule = Schedule(4, 3, last_round=9)
    assert [r for r in range(20) if schedule.evaluates(r)] == [4, 8, 9]


@pytest.mark.parametrize('render_every, filmed', [(0, []), (1, [4, 8, 12, 16, 18]), (4, [4, 8, 12, 16]), (6, [8, 12, 18]),
                                                  (10, [12])])
def test_films_are_made_at_the_first_evaluation_after_so_many_rounds(render_every, filmed):
    schedule = Schedule(4, 3, last_round=18)
    evaluated = [r for r in range(19) if schedule.evaluates(r)]
    assert [r for r in evaluated if schedule.films(r, render_every)] == filmed


def test_enough_rounds_are_made_for_the_steps_asked_for():
    assert training_rounds(10_000, 16, 50, 1) == 13
    assert training_rounds(800, 16, 50, 1) == 1
    assert training_rounds(801, 16, 50, 2) == 1
