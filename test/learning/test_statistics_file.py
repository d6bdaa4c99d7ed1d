"""Statistics in a file of their own."""
import json

import numpy as np
import pytest

from hac_ros import spaces
from hac_ros.learning import running_statistics, statistics_file
from hac_ros.records import Statistics

SPACE = spaces.SUBGOAL


@pytest.fixture
def written(tmp_path):
    moments = running_statistics.of_samples(np.random.default_rng(0).normal(3.0, 0.1, (50, SPACE.size)))[0]
    path = tmp_path / 'statistics.json'
    return path, moments, statistics_file.write(path, Statistics(7, SPACE.name, moments))


def test_what_was_written_comes_back_to_the_bit(written):
    path, moments, digest = written
    read = statistics_file.read(path, SPACE)
    assert read.count == 50 and np.array_equal(read.mean, moments.mean) and np.array_equal(read.m2, moments.m2)
    assert running_statistics.digest(SPACE.name, read) == digest


def test_sums_as_they_were_printed_in_2020_are_taken_too(tmp_path):
    path = tmp_path / 'sums.json'
    path.write_text(json.dumps({'count': 2, 'sum': [2.0] * SPACE.size, 'sum_of_squares': [4.0] * SPACE.size}))
    assert statistics_file.read(path, SPACE).m2.tolist() == [2.0] * SPACE.size


@pytest.mark.parametrize('spoil, words', [
    (lambda c: {**c, 'count': 51}, 'were changed after they were written'),
    (lambda c: {**c, 'space': 'fetch_object'}, 'space fetch_object came'),
    (lambda c: {**c, 'format': 9}, 'format 9 of space'),
    (lambda c: {k: v for k, v in c.items() if k != 'mean'}, 'malformed'),
    (lambda c: {'count': 2, 'sum': [1.0], 'sum_of_squares': [1.0]}, '1 dimensions came'),
    (lambda c: [c], 'malformed')])
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(written, spoil, words):
    path = written[0]
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=words):
        statistics_file.read(path, SPACE)


def test_a_file_that_is_cut_short_or_missing_is_refused(written, tmp_path):
    path = written[0]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match='truncated or no JSON'):
        statistics_file.read(path, SPACE)
    with pytest.raises(ValueError, match='cannot be read: No such file'):
        statistics_file.read(tmp_path / 'no.json', SPACE)
