"""What was acknowledged survives the process."""
import dataclasses

import numpy as np
import pytest

from hac_ros.learning import journal
from hac_ros.records import Change, Contribution, ContributionId, Episodes, Moments


def episodes(worker, round_):
    rng = np.random.default_rng([worker, round_])
    t, n = 3, 2
    return Episodes(worker, 2**63, round_, 1, 4, 4, rng.normal(size=(t + 1, n, 10)), rng.normal(size=(t + 1, n, 3)),
                    rng.normal(size=(n, 3)), rng.random((t + 1, n)) < 0.5, rng.normal(size=(t, n, 4)),
                    rng.random((t, n, 2)), rng.random((t, n)), np.ones((t, n), np.uint32), np.ones((t, n), np.uint16),
                    rng.random((t, n)) < 0.5, rng.normal(size=(t, n, 4)), rng.random((t, n)) < 0.5)


def contribution(sequence):
    rng = np.random.default_rng(sequence)
    return Contribution(ContributionId(0, 2**63, sequence, 0, sequence - 1), 'position',
                        Moments(sequence, rng.normal(size=3), rng.random(3)), 1)


def equal(a, b):
    def flat(value):
        return value.tolist() if isinstance(value, np.ndarray) else value
    first, second = dataclasses.asdict(a), dataclasses.asdict(b)
    return {k: flat(v) for k, v in first.items() if k != 'moments'} == {
        k: flat(v) for k, v in second.items() if k != 'moments'}


def test_episodes_come_back_bit_for_bit_and_in_order(tmp_path):
    book = journal.EpisodeJournal(tmp_path)
    written = {(r, w): episodes(w, r) for w, rounds in ((0, (0, 1, 2)), (1, (0, 2))) for r in rounds}
    for value in reversed(written.values()):
        book.write(value)
    read = list(book.read({0: 1, 1: 0}))
    assert [(e.round, e.worker) for e in read] == [(0, 1), (1, 0), (2, 0), (2, 1)]    # a worker's rounds may have gaps
    assert all(equal(e, written[e.round, e.worker]) for e in read)


def test_a_damaged_round_ends_its_workers_sequence(tmp_path):
    book = journal.EpisodeJournal(tmp_path)
    for round_ in range(3):
        book.write(episodes(0, round_))
    path = next(tmp_path.glob('*-00000001*'))
    path.write_bytes(path.read_bytes()[:-9])
    told = []
    assert [e.round for e in book.read({0: 0}, lambda *what: told.append(what))] == [0]
    assert [what[:2] for what in told] == [(0, 1)] and path.name in told[0][2]


def test_dropped_rounds_are_gone_and_the_others_stay(tmp_path):
    book = journal.EpisodeJournal(tmp_path)
    for round_ in range(4):
        book.write(episodes(0, round_))
    book.drop({0: 2})
    assert [e.round for e in book.read({0: 0})] == [2, 3]


def test_an_old_round_of_a_worker_that_was_late_stays_until_a_checkpoint_holds_it(tmp_path):
    book = journal.EpisodeJournal(tmp_path)
    for worker, round_ in ((0, 40), (1, 5), (2, 0)):
        book.write(episodes(worker, round_))
    book.drop({0: 40, 1: 5})
    assert [(e.worker, e.round) for e in book.read({0: 40, 1: 5})] == [(2, 0), (1, 5), (0, 40)]
    book.drop({0: 41, 1: 6, 2: 1})
    assert not list(book.read({}))


def test_contributions_come_back_bit_for_bit(tmp_path):
    book = journal.ContributionJournal(tmp_path / 'deep' / 'normalizer.jsonl')
    for sequence in (1, 2, 3):
        book.append(contribution(sequence))
    book.append(7)
    book.append(Change(4, True, contribution(2).moments))
    book.append(Change(5, False))
    *contributions, left_out, loaded, unfrozen = book.read()
    assert left_out == 7 and (loaded.version, loaded.frozen) == (4, True) and unfrozen == Change(5, False)
    assert np.array_equal(loaded.moments.m2, contribution(2).moments.m2)
    for read, sequence in zip(contributions, (1, 2, 3), strict=True):
        assert equal(read, contribution(sequence))
        assert np.array_equal(read.moments.mean, contribution(sequence).moments.mean)
        assert np.array_equal(read.moments.m2, contribution(sequence).moments.m2)


@pytest.mark.parametrize('cut', [1, 5, 60])
def test_a_line_that_a_crash_cut_short_is_removed_and_the_next_one_is_whole(tmp_path, cut):
    book = journal.ContributionJournal(tmp_path / 'normalizer.jsonl')
    book.append(contribution(1))
    book.append(contribution(2))
    book.path.write_bytes(book.path.read_bytes()[:-cut])
    assert len(book.read()) == 1
    book.append(contribution(2))
    assert [c.id.sequence for c in book.read()] == [1, 2]


def test_a_workers_own_contribution_comes_back(tmp_path):
    path = tmp_path / 'journal' / 'planner_0.json'
    assert journal.read_contribution(path) is None
    journal.write_contribution(path, contribution(7))
    assert equal(journal.read_contribution(path), contribution(7))
