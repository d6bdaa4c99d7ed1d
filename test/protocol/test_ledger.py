"""Who contributed what to the running statistics."""
import dataclasses
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hac_ros import spaces
from hac_ros.learning import running_statistics
from hac_ros.learning.contributor import Contributor
from hac_ros.learning.ledger import Ledger
from hac_ros.records import Change

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
def test_order_losses_duplicates_and_late_joiners_do_not_change_a_bit(data):
    joined = data.draw(st.integers(0, 4))
    cuts = [data.draw(st.sets(st.integers(1, 4))) for _ in range(2)]
    sent = history(0, cuts[0], 5) + history(1, cuts[1], 5) + list(late(2, range(joined, 5)))
    last = {(c.id.worker, c.id.incarnation): c for c in sent}
    kept = [c for c in sent if last[c.id.worker, c.id.incarnation] is c or data.draw(st.booleans())]
    repeated = data.draw(st.lists(st.sampled_from(kept), max_size=6))
    ledger, reference = started(2, version=6), started(2, version=6)
    for contribution in data.draw(st.permutations(kept + repeated)):
        ledger.add(contribution)
    for contribution in sent:
        reference.add(contribution)
    got, wanted = ledger.make(), reference.make()
    assert got.includes == wanted.includes and got.moments.count == wanted.moments.count == (15 - joined) * ROWS
    assert np.array_equal(got.moments.mean, wanted.moments.mean) and np.array_equal(got.moments.m2, wanted.moments.m2)


# Squares of what is smaller than 1e-140 underflow.
LARGE = st.floats(-1e6, 1e6).map(lambda x: x if abs(x) > 1e-140 else 0.0)


def contributed(worker, stream, places):
    """Return the contributions of ``worker`` for its part of ``stream``: places tell (worker, round, incarnation)."""
    contributor = None
    for round_ in sorted({place[1] for place in places if place[0] == worker}):
        rows = [x for x, place in zip(stream, places) if place[:2] == (worker, round_)]
        anew = max(place[2] for place in places if place[:2] == (worker, round_))
        if contributor is None or anew:
            contributor = Contributor(worker, 1000 + round_, SPACE)
        contributor.finish(round_, np.repeat(np.array(rows)[:, None], SPACE.size, axis=1))
        yield contributor.next(round_ + 1, round_)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(LARGE, st.tuples(st.integers(0, 2), st.integers(0, 5), st.booleans())), min_size=1, max_size=60))
def test_any_partition_over_workers_rounds_and_incarnations_is_near_exact_arithmetic(placed):
    stream, places = zip(*placed)
    ledger = started(workers=1, version=9)
    for worker in range(3):
        for contribution in contributed(worker, stream, places):
            ledger.add(contribution)
    ledger.awaited = {0}        # whoever had no sample in the last round is not waited for
    ledger.version = 1 + ledger.held(0)
    moments, scale = ledger.make().moments, max(map(abs, stream)) or 1.0
    mean, std = exact(stream)
    assert moments.count == len(stream)
    assert np.abs(moments.mean - float(mean)).max() <= 1e-12 * scale
    assert np.abs(running_statistics.std(moments, np.zeros(SPACE.size)) - std).max() <= 1e-12 * scale


