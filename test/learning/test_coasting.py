"""Where a puck of FetchSlide comes to rest is what the planner sees of it while it slides."""
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from hac_ros import spaces, tasks
from hac_ros.config import PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.features import FINE, PlannerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.records import Statistics
from hac_ros.simulation.simulation import Simulation

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
import strikes  # noqa: E402

SLIDE, ARMS = tasks.by_name('slide'), 8
PRESET = yaml.safe_load((Path(__file__).parents[2] / 'launch/params/slide.yaml').read_text())['/**']['ros__parameters']
DECELERATION = PRESET['planner.coasting']       # [m/s^2] the puck's sliding friction of 0.1, times 9.81 m/s^2
TOUCHING = 0.09         # [m] between the middles of gripper and puck
SHARES = np.linspace(0.65, 0.95, ARMS)     # of the full command


def struck() -> np.ndarray:
    """Return the observations (T, ARMS, 25) of pucks that are struck along x, each at another speed, and left alone."""
    simulation = Simulation(SLIDE, ARMS, seed=5)
    return np.stack([simulation.observation.copy() for _ in strikes.swing(simulation, SHARES, SHARES)])


def features(config: PlannerConfig) -> PlannerFeatures:
    moments = running_statistics.of_samples(np.random.default_rng(0).normal(size=(50, 25)))[0]
    return PlannerFeatures(SLIDE, Normalization(Statistics(0, SLIDE.observation.name, moments), 50.0), config)


def test_a_sliding_puck_is_seen_where_it_comes_to_rest():
    config = PlannerConfig(coasting=DECELERATION)
    inputs, seen = features(config), struck()
    rest = spaces.object_position(seen[-1])
    free = np.linalg.norm(spaces.object_position(seen) - spaces.gripper_position(seen), axis=-1) > TOUCHING
    speed = np.linalg.norm(spaces.object_velocity(seen), axis=-1) / SLIDE.period
    sliding = free & (speed > 0.2) & (np.arange(len(seen))[:, None] > 20)
    still = speed[-1] < 0.01
    assert still.sum() >= ARMS / 2 and sliding[:, still].any(axis=0).all()
    steps, arms = np.nonzero(sliding & still)
    shown = inputs(seen[steps, arms], rest[arms])[:, -3:-1] * FINE * config.goal_tolerance
    to_go = np.linalg.norm(rest[arms] - spaces.object_position(seen[steps, arms]), axis=1)
    assert to_go.max() > 0.2
    assert np.median(np.linalg.norm(shown, axis=1)) < 0.01      # [m]


def test_an_object_at_rest_is_seen_where_it_is_and_without_the_law_nothing_is_added():
    config = PlannerConfig(coasting=DECELERATION)
    observation, goal = np.zeros((1, 25)), np.array([[0.09, 0.045, 0.0]])
    np.testing.assert_allclose(features(config)(observation, goal)[0, -3:], [1.0, 0.5, 0.0], atol=1e-6)
    assert PlannerFeatures.size(SLIDE, config) == PlannerFeatures.size(SLIDE, PlannerConfig()) + 6


def test_the_velocity_of_an_object_is_that_from_the_gripper_and_the_grippers():
    named = dict(zip(SLIDE.observation.names, np.arange(25.0)))
    velocity = [named[f'object_relative_velocity_{axis}'] + named[f'gripper_velocity_{axis}'] for axis in 'xyz']
    np.testing.assert_array_equal(spaces.object_velocity(np.arange(25.0)), velocity)


def test_nothing_slides_where_there_is_no_object():
    reach = tasks.by_name('reach')
    assert PlannerFeatures.size(reach, PlannerConfig(coasting=1.0)) == PlannerFeatures.size(reach, PlannerConfig())


def test_a_deceleration_below_nothing_is_refused():
    with pytest.raises(ValueError, match='coasting: -1.0 came, 0.0 to 100.0'):
        PlannerConfig(coasting=-1.0)
