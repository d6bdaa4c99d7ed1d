"""Claims about learning as a whole, on the point mass: both levels, both learners, the round protocol."""
import sys
from pathlib import Path

import numpy as np
import pytest
from point_mass import PointMass

from hac_ros.config import ControllerConfig, PlannerConfig

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
from in_process import Training  # noqa: E402

ROUNDS = 9
PLANNER = dict(hidden=(64, 64), updates=200.0, averaging=0.02)
CONTROLLER = dict(hidden=(64, 64), updates=400.0, averaging=0.02)


def trained(seed: int, rounds: int = ROUNDS, planner=None, controller=None) -> Training:
    configs = PlannerConfig(**(PLANNER | (planner or {}))), ControllerConfig(**(CONTROLLER | (controller or {})))
    simulate = lambda arms, purpose: PointMass(arms, seed, purpose=purpose)  # noqa: E731
    training = Training(PointMass.task, simulate, 16, seed, *configs)
    for round in range(rounds):
        training.run_round(round)
    return training


@pytest.mark.parametrize('seed', [0, 1])
def test_both_levels_learn(seed):
    training = trained(seed)
    assert training.evaluate(100) >= 0.95
    assert training.metrics['evaluation/accuracy'] >= 0.9
    assert training.metrics['controller/accuracy'] >= 0.9


def test_hindsight_goals_are_what_the_planner_learns_from():
    assert trained(0, rounds=6).evaluate(100) >= 0.95
    assert trained(0, rounds=6, planner=dict(future_share=0.0, stay_share=0.0)).evaluate(100) < 0.5


def test_without_hindsight_the_controller_does_not_learn():
    assert trained(0, controller=dict(future_share=0.0, elsewhere_share=0.0)).evaluate(100) < 0.5


def test_a_run_is_a_function_of_its_seed():
    one, other = trained(3, 4), trained(3, 4)
    assert repr(one.metrics) == repr(other.metrics)
    assert one.evaluate(20) == other.evaluate(20)
    for level in (0, 1):
        tensors = (t.recent[0][level].tensors for t in (one, other))
        first, second = tensors
        assert all(np.array_equal(first[name], second[name]) for name in first)
