"""When training goes back to the best networks: by the verdicts that a version may rely on, and nothing else."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hac_ros.learning.decline import decline
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.protocol import Schedule

GOOD, BAD = [0.8, 0.9, 0.9], [0.4, 0.3, 0.3]
SHARES = st.lists(st.integers(0, 20).map(lambda n: n / 20), max_size=24)
ROUNDS = st.integers(1, 6)


def decided(successes, limit=0.15, every=4, lag=4):
    """Return the rule after as many versions as rely on the verdicts of versions every, 2 every, ..."""
    rule = ReturnRule(limit, every, lag)
    for number, success in enumerate(successes, 1):
        rule.hear(every * number, success)
    for version in range(every * len(successes) + lag + 3):
        rule.begin(version)
    return rule


def returns(successes, **settings):
    return [(each.version, each.best) for each in decided(successes, **settings).returns]


def test_a_fall_of_the_mean_of_three_leads_back_to_the_best():
    rule = decided(GOOD + BAD)
    made, = rule.returns
    assert (made.version, made.best, made.success) == (24 + 4 + 2, 12, 0.9)      # of equal ones the later
    assert made.told() == ('success fell from 0.87 to 0.33 (means of 3 evaluations): version 30 goes on from the networks '
                           'of version 12 (success 0.90)')


@pytest.mark.parametrize('successes', [GOOD, GOOD + BAD[:2], GOOD + [0.8, 0.7, 0.75], [0.1] + GOOD + [0.85] * 9,
                                       [0.05, 0.05, 0.05, 0.0, 0.0, 0.0]],
                         ids=['three', 'five', 'within the limit', 'no fall', 'chance'])
def test_no_fall_that_is_too_far_no_return(successes):
    assert returns(successes) == []


def test_a_collapse_to_nothing_is_too_far_for_any_limit():
    poor = [0.3, 0.3, 0.3]
    assert returns(poor + [0.0, 0.05, 0.0], limit=0.9) == [(30, 12)]
    assert returns(poor + [0.1, 0.1, 0.1], limit=0.9) == []


def test_a_return_is_not_made_again_for_the_same_evaluations():
    skipped = GOOD + BAD + [0.3]         # 28: trained before 30 returned
    assert returns(skipped + [0.9] * 8) == [(30, 12)]
    assert returns(skipped + [0.3] * 2) == [(30, 12)], 'two evaluations since'
    assert returns(skipped + [0.3] * 3) == [(30, 12), (46, 12)], 'three evaluations since lie below the same best'


def test_the_best_may_change_between_returns():
    assert returns(GOOD + BAD + [0.3, 0.9, 0.95, 0.9] + BAD[:2]) == [(30, 12), (54, 36)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SHARES, ROUNDS, ROUNDS, st.integers(0, 20))
def test_what_is_decided_does_not_depend_on_when_verdicts_come_or_the_process_died(successes, every, lag, dies):
    whole = decided(successes, every=every, lag=lag)
    last = every * len(successes) + lag + 2
    first, again = ReturnRule(0.15, every, lag), ReturnRule(0.15, every, lag)
    for rule, versions in ((first, range(min(dies, last) + 1)), (again, range(last + 1))):
        for version in versions:
            if rule.lacks(version):        # hears only what it needs, when it needs it
                rule.hear(rule.relies_on(version), successes[rule.relies_on(version) // every - 1])
            rule.begin(version)
        if rule is first:
            for evaluated, success in first.taken(min(dies, last)).items():
                again.hear(evaluated, success)
    assert again.returns == whole.returns and again.best == whole.best
    assert again.returns[:len(first.returns)] == first.returns


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ROUNDS, ROUNDS, st.integers(10, 80))
def test_a_version_relies_on_no_verdict_that_the_permission_of_its_rounds_does_not_imply(every, lag, rounds):
    rule, schedule = ReturnRule(0.15, every, lag), Schedule(every, lag, rounds - 1)
    relied = [rule.relies_on(version) for version in range(rounds + 2)]     # statistics come until rounds + 1
    for version, needed in enumerate(relied):
        if needed is not None:
            assert schedule.evaluates(needed)
            assert schedule.permitted(needed - 1) <= version - 2, 'its rounds may run before the verdict'
    named = [needed for needed in relied if needed is not None]
    assert named == sorted(set(named)) == [v for v in range(1, rounds - lag) if rule.evaluates(v)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SHARES, st.integers(1, 20))
def test_every_return_follows_a_decline_by_more_than_the_limit_and_three_new_evaluations(successes, limit):
    made = decided(successes, limit=limit / 20, every=1, lag=1).returns
    for each, before in zip(made, [None, *made]):
        collapsed = each.decline.before >= 0.1 and each.decline.now <= 0.1 * each.decline.before
        assert each.decline.fall > limit / 20 or collapsed
        assert each.success == max(successes[:each.version - 3])
        assert before is None or each.version >= before.version + 3 + 2      # its own evaluation and two more, and the lag


def test_without_a_limit_nothing_is_asked_or_kept():
    rule = ReturnRule(0.0, 4, 4)
    for version in range(40):
        rule.hear(version, 0.0 if version > 20 else 1.0)
        assert not rule.lacks(version) and not rule.evaluates(version) and rule.begin(version) is None
    assert rule.verdicts == {}


def test_a_verdict_is_waited_for_and_the_first_one_holds():
    rule = ReturnRule(0.15, 4, 4)
    assert not rule.lacks(9) and rule.lacks(10) and not rule.lacks(11)
    rule.hear(5, 0.5), rule.hear(4, 0.9), rule.hear(4, 0.1)
    assert not rule.lacks(10) and rule.verdicts == {4: 0.9}


@pytest.mark.parametrize('success', [float('nan'), -0.1, 1.5])
def test_a_success_that_is_no_share_is_refused(success):
    with pytest.raises(ValueError, match='evaluation of version 4: success .* came, 0 to 1 is wanted'):
        ReturnRule(0.15, 4, 4).hear(4, success)


def test_a_decline_compares_spans_that_do_not_overlap():
    assert decline([1.0, 1.0, 1.0, 0.0, 0.0]) is None
    found = decline([0.0, 0.9, 0.9, 0.9, 0.3, 0.3, 0.0])
    assert (found.first, round(found.before, 9), round(found.now, 9)) == (1, 0.9, 0.2)
    assert decline(np.linspace(0, 1, 9)).fall < 0
