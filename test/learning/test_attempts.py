"""Claims about where attempts begin and end."""
import numpy as np

from hac_ros.learning import attempts


def test_bounds_tell_first_step_and_end_of_each_attempt():
    first, end = attempts.bounds(np.array([[0, 0, 1, 2, 2, 2], [0, 0, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(first, [[0, 0, 2, 3, 3, 3], [0] * 6])
    np.testing.assert_array_equal(end, [[2, 2, 3, 6, 6, 6], [6] * 6])


def test_a_window_ends_at_the_first_change_of_its_value():
    value = np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(attempts.held_until(value, 0.3, 3), [[2, 2, 4, 4, 7, 8, 8, 8]])


def test_reached_wants_position_and_opening():
    observation = np.zeros((3, 10))
    observation[:, 3:5] = 0.02
    subgoal = np.array([[0.0, 0.0, 0.01, 0.04], [0.0, 0.0, 0.03, 0.04], [0.0, 0.0, 0.01, 0.08]])
    tolerance = np.tile([0.02, 0.005], (3, 1))
    np.testing.assert_array_equal(attempts.reached(observation, subgoal, tolerance, False), [True, False, False])
    np.testing.assert_array_equal(attempts.reached(observation, subgoal, tolerance, True), [True, False, True])
