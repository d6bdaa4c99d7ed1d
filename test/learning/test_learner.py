"""Claims about the learners: what they use, what they refuse, that they go on bit for bit."""
import dataclasses
import json

import numpy as np
import pytest
from test_hindsight import episodes

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.learner import Learner
from hac_ros.records import ContributionId, Statistics

REACH = tasks.by_name('reach')
CONFIGS = {records.PLANNER: PlannerConfig(hidden=(16, 16), updates=20.0),
           records.CONTROLLER: ControllerConfig(hidden=(16, 16), updates=20.0)}
LEVELS = pytest.mark.parametrize('number', [records.CONTROLLER, records.PLANNER])


def learner(number: int, **settings) -> Learner:
    return Learner(number, REACH, dataclasses.replace(CONFIGS[number], **settings), 3)


def round_of(number: int, round: int, worker: int = 0):
    rng = np.random.default_rng([round, worker])
    one = episodes(number, round=round, worker=worker)
    return dataclasses.replace(one, action=rng.uniform(-1, 1, one.action.shape),
                               observation=one.observation + rng.normal(0, 0.01, one.observation.shape))


def statistics(version: int, *rounds: int) -> Statistics:
    """Statistics that include ``rounds[w]`` rounds of worker w."""
    moments, _ = running_statistics.of_samples(np.random.default_rng(0).normal(1, 0.1, (99, 10)))
    return Statistics(version, REACH.observation.name, moments,
                      tuple(ContributionId(w, 0, n, 0, n - 1) for w, n in enumerate(rounds)))


def equal(a, b) -> bool:
    return a.updates == b.updates and all(np.array_equal(a.tensors[k], b.tensors[k]) for k in a.tensors)


@LEVELS
def test_version_0_is_a_function_of_the_seed(number):
    assert equal(learner(number).initial_weights(), learner(number).initial_weights())
    assert not equal(learner(number).initial_weights(), Learner(number, REACH, CONFIGS[number], 4).initial_weights())


@LEVELS
def test_nothing_is_trained_before_a_round_is_committed(number):
    one = learner(number)
    one.add(round_of(number, 0))
    weights = one.learn(statistics(1), 1)
    assert weights.version == 1 and equal(weights, one.initial_weights())
    assert np.isnan(one.training_metrics()[f'{one.level.name}/critic_loss'])


@LEVELS
def test_only_committed_rounds_are_used(number):
    one, other = learner(number), learner(number)
    one.add(round_of(number, 0)), other.add(round_of(number, 0))
    other.add(round_of(number, 1))
    first, second = one.learn(statistics(2, 1), 2), other.learn(statistics(2, 1), 2)
    assert first.updates == 6 and equal(first, second)


@LEVELS
def test_what_critics_expect_at_the_start_of_episodes_is_measured(number):
    one = learner(number)
    one.add(round_of(number, 0))
    one.learn(statistics(1), 1)
    name = f'{one.level.name}/q_start'
    assert np.isnan(one.training_metrics()[name])
    one.learn(statistics(2, 1), 2)
    assert np.isfinite(one.training_metrics()[name])


@LEVELS
def test_the_order_of_arrival_does_not_matter(number):
    one, other = learner(number), learner(number)
    keys = [(r, w) for r in range(3) for w in range(2)]
    for key in keys:
        one.add(round_of(number, *key))
    for key in reversed(keys):
        other.add(round_of(number, *key))
    assert equal(one.learn(statistics(4, 3, 3), 4), other.learn(statistics(4, 3, 3), 4))


@LEVELS
def test_a_round_that_comes_twice_counts_once(number):
    one, other = learner(number), learner(number)
    assert one.add(round_of(number, 0)) and not one.add(round_of(number, 0))
    other.add(round_of(number, 0))
    assert equal(one.learn(statistics(2, 1), 2), other.learn(statistics(2, 1), 2))


