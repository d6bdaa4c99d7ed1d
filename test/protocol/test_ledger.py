"""Who contributed what to the running statistics."""
import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hac_ros import spaces
from hac_ros.learning import running_statistics
from hac_ros.learning.contributor import Contributor
from hac_ros.learning.ledger import Ledger

SPACE = spaces.SUBGOAL
ROWS = 7


def observations(worker, round_):
    return np.random.default_rng([worker, round_]).normal(5.0, 2.0, (ROWS, SPACE.size))


def history(worker, cuts, rounds):
    """Return every contribution of a worker whose planner was started anew at the rounds in ``cuts``."""
    sent, contributor = [], None
    for round_ in range(rounds):
        if contributor is None or round_ in cuts:
            contributor = Contributor(worker, 1000 + round_, SPACE)
        contributor.finish(round_, observations(worker, round_))
        sent.append(contributor.next(newest_statistics=round_ + 1, held=round_))
    return sent


def started(workers, version=2, **options):
    """Return a ledger whose next version is ``version``, without contributions: only the newest need come."""
    ledger = Ledger(SPACE, workers, **options)
    assert (ledger.make().version, ledger.make().version) == (0, 1)
    ledger.version = version
    return ledger


def test_statistics_of_a_version_cover_the_rounds_up_to_two_before_it():
    ledger = started(workers=1)
    assert not ledger.ready()
    with pytest.raises(ValueError, match='statistics 2 wait for the workers .0.'):
        ledger.make()
    ledger.add(history(0, (), 1)[0])
    made = ledger.make()
    assert (made.version, made.moments.count, made.last_round(0)) == (2, ROWS, 0)
    assert not ledger.ready()


@settings(deadline=None)
@given(st.data())
def test_order_losses_and_duplicates_do_not_change_a_bit(data):
    sent = history(0, (2, 3), 5) + history(1, (1,), 5)
    last = {(c.id.worker, c.id.incarnation): c for c in sent}
    kept = [c for c in sent if last[c.id.worker, c.id.incarnation] is c or data.draw(st.booleans())]
    arrivals = data.draw(st.permutations(kept + kept[:3]))
    ledger, reference = started(2, version=6), started(2, version=6)
    for contribution in arrivals:
        ledger.add(contribution)
    for contribution in sent:
        reference.add(contribution)
    got, wanted = ledger.make(), reference.make()
    assert got.includes == wanted.includes and got.moments.count == wanted.moments.count == 10 * ROWS
    assert np.array_equal(got.moments.mean, wanted.moments.mean) and np.array_equal(got.moments.m2, wanted.moments.m2)


@settings(deadline=None)
@given(st.sets(st.integers(1, 7)), st.sets(st.integers(1, 7)))
def test_any_partition_over_workers_and_incarnations_is_near_exact_arithmetic(first, second):
    ledger = started(2, version=9)
    for contribution in history(0, first, 8) + history(1, second, 8):
        ledger.add(contribution)
    moments = ledger.make().moments
    column = [Fraction(float(x)) for w in (0, 1) for r in range(8) for x in observations(w, r)[:, 0]]
    mean = sum(column) / len(column)
    assert moments.count == len(column)
    assert abs(Fraction(float(moments.mean[0])) - mean) < Fraction(1, 10**12)
    assert abs(moments.m2[0] - float(sum((x - mean)**2 for x in column))) < 1e-10


def test_a_round_that_is_run_again_counts_once():
    contributor = Contributor(0, 1, SPACE)
    contributor.finish(0, observations(0, 0))
    first = contributor.next(1, 0)
    contributor.finish(0, observations(0, 0))            # begun anew by the bridge after a crash elsewhere
    assert contributor.next(1, 0) is first
    contributor.finish(1, observations(0, 1))
    second = contributor.next(2, 1)
    assert (first.moments.count, second.moments.count) == (ROWS, 2 * ROWS)


def test_a_new_incarnation_leaves_out_what_the_normalizer_holds():
    contributor = Contributor(0, 2, SPACE)
    contributor.finish(3, observations(0, 3))
    assert contributor.next(10, held=None) is None       # the normalizer has not been heard: wait
    assert contributor.next(10, held=4) is None          # an earlier incarnation contributed round 3
    contributor.finish(4, observations(0, 4))
    assert contributor.next(10, held=4).id.first_round == 4


def test_a_process_that_comes_back_goes_on_to_the_bit():
    stored, sent = [], []
    contributor = Contributor(0, 1, SPACE, store=stored.append)
    for round_ in range(6):
        if round_ in (2, 3, 5):       # killed after it had stored, and before it published
            contributor = Contributor(0, 100 + round_, SPACE, stored[-1], stored.append)
            assert contributor.next(round_, held=round_ - 1) is stored[-1]
        contributor.finish(round_, observations(0, round_))
        sent.append(contributor.next(round_ + 1, round_))
    whole = history(0, (), 6)[-1]
    assert sent[-1].id == dataclasses.replace(whole.id, incarnation=1) and sent[-1].id.sequence == 6
    assert np.array_equal(sent[-1].moments.mean, whole.moments.mean)
    assert np.array_equal(sent[-1].moments.m2, whole.moments.m2)


