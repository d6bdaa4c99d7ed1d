"""Where a puck of FetchSlide comes to rest is what the planner sees of it while it slides."""
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

SLIDE, ARMS = tasks.by_name('slide'), 8
PRESET = yaml.safe_load((Path(__file__).parents[2] / 'launch/params/slide.yaml').read_text())['/**']['ros__parameters']
DECELERATION = PRESET['planner.coasting']       # [m/s^2] the puck's sliding friction of 0.1, times 9.81 m/s^2
TOUCHING = 0.09         # [m] between the middles of gripper and puck
PUSHES = np.linspace(0.5, 1.0, ARMS)


def struck() -> np.ndarray:
    """Return the observations (T, ARMS, 25) of pucks that are struck along x, each at another speed, and left alone."""
    simulation = Simulation(SLIDE, ARMS, seed=5)
    simulation.reset(1)
    place = spaces.object_position(simulation.observation).copy()
    seen = []
    for step in range(SLIDE.steps):
        gripper = spaces.gripper_position(simulation.observation)
        height = 0.1 if step < 12 else 0.0
        wanted = place + (-0.075, 0.0, height)      # behind the puck, over it on the way there
        command = np.zeros((ARMS, 4))
        command[:, :3] = 20.0 * ((wanted if step < 20 else place) - gripper)
        if step >= 20:
            command[:, 0] = np.where(gripper[:, 0] < place[:, 0], PUSHES, -0.3)
        simulation.step(command.clip(-1.0, 1.0))
        seen.append(simulation.observation.copy())
    return np.stack(seen)


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


def test_nothing_slides_where_there_is_no_object():
    reach = tasks.by_name('reach')
    assert PlannerFeatures.size(reach, PlannerConfig(coasting=1.0)) == PlannerFeatures.size(reach, PlannerConfig())


def test_a_deceleration_below_nothing_is_refused():
    with pytest.raises(ValueError, match='coasting: -1.0 came, 0.0 to 100.0'):
        PlannerConfig(coasting=-1.0)
