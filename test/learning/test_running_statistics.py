"""Claims about the running statistics, with the 2020 work's printed table as golden data."""
import math

import numpy as np
import pytest

from hac_ros import spaces, tasks
from hac_ros.config import PlannerConfig
from hac_ros.learning import running_statistics as rs
from hac_ros.learning.features import ControllerFeatures, PlannerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.records import Moments, Statistics

COUNT = 2555467
# "Normalization 3", 2020-07-15: mean, std, sum, sum of squares of each dimension, as printed (float32).
PRINTED = (
    '1.2185e+00 0.1452 3.1139e+06 3.8482e+06',
    '6.2801e-01 0.2310 1.6049e+06 1.1443e+06',
    '5.4912e-01 0.0940 1.4033e+06 7.9315e+05',
    '1.3458e+00 0.0499 3.4392e+06 4.6348e+06',
    '7.1972e-01 0.1275 1.8392e+06 1.3653e+06',
    '4.2815e-01 0.0631 1.0941e+06 4.7862e+05',
    '1.2674e-01 0.1733 3.2387e+05 1.1782e+05',
    '8.9719e-02 0.2244 2.2927e+05 1.4928e+05',
    '-1.2454e-01 0.1197 -3.1825e+05 7.6229e+04',
    '2.4814e-02 0.0222 6.3410e+04 2.8289e+03',
    '2.4780e-02 0.0222 6.3325e+04 2.8241e+03',
    '1.2338e-02 0.4757 3.1529e+04 5.7855e+05',
    '1.9432e-02 0.2423 4.9658e+04 1.5095e+05',
    '1.6992e-01 0.7604 4.3422e+05 1.5514e+06',
    '2.5304e-03 0.0165 6.4665e+03 7.1486e+02',
    '1.8472e-03 0.0172 4.7204e+03 7.6286e+02',
    '-1.2703e-03 0.0189 -3.2462e+03 9.1978e+02',
    '6.5688e-04 0.0402 1.6786e+03 4.1221e+03',
    '2.8408e-04 0.0401 7.2595e+02 4.1160e+03',
    '2.8229e-03 0.0539 7.2139e+03 7.4337e+03',
    '-2.5004e-03 0.0166 -6.3898e+03 7.2039e+02',
    '-2.4654e-03 0.0175 -6.3002e+03 8.0019e+02',
    '1.8153e-04 0.0172 4.6389e+02 7.5850e+02',
    '6.0470e-05 0.0071 1.5453e+02 1.3009e+02',
    '1.1527e-04 0.0071 2.9456e+02 1.3013e+02',
    '-6.8568e-02 0.7372 -1.7522e+05 1.4009e+06',
    '-1.1854e-01 0.7187 -3.0293e+05 1.3558e+06',
    '3.0074e-02 0.6824 7.6853e+04 1.1925e+06',
    '-3.2142e-03 0.0471 -8.2137e+03 5.7017e+03',
)


def half_digit(text: str) -> float:
    """Return half a unit of the last printed digit."""
    digits, exponent = text.split('e') if 'e' in text else (text, '0')
    decimals = len(digits.split('.')[1])
    return 0.5 * 10.0 ** (int(exponent) - decimals)


def printed(column: int) -> np.ndarray:
    return np.array([float(row.split()[column]) for row in PRINTED])


def digits(column: int) -> np.ndarray:
    return np.array([half_digit(row.split()[column]) for row in PRINTED])


def samples(seed: int, rows: int, size: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.3, 0.05, (rows, size))


def test_printed_sums_give_the_printed_means():
    moments = rs.from_sums(COUNT, printed(2), printed(3))
    # The printed sum is rounded as well, so the last digit of the mean may differ by its share.
    assert (np.abs(moments.mean - printed(0)) <= digits(0) + digits(2) / COUNT).all()