@LEVELS
def test_a_resumed_learner_goes_on_bit_for_bit(number):
    one = learner(number)
    for r in range(4):
        one.add(round_of(number, r))
    for version in (2, 3):
        one.learn(statistics(version, version - 1), version)
    tensors, info = one.state()
    resumed = learner(number)
    resumed.load_state(tensors, json.loads(json.dumps(info)))
    assert repr(resumed.training_metrics()) == repr(one.training_metrics())
    for version in (4, 5):
        assert equal(one.learn(statistics(version, version - 1), version),
                     resumed.learn(statistics(version, version - 1), version))
    assert repr(resumed.training_metrics()) == repr(one.training_metrics())


@LEVELS
def test_dropping_old_episodes_does_not_depend_on_when_it_happens(number):
    one, other = learner(number, capacity=12), learner(number, capacity=12)
    for r in range(6):
        other.add(round_of(number, r))
    for version in range(2, 8):
        one.add(round_of(number, version - 2))
        first = one.learn(statistics(version, version - 1), version)
        second = other.learn(statistics(version, version - 1), version)
        assert equal(first, second)
    assert one.replay.rows <= 1.25 * 12 + 6 and not one.add(round_of(number, 0))


@LEVELS
def test_updates_follow_the_environment_steps(number):
    one = learner(number, start_steps=450, start_updates=100.0)
    for r in range(3):
        one.add(round_of(number, r))
    # 300 steps a round: 450 x 0.1 + 450 x 0.02
    assert one.learn(statistics(4, 3), 4).updates == 54


@LEVELS
def test_statistics_with_a_round_that_did_not_come_are_refused(number):
    with pytest.raises(ValueError, match='round 0 of worker 0'):
        learner(number).learn(statistics(2, 1), 2)


@LEVELS
def test_foreign_episodes_are_refused(number):
    one = learner(number)
    with pytest.raises(ValueError, match='level'):
        one.add(round_of(1 - number, 0))
    good = round_of(number, 0)
    for name in ('observation', 'action', 'subgoal'):
        with pytest.raises(ValueError, match='wanted'):
            one.add(dataclasses.replace(good, **{name: getattr(good, name)[..., :-1]}))
    with pytest.raises(ValueError, match='not finite'):
        one.add(dataclasses.replace(good, action=np.full_like(good.action, np.nan)))
    assert one.add(good)


@LEVELS
def test_a_checkpoint_of_other_settings_is_refused(number):
    tensors, info = learner(number).state()
    with pytest.raises(ValueError, match='other settings'):
        learner(number, hidden=(8,)).load_state(tensors, info)
    with pytest.raises(ValueError, match='checkpoint of'):
        learner(1 - number).load_state(tensors, info)


def test_the_diversity_of_subgoals_is_measured():
    one = learner(records.PLANNER)
    assert np.isnan(one.training_metrics().get('planner/subgoal_std', np.nan))
    one.add(round_of(records.PLANNER, 0))
    one.learn(statistics(2, 1), 2)
    assert 0.0 < one.training_metrics()['planner/subgoal_std'] < 0.1


@pytest.mark.parametrize('arms', [2, 16])      # a power of two: an exchange by half of the states would meet the same episode
def test_that_subgoals_depend_on_the_goal_is_measured(arms):
    one, six = learner(records.PLANNER), round_of(records.PLANNER, 0)
    goals = np.random.default_rng(1).uniform((1.2, 0.6, 0.5), (1.5, 0.9, 0.7), (arms, 3))
    some = {name: value.take(np.arange(arms) % six.arms, axis=1) for name, value in vars(six).items()
            if isinstance(value, np.ndarray) and name != 'desired_goal'}
    one.add(dataclasses.replace(six, **some, desired_goal=goals))
    one.learn(statistics(2, 1), 2)
    assert one.training_metrics()['planner/goal_dependence'] > 0.0
    assert 0.0 <= one.training_metrics()['planner/silent_units'] < 0.5


def test_a_level_wants_its_own_settings():
    with pytest.raises(ValueError, match='PlannerConfig'):
        Learner(records.PLANNER, REACH, ControllerConfig(), 0)


def test_shares_of_more_than_one_are_refused():
    with pytest.raises(ValueError, match='future_share 0.9, miss_share 0.0, stay_share 0.2'):
        PlannerConfig(future_share=0.9, stay_share=0.2)
