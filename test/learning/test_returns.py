"""What attempts of the controller returned, in the unit of its critics."""
import dataclasses

import numpy as np
import pytest
from test_hindsight import episodes

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, FlatLevelConfig
from hac_ros.learning.level import ControllerLevel, FlatLevel

GAMMA, STRICTNESS, TOLERANCE = 0.9, 0.5, 0.02
LEVEL = ControllerLevel(tasks.by_name('reach'), ControllerConfig(gamma=GAMMA, strictness=STRICTNESS))


def returned(distances, attempt) -> np.ndarray:
    """Return least and most of a single arm that is ``distances`` [m] from its subgoal after each step."""
    one = episodes(records.CONTROLLER)
    steps = len(distances)
    observation = np.zeros((steps + 1, 1, one.observation.shape[2]))
    observation[1:, 0, 0] = distances
    changes = {'observation': observation, 'subgoal': np.zeros((steps, 1, 4)), 'attempt': np.array(attempt)[:, None],
               'tolerance': np.full((steps, 1, 2), TOLERANCE), 'action': np.zeros((steps, 1, 4))}
    return LEVEL.returns(dataclasses.replace(one, **changes))[:, 0]


def test_a_subgoal_that_is_reached_is_taken_to_be_held():
    assert returned([0.1, 0.1, 0.015, 0.3], [0, 0, 0, 1]) == pytest.approx([-1.0 - GAMMA] * 2)


def test_how_a_missed_attempt_would_have_gone_on_is_left_open():
    most = -1.0 - GAMMA - GAMMA ** 2
    assert returned([0.1, 0.1, 0.1, 0.0], [0, 0, 0, 1]) == pytest.approx([-1.0 / (1.0 - GAMMA), most])


def test_only_within_the_critics_tolerance_a_step_counts_as_reached():
    for distance, first in ((0.009, 0.0), (0.011, -1.0)):
        assert returned([distance, 0.1, 0.0], [0, 0, 1])[1] == pytest.approx(first - GAMMA)


def test_a_flat_policy_has_no_attempts():
    one = episodes(records.CONTROLLER)
    assert np.isnan(FlatLevel(tasks.by_name('reach'), FlatLevelConfig()).returns(one)).all()