def test_printed_sums_give_the_printed_deviations_within_one_percent():
    # The worst is 0.9 %, the object's x: mean 1.35, std 0.05, so 5 printed digits leave 2 of the variance.
    std = rs.std(rs.from_sums(COUNT, printed(2), printed(3)), np.zeros(29))
    np.testing.assert_allclose(std, printed(1), rtol=0.01)


def test_initial_sums_are_not_swept_away_by_later_data():
    initial = rs.from_sums(COUNT, printed(2), printed(3))
    later, _ = rs.of_samples(np.zeros((1000, 29)))
    merged = rs.merge(initial, later)
    assert merged.count == COUNT + 1000
    np.testing.assert_allclose(merged.mean, initial.mean * COUNT / (COUNT + 1000), rtol=1e-12)


def test_sums_are_the_inverse_of_from_sums():
    total, squares = rs.sums(rs.from_sums(COUNT, printed(2), printed(3)))
    np.testing.assert_allclose(total, printed(2), rtol=1e-12)
    np.testing.assert_allclose(squares, printed(3), rtol=1e-9)


def test_merging_parts_equals_the_whole():
    rows = samples(0, 1000)
    parts = [rs.of_samples(part)[0] for part in np.split(rows, [1, 10, 400])]
    merged, whole = rs.merge_all(parts), rs.of_samples(rows)[0]
    assert merged.count == 1000
    np.testing.assert_allclose(merged.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-12)