def test_a_process_whose_store_is_behind_begins_a_new_incarnation():
    old = history(0, (), 2)[-1]
    contributor = Contributor(0, 77, SPACE, stored=old)
    contributor.finish(4, observations(0, 4))
    new = contributor.next(newest_statistics=5, held=4)
    assert new.id.incarnation != old.id.incarnation and (new.id.first_round, new.id.last_round) == (4, 4)


def test_a_contribution_waits_for_the_statistics_before_it():
    contributor = Contributor(0, 2, SPACE)
    contributor.finish(3, observations(0, 3))
    assert contributor.next(newest_statistics=3, held=3) is None
    assert contributor.next(newest_statistics=4, held=3) is not None


def test_overlapping_incarnations_are_refused():
    ledger = started(1, version=4)
    for contribution in history(0, (), 3):
        ledger.add(contribution)
    stray = Contributor(0, 9, SPACE)
    stray.finish(1, observations(0, 1))
    with pytest.raises(ValueError, match='overlaps rounds 0 to 2'):
        ledger.add(stray.next(10, 1))
    assert ledger.make().moments.count == 3 * ROWS


def test_a_contribution_that_runs_ahead_of_the_versions_is_refused():
    with pytest.raises(ValueError, match='round 1 came, but statistics 2 are not out yet'):
        started(workers=1).add(history(0, (), 2)[1])


def late(worker, rounds, incarnation=500):
    """Return the contributions of a worker that began with the first of ``rounds``."""
    contributor = Contributor(worker, incarnation, SPACE)
    for round_ in rounds:
        contributor.finish(round_, observations(worker, round_))
        yield contributor.next(newest_statistics=round_ + 1, held=round_)


def test_a_worker_that_joins_late_is_waited_for_from_its_first_contribution_on():
    ledger, first = started(workers=1), iter(history(0, (), 9))
    for _ in range(3):
        ledger.add(next(first))
        ledger.make()
    assert ledger.version == 5
    ledger.add(next(late(3, (1,), incarnation=1)))       # it began before the others had gone on
    ledger.add(next(first))
    assert ledger.overdue() == [3] and not ledger.ready()
    ledger.add(next(late(3, (3,), incarnation=2)))       # it goes on where they are
    made = ledger.make()
    assert made.moments.count == (4 + 2) * ROWS and [c.first_round for c in made.includes] == [0, 1, 3]


def test_a_worker_that_is_always_too_late_holds_up_the_others_a_few_times_only():
    ledger, first = started(workers=1), iter(history(0, (), 20))
    for round_ in range(6):
        ledger.add(next(late(3, (round_,), incarnation=round_))) if round_ else None
        for _ in range(2 if round_ else 1):
            ledger.add(next(first))
            for worker in ledger.overdue():
                ledger.leave_out(worker)
            ledger.make()
    assert ledger.awaited == {0}
    ledger.add(next(late(3, (ledger.version - 2,), incarnation=99)))      # caught up by itself
    assert ledger.awaited == {0, 3}


def test_the_others_go_on_without_a_worker_that_is_left_out_until_it_is_back():
    ledger, first, second = started(workers=2), iter(history(0, (), 9)), iter(history(1, (), 9))
    ledger.add(next(first))
    assert ledger.overdue() == [1]
    ledger.leave_out(1)
    assert ledger.make().moments.count == ROWS
    ledger.add(next(first))
    assert ledger.make().moments.count == 2 * ROWS
    back = late(1, (2,), incarnation=900)
    ledger.add(next(back))
    assert ledger.awaited == {0, 1}
    ledger.add(next(first))
    made = ledger.make()
    assert made.moments.count == 4 * ROWS and [c.first_round for c in made.includes] == [0, 2]
    assert next(second) is not None


def test_given_statistics_are_merged_and_not_swept_away():
    initial = running_statistics.of_samples(observations(7, 7))[0]
    assert Ledger(SPACE, 1, initial).make().moments.count == ROWS
    ledger = started(workers=1, initial=initial)
    ledger.add(history(0, (), 1)[0])
    made = ledger.make()
    both = running_statistics.of_samples(np.concatenate([observations(7, 7), observations(0, 0)]))[0]
    assert np.allclose(made.moments.mean, both.mean, rtol=0, atol=1e-12)
    assert made.moments.count == 2 * ROWS


def test_frozen_statistics_stay_but_name_what_was_committed():
    initial = running_statistics.of_samples(observations(7, 7))[0]
    ledger = started(workers=1, initial=initial, live=False)
    ledger.add(history(0, (), 1)[0])
    statistics = ledger.make()
    assert statistics.frozen and statistics.moments.count == ROWS and statistics.last_round(0) == 0


def test_samples_that_are_not_finite_are_left_out_and_counted():
    contributor, rows = Contributor(0, 1, SPACE), observations(0, 0)
    rows[2, 1] = np.inf
    contributor.finish(0, rows)
    contribution = contributor.next(1, 0)
    assert (contribution.moments.count, contribution.rejected) == (ROWS - 1, 1)
    assert np.isfinite(contribution.moments.mean).all()
