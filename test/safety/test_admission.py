"""Subgoals that would hurt or cannot be reached are refused with the reason."""
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from hac_ros import kinematics
from hac_ros.config import SafetyConfig
from hac_ros.safety.admission import admit

CONFIG = SafetyConfig()
WIDE = SafetyConfig(workspace_low=(-2.0, -2.0, -2.0), workspace_high=(2.0, 2.0, 2.0))


def test_the_start_and_its_surroundings_are_admitted():
    for offset in ((0, 0, 0), (0.08, 0.1, 0), (-0.05, -0.15, 0.05), (0.1, 0, -0.1)):
        found = admit([*np.add((0.65, 0.005, 0.535), offset), 0.05], CONFIG)
        assert found.accepted and found.reason == ''


@pytest.mark.parametrize('subgoal, config, words', [
    ((0.65, 0, 0.5), CONFIG, r'shape \(3,\) came, \(4,\) is wanted'), (('a',) * 4, CONFIG, 'four numbers'),
    ((np.nan, 0, 0.5, 0), CONFIG, 'finite'), ((0.65, 0, np.inf, 0), CONFIG, 'finite'),
    ((0.65, 0, 0.5, 0.2), CONFIG, 'opening 0.200'), ((0.65, 0, 0.5, -0.01), CONFIG, 'opening -0.010'),
    ((0.90, 0, 0.5, 0), CONFIG, '0.130 m outside'), ((0.65, 0, 0.41, 0), CONFIG, 'the gripper at 0.38.* m'),
    ((1.5, 0, 0.5, 0), WIDE, 'out of reach by'), ((0.65, 0, 0.3, 0), WIDE, 'over the table'),
    ((0.80, 0.14, 0.5, 0), WIDE, 'condition number'), ((0.55, 0, 0.58, 0), WIDE, 'within 0.1 rad')])
def test_others_are_refused_with_the_reason(subgoal, config, words):
    found = admit(subgoal, config)
    assert not found.accepted and re.search(words, found.reason)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(strategies.lists(strategies.one_of(strategies.floats(), strategies.floats(-1, 1)), max_size=6))
def test_what_is_admitted_can_be_reached_within_all_margins(subgoal):
    found = admit(subgoal, WIDE)
    if found.accepted:
        reached = kinematics.inverse(subgoal[:3], tolerance=1e-3)
        assert reached.success[0] and kinematics.condition_number(reached.joints)[0] < CONFIG.stop_condition
    else:
        assert found.reason


def test_the_torso_lifts_the_reach():
    high = (0.65, 0.0, 0.95, 0.05)
    assert not admit(high, WIDE).accepted and admit(high, WIDE, torso=0.35).accepted