def test_a_far_offset_does_not_cancel_the_deviation():
    rows = samples(1, 1000) + 1e7
    merged = rs.merge_all([rs.of_samples(part)[0] for part in np.split(rows, 10)])
    np.testing.assert_allclose(rs.std(merged, np.zeros(3)), rows.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize('offset', [1.3, 1e6])
def test_a_million_rows_keep_mean_and_deviation_within_1e_12_of_exact_sums(offset):
    rows = samples(5, 1_000_000, 2) + offset
    moments, _ = rs.of_samples(rows)
    std, scale = rs.std(moments, np.zeros(2)), np.abs(rows).max()
    for column, values in enumerate(rows.T):
        mean = math.fsum(values) / len(values)      # fsum rounds once, at the end
        assert abs(moments.mean[column] - mean) <= 1e-12 * scale
        assert abs(std[column] - math.sqrt(math.fsum(np.square(values - mean)) / len(values))) <= 1e-12 * scale


@pytest.mark.parametrize('rows', [100_000, 1_000_000])
def test_equal_rows_have_that_mean_and_no_deviation(rows):
    moments, _ = rs.of_samples(np.full((rows, 2), 0.1))
    assert (np.abs(moments.mean - 0.1) <= 1e-15).all() and (rs.std(moments, np.zeros(2)) <= 1e-15).all()


def test_counts_beyond_float32_go_on_counting():
    big = Moments(2**24, np.ones(1), np.ones(1))
    assert rs.merge(big, rs.of_samples(np.ones((1, 1)))[0]).count == 2**24 + 1


def test_rows_that_are_not_finite_are_left_out_and_counted():
    rows = samples(2, 10)
    rows[3, 1], rows[7, 0] = np.nan, np.inf
    moments, rejected = rs.of_samples(rows)
    assert (moments.count, rejected) == (8, 2)
    np.testing.assert_allclose(moments.mean, np.delete(rows, [3, 7], axis=0).mean(axis=0), rtol=1e-14)


def test_only_bad_rows_leave_nothing():
    moments, rejected = rs.of_samples(np.full((4, 2), np.nan))
    assert (moments.count, rejected) == (0, 4)


def test_without_samples_normalisation_is_the_identity():
    assert (rs.mean(rs.empty(4)) == 0).all() and (rs.std(rs.empty(4), np.full(4, 0.01)) == 1).all()


def test_deviation_never_falls_below_the_floor():
    moments, _ = rs.of_samples(np.ones((10, 2)))
    np.testing.assert_array_equal(rs.std(moments, np.array([0.01, 0.02])), [0.01, 0.02])


@pytest.mark.parametrize('call', [
    lambda: rs.of_samples(np.zeros(3)),
    lambda: rs.of_samples(np.zeros((2, 2, 3))),
    lambda: rs.merge(rs.empty(2), rs.empty(3)),
    lambda: rs.merge(rs.empty(2), Moments(1, np.zeros(2), np.zeros((2, 2)))),
    lambda: rs.from_sums(10, np.zeros(3), np.zeros(2)),
    lambda: rs.from_sums(-1, np.zeros(3), np.zeros(3)),
    lambda: rs.from_sums(0, np.ones(3), np.ones(3)),
    lambda: rs.from_sums(10, np.full(3, np.nan), np.zeros(3)),
    lambda: rs.std(rs.empty(3), np.zeros(1)),
    lambda: rs.merge_all([]),
])
def test_shapes_that_would_broadcast_are_refused(call):
    with pytest.raises(ValueError):
        call()


def statistics_of(rows: np.ndarray) -> Statistics:
    return Statistics(1, 'fetch_object', rs.of_samples(rows)[0])


def changes(features, observation, goal, column: int, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How the inputs change when three columns of the observation move by ``away``, and when the goal's first three do."""
    moved, other = observation.copy(), goal.copy()
    moved[:, column:column + 3] += away
    other[:, :3] += away
    before = features(observation, goal)
    return features(moved, goal) - before, features(observation, other) - before


AWAY = np.array([0.01, 0.03, -0.02])


def test_a_goal_has_the_scale_of_the_position_that_it_is_compared_with():
    rows, task = samples(3, 500, 25), tasks.by_name('push')
    features = PlannerFeatures(task, Normalization(statistics_of(rows), clip=100.0), PlannerConfig())
    by_object, by_goal = changes(features, rows[:1], rows[:1, 3:6] + 0.1, 3, AWAY)
    np.testing.assert_allclose(by_goal[0, 25:28], by_object[0, 3:6], atol=1e-4)
    np.testing.assert_allclose(by_object[0, 25:28], -by_object[0, 3:6], atol=1e-4)


def test_where_axes_turn_a_goal_has_one_scale_in_the_plane_the_root_mean_square_of_both():
    rows, task = samples(3, 500, 25), tasks.by_name('push')
    normal = Normalization(statistics_of(rows), clip=100.0)
    features = PlannerFeatures(task, normal, PlannerConfig(axes='goal'))
    _, farther = changes(features, rows[:1], rows[:1, 3:6] + [0.1, 0.0, 0.0], 3, np.array([0.02, 0.0, 0.0]))
    level = np.sqrt(np.mean(normal.object_scale[:2] ** 2))
    np.testing.assert_allclose(farther[0, 27:30], [0.02 / level, 0.0, 0.0], atol=1e-4)


def test_a_subgoal_has_the_scale_of_gripper_and_fingers():
    rows, task = samples(3, 500, 25), tasks.by_name('pick_and_place')
    normal = Normalization(statistics_of(rows), clip=100.0)
    features, subgoal = ControllerFeatures(task, normal), spaces.achieved_subgoal(rows[:1])
    start = features.size(task) - 8
    by_gripper, by_subgoal = changes(features, rows[:1], subgoal, 0, AWAY)
    np.testing.assert_allclose(by_subgoal[0, start:start + 3], by_gripper[0, :3], atol=1e-4)
    wider = subgoal + [0.0, 0.0, 0.0, 0.01]
    opening = (features(rows[:1], wider) - features(rows[:1], subgoal))[0, start + 3]
    assert opening == pytest.approx(0.01 / spaces.fingers(normal.std).sum(), rel=1e-4)


def test_normalised_inputs_are_clipped():
    normal = Normalization(statistics_of(samples(4, 50, 25)), clip=5.0)
    assert np.abs(normal.observation(np.full(25, 1e6))).max() == 5.0


def test_statistics_of_another_size_are_refused():
    with pytest.raises(ValueError, match='25'):
        Normalization(Statistics(1, 'fetch_object', rs.empty(10)), clip=5.0)