def exact(stream):
    """Return mean, rational, and standard deviation, rounded once, of floats."""
    column = [Fraction(x) for x in stream]
    mean = sum(column) / len(column)
    variance = sum((x - mean)**2 for x in column) / len(column)
    with localcontext() as context:
        context.prec = 60
        return mean, float((Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt())


def test_a_thousand_million_samples_with_a_large_offset_keep_nine_digits():
    blocks = [running_statistics.of_samples(np.random.default_rng(n).normal(1e6, 0.05, (10_000, 1)))[0] for n in range(20)]
    total = running_statistics.empty(1)
    for number in range(100_000):       # as a worker merges one round after the other
        total = running_statistics.merge(total, blocks[number % 20])
    means, m2s = ([Fraction(float(getattr(block, name)[0])) for block in blocks] for name in ('mean', 'm2'))
    mean = sum(means) / 20
    variance = sum(m2s) / 200_000 + sum((x - mean)**2 for x in means) / 20
    assert total.count == 10**9
    assert abs(Fraction(float(total.mean[0])) / mean - 1) < 1e-12
    assert abs(total.m2[0] / 1e9 / float(variance) - 1) < 1e-9


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


def ids(*contributions):
    return [c.id for c in contributions]


@pytest.mark.parametrize('stored_rounds', range(1, 6))
@pytest.mark.parametrize('held', range(4))
def test_what_another_run_of_the_same_name_has_left_is_never_sent(stored_rounds, held):
    stale, stored = history(4, (), stored_rounds)[-1], []
    todays = list(late(4, range(held), incarnation=3))[-1:]       # the same worker, today, from another folder
    contributor = Contributor(4, 77, SPACE, stale, stored.append)
    assert contributor.next(held + 1, held, 0, (held, held), ids(*todays)) is None
    for round_ in range(held, held + 3):
        contributor.finish(round_, observations(4, round_))
        sent = contributor.next(round_ + 1, round_, 0, (round_ + 1, round_ + 1), ids(*todays, *stored))
        assert (sent.id.incarnation, sent.id.first_round, sent.id.last_round) == (78, held, round_)
        assert sent.moments.count == (round_ + 1 - held) * ROWS and stored[-1] is sent


def test_what_was_stored_is_gone_on_with_where_the_statistics_include_its_incarnation():
    *_, before, stored = history(0, (), 4)
    contributor = Contributor(0, 77, SPACE, stored)
    assert contributor.next(4, 3, 0, (4, 4), ids(before)) is stored       # killed before it was heard
    contributor.finish(4, observations(0, 4))
    sent = contributor.next(5, 4, 0, (5, 5), ids(stored))
    assert sent.id == dataclasses.replace(stored.id, sequence=5, last_round=4)


def test_old_receipts_and_statistics_that_come_first_do_not_make_a_process_forget():
    """Both are latched: whoever comes back hears the last few, oldest first."""
    sent = history(0, (), 6)
    contributor = Contributor(0, 77, SPACE, sent[-1])
    for version in range(7):
        contributor.next(version, max(0, version - 1), 0, (version,) * 2, ids(*sent[version - 2:version - 1]))
    assert contributor.next(6, 5, 0, (6, 6), ids(sent[4])) is sent[-1]


def test_a_first_contribution_that_was_stored_and_not_heard_is_made_again_with_the_same_bits():
    stored, = history(0, (), 1)
    contributor = Contributor(0, 77, SPACE, stored)
    assert contributor.next(1, 0, 0, (1, 1), ()) is None
    contributor.finish(0, observations(0, 0))        # the bridge runs it again: the normalizer does not hold it
    sent = contributor.next(1, 0, 0, (1, 1), ())
    assert sent.id.incarnation != stored.id.incarnation and sent.id.last_round == 0
    assert np.array_equal(sent.moments.mean, stored.moments.mean) and np.array_equal(sent.moments.m2, stored.moments.m2)


def test_a_process_whose_round_came_by_the_one_before_it_too_begins_again_instead_of_being_refused_for_ever():
    ledger, (before,) = started(1), history(0, (), 1)
    contributor = Contributor(0, 77, SPACE, before)
    contributor.finish(0, observations(0, 0))
    mine = contributor.next(1, 0, 0, (1, 1), ())
    ledger.add(before)                               # on its way when its sender died
    with pytest.raises(ValueError, match='overlaps'):
        ledger.add(mine)
    includes = ledger.make().includes
    contributor.finish(1, observations(0, 1))
    ledger.add(contributor.next(2, ledger.held(0), 0, (2, 2), includes))
    assert ledger.make().moments.count == 2 * ROWS


def test_a_contribution_waits_for_the_statistics_before_it():
    contributor = Contributor(0, 2, SPACE)
    contributor.finish(3, observations(0, 3))
    assert contributor.next(newest_statistics=3, held=3) is None
    assert contributor.next(newest_statistics=4, held=3) is not None


@pytest.mark.parametrize('learners', [(3, 4), (4, 3), (0, 0), (4, 6)], ids=['first', 'second', 'none', 'beyond a gap'])
def test_a_contribution_waits_until_both_learners_hold_the_round(learners):
    contributor = Contributor(0, 2, SPACE)
    contributor.finish(3, observations(0, 3))
    assert contributor.next(4, held=3, learners=learners) is None
    sent = contributor.next(4, held=3, learners=(4, 4))
    assert sent.id.last_round == 3
    assert contributor.next(4, held=3, learners=learners) is sent, 'a learner that comes back may tell less for a moment'


@pytest.mark.parametrize('frames', [ROWS + 1, 3])
def test_a_contribution_must_have_the_samples_of_its_rounds(frames):
    ledger, sent = started(1, version=4, frames=frames), history(0, (), 3)[-1]
    with pytest.raises(ValueError, match=rf'rounds 0 to 2: {3 * ROWS} samples came, 3 x .* = {3 * frames} are wanted'):
        ledger.add(sent)
    assert not ledger.held(0) and started(1, version=4, frames=ROWS).add(sent)


def test_samples_that_were_rejected_belong_to_their_rounds():
    contributor, rows = Contributor(0, 1, SPACE), observations(0, 0)
    rows[2, 1] = np.nan
    contributor.finish(0, rows)
    assert started(1, frames=ROWS).add(contributor.next(1, 0))


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


# What may be asked of the statistics of a run that goes on


class Rounds:
    """One worker and its ledger, round after round, as the protocol has them take turns."""

    def __init__(self):
        self.ledger, self.contributor = started(workers=1), Contributor(0, 1, SPACE)
        self.entries, self.made = [], []

    def run(self, rounds):
        for round_ in rounds:
            self.contributor.finish(round_, observations(0, round_))
            newest = self.made[-1].since if self.made else 0
            self.enter(self.contributor.next(self.ledger.version - 1, self.ledger.held(0), newest))
            self.made.append(self.ledger.make())
        return self.made[-1]

    def ask(self, frozen=None, moments=None):
        ledger = self.ledger
        self.enter(Change(ledger.version, ledger.frozen if frozen is None else frozen, moments))

    def enter(self, entry):
        self.entries.append(entry)
        self.ledger.apply(entry) if isinstance(entry, Change) else self.ledger.add(entry)


def samples_of(*rounds):
    return running_statistics.of_samples(np.concatenate([observations(0, round_) for round_ in rounds]))[0]


def near(moments, wanted):
    return moments.count == wanted.count and np.allclose(moments.mean, wanted.mean, atol=1e-12, rtol=0) and np.allclose(
        moments.m2, wanted.m2, atol=1e-9, rtol=0)


def test_what_is_asked_holds_from_the_next_version_on():
    run = Rounds()
    before = run.run(range(3))
    run.ask(frozen=True)
    held = run.run(range(3, 5))
    assert held.frozen and held.version == before.version + 2 and held.last_round(0) == 4
    assert held.moments is before.moments, 'frozen statistics do not move, but name what is committed'
    run.ask(frozen=False)
    assert near(run.run([5]).moments, samples_of(*range(6))), 'what came meanwhile counts when they go on'


def test_a_reset_begins_at_count_0_and_counts_every_later_round_once():
    run = Rounds()
    run.run(range(3))               # statistics 4 are out, 5 is next: round 3 can be contributed before it is
    run.ask(moments=running_statistics.empty(SPACE.size))
    first = run.run([3])
    assert (first.version, first.moments.count, first.since, first.last_round(0)) == (5, 0, 4, 3)
    assert near(run.run([4]).moments, samples_of(4))
    last = run.run([5, 6])
    assert near(last.moments, samples_of(4, 5, 6)) and [c.first_round for c in last.includes] == [0, 4]


def test_loaded_statistics_are_gone_on_from_and_stay_where_they_are_frozen():
    given = running_statistics.of_samples(observations(7, 7))[0]
    run = Rounds()
    run.run(range(2))
    run.ask(frozen=True, moments=given)
    assert run.run([2, 3, 4]).moments is given
    run.ask(frozen=False)
    wanted = running_statistics.of_samples(np.concatenate([observations(7, 7), *(observations(0, r) for r in (3, 4, 5))]))[0]
    assert near(run.run([5]).moments, wanted)


def test_what_was_entered_again_gives_the_same_versions_to_the_bit():
    run = Rounds()
    run.run(range(2))
    run.ask(moments=running_statistics.of_samples(observations(7, 7))[0])
    run.run(range(2, 5))
    run.ask(frozen=True)
    run.run([5])
    again, made = started(workers=1), []
    for entry in run.entries:
        again.apply(entry) if isinstance(entry, Change) else again.add(entry)
        while again.ready():
            made.append(again.make())
    assert [(m.version, m.frozen, m.since, m.includes) for m in made] == [
        (m.version, m.frozen, m.since, m.includes) for m in run.made]
    assert all(np.array_equal(a.moments.m2, b.moments.m2) for a, b in zip(made, run.made, strict=True))


def test_a_contribution_with_rounds_of_before_and_after_a_reset_is_refused():
    ledger = started(workers=1)
    ledger.add(history(0, (), 1)[0])
    ledger.apply(Change(2, False, running_statistics.empty(SPACE.size)))
    ledger.make()
    with pytest.raises(ValueError, match='rounds 0 to 1 came, but the statistics count anew from round 1 on'):
        ledger.add(history(0, (), 2)[1])


def test_a_change_of_another_version_is_refused():
    with pytest.raises(ValueError, match='a change of statistics 7 came, 2 is the next version'):
        started(workers=1).apply(Change(7, True))
