"""What a learner that goes back takes, keeps and hands on."""
import json

import numpy as np
import pytest
from test_learner import CONFIGS, LEVELS, REACH, equal, learner, round_of, statistics

from hac_ros.learning.learner import Learner
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.learning.returning import Returning
from hac_ros.learning.td3 import Td3

SUCCESS = {1: 0.9, 2: 1.0, 3: 0.9, 4: 0.1, 5: 0.0, 6: 0.0}      # of every version; version 9 returns to version 2
LAST = 12


def returning(number, limit=0.15) -> Returning:
    made = Returning(learner(number), ReturnRule(limit, 1, 1))
    for version, success in SUCCESS.items():
        made.rule.hear(version, success)
    for version in range(7, LAST):
        made.rule.hear(version, 0.9)
    return made


def train(one: Returning, versions):
    """Train the versions; return their weights and what networks each began with."""
    trained = {}
    for version in versions:
        if version > 1:
            one.learner.add(round_of(one.learner.level.number, version - 2))
        one.before(version)
        began = one.learner.td3.state()
        trained[version] = one.learner.learn(statistics(version, max(0, version - 1)), version), began
        one.after(version)
    return trained


@LEVELS
def test_a_return_takes_networks_and_targets_of_the_best_and_keeps_replay_and_progress(number):
    one = returning(number)
    trained = train(one, range(9))
    best = one.kept[2]
    rows, updates = one.learner.replay.rows, one.learner.td3.updates
    weights, began = train(one, [9])[9]
    assert [(each.version, each.best) for each in one.rule.returns] == [(9, 2)]
    assert all(np.array_equal(began[name], best.tensors[name]) for name in Td3.VECTORS)
    assert not np.array_equal(trained[8][1]['critic'], began['critic'])
    assert one.learner.replay.rows > rows and weights.updates > updates, 'training goes on where it was'


@LEVELS
def test_moments_of_the_best_come_back_as_adam_reads_them(number):
    one = returning(number)
    train(one, range(9))
    best, adam = one.kept[2], one.learner.td3.critic_adam
    unbiased = [best.tensors['critic_adam_mean'] / (1 - adam.BETA1 ** best.updates),
                best.tensors['critic_adam_square'] / (1 - adam.BETA2 ** best.updates)]
    one.before(9)
    assert adam.steps == one.learner.td3.updates > best.updates > 0
    now = adam.mean / (1 - adam.BETA1 ** adam.steps), adam.square / (1 - adam.BETA2 ** adam.steps)
    for given, came in zip(unbiased, now):
        np.testing.assert_allclose(came.numpy(), given, rtol=1e-5, atol=1e-12)


@LEVELS
@pytest.mark.parametrize('dies', [2, 8, 9, 10])
def test_a_learner_that_comes_back_returns_to_the_same_networks(number, dies):
    whole = returning(number)
    wanted = train(whole, range(LAST))
    one, again = returning(number), returning(number)
    train(one, range(dies + 1))
    tensors, info = one.learner.state()
    again.learner.load_state(tensors, json.loads(json.dumps(info)))
    kept, info = one.state(dies)
    again.load_state(kept, json.loads(json.dumps(info)), dies)
    assert again.kept.keys() == one.kept.keys() and again.metrics() == one.metrics()
    for version, (weights, _) in train(again, range(dies + 1, LAST)).items():
        assert equal(weights, wanted[version][0]), version
    assert again.rule.returns == whole.rule.returns and len(whole.rule.returns) == 1


def test_what_is_kept_is_the_best_and_what_awaits_a_verdict():
    one = returning(0)
    for version in range(LAST):
        train(one, [version])
        assert set(one.kept) == {v for v in range(1, version + 1) if v > version - 3 or v == one.rule.best}
    assert sorted(one.kept) == [2, 9, 10, 11]


def test_only_the_planner_counts_returns():
    one, other = returning(1), returning(0)
    train(one, range(10)), train(other, range(10))
    assert one.metrics() == {'planner/returns_to_best': 1.0} and other.metrics() == {}


@LEVELS
def test_without_a_limit_nothing_is_kept_told_or_changed(number):
    one, plain = returning(number, limit=0.0), learner(number)
    for version, (weights, _) in train(one, range(LAST)).items():
        if version > 1:
            plain.add(round_of(number, version - 2))
        assert equal(weights, plain.learn(statistics(version, max(0, version - 1)), version))
    assert one.kept == {} and one.metrics() == {} and one.state(LAST) == ({}, {})


@pytest.mark.parametrize('delay', [1, 3])
def test_an_actor_that_rested_for_new_critics_rests_as_long_again(delay):
    td3 = learner(0, policy_delay=delay).td3
    td3.hold, td3.updates = 20, 6
    early = td3.snapshot()
    td3.updates = 50
    td3.go_back(early)
    assert td3.hold == 64 and td3.actor_adam.steps == 0 and td3.critic_adam.steps == td3.updates == 50
    td3.updates = 70
    late = td3.snapshot()
    td3.updates = 90
    td3.go_back(late)
    assert td3.hold == 64 and td3.actor_adam.steps == 90 // delay - 64 // delay
    td3.go_back(early)
    assert td3.hold == 104 and td3.actor_adam.steps == 0
    again = Learner(0, REACH, CONFIGS[0], 3).td3
    again.load_state(td3.state(), td3.updates, td3.hold)
    assert (again.hold, again.actor_adam.steps) == (td3.hold, td3.actor_adam.steps)
