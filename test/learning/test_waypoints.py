"""Claims about a punctual controller: its gripper goes straight to the subgoal and arrives as the attempt ends."""
import dataclasses
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from point_mass import PointMass

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.controller import Controller, waypoint
from hac_ros.learning.learner import Learner
from hac_ros.records import Statistics, StepId, Subgoals

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
from in_process import Training, arm_state  # noqa: E402
from precision import attempts  # noqa: E402

REACH = tasks.by_name('reach')
START = np.array([1.34, 0.75, 0.535])
SMALL = dict(hidden=(16, 16))
places = st.tuples(*[st.floats(-0.2, 0.2)] * 3).map(np.array)


def subgoals(value, left: int, speed: float = 1.0) -> Subgoals:
    value = np.append(value, 0.02)[None]
    return Subgoals(StepId('test', 0, 0, 0, 0), value, np.array([[0.02, 0.005]]), np.array([speed]), np.zeros(1, np.uint32),
                    np.array([left], np.uint16), np.zeros(1, bool), 0, 0)


def observation(position) -> np.ndarray:
    seen = np.zeros((1, REACH.observation.size))
    seen[0, :3] = position
    return seen


@settings(deadline=None)
@given(places, st.integers(1, 12))
def test_who_is_always_where_it_is_shown_arrives_on_time_on_a_straight_way_in_equal_steps(way, steps):
    way = way * min(1.0, steps * REACH.stride / max(np.abs(way).max(), 1e-9))      # there is time enough
    position = START.copy()
    for left in range(steps, 0, -1):
        aim = waypoint(observation(position), subgoals(START + way, left), REACH.stride)
        np.testing.assert_allclose(aim[0, :3] - position, way / steps, atol=1e-9)
        position = aim[0, :3]
    np.testing.assert_allclose(position, START + way, atol=1e-9)


@settings(deadline=None)
@given(places, st.integers(1, 12), st.floats(0.05, 1.0))
def test_where_time_is_short_the_way_goes_on_straight_at_full_speed(way, left, speed):
    step = waypoint(observation(START), subgoals(START + way, left, speed), REACH.stride)[0, :3] - START
    full = REACH.stride * speed
    assert np.abs(step).max() <= full + 1e-12
    np.testing.assert_allclose(np.cross(step, way), 0.0, atol=1e-12)
    assert step @ way >= 0.0
    if np.abs(way).max() > full * left:
        np.testing.assert_allclose(np.abs(step).max(), full)


def test_the_opening_is_asked_for_at_once():
    assert waypoint(observation(START), subgoals(START + 0.1, 5), REACH.stride)[0, 3] == 0.02


def test_a_punctual_controller_commands_what_another_does_that_has_the_waypoint_as_subgoal():
    statistics = Statistics(0, REACH.observation.name, running_statistics.empty(REACH.observation.size))
    configs = [ControllerConfig(punctual=punctual, **SMALL) for punctual in (True, False)]
    weights = dataclasses.replace(Learner(records.CONTROLLER, REACH, configs[0], 3).initial_weights(), updates=1)
    simulation = PointMass(1, 0)
    simulation.reset(0)
    state = arm_state(simulation, REACH, 0, 0)
    proposed = dataclasses.replace(subgoals(START + [0.05, -0.1, 0.02], 4), id=state.id)
    shown = dataclasses.replace(proposed, value=waypoint(simulation.observation, proposed, REACH.stride))
    commands = []
    for config, wanted in zip(configs, (proposed, shown)):
        controller = Controller(REACH, config, 1, 0)
        controller.begin(0, weights, statistics, False)
        commands.append(controller.act(state, wanted).value)
    np.testing.assert_array_equal(*commands)
    assert np.abs(commands[0][0, :3]).max() > 0


def trained(punctual: bool):
    """Return a training of the controller alone, of attempts of 4 steps, after 13 rounds."""
    planner = PlannerConfig(horizon=4, end_when_reached=False, centre='gripper', reach=0.1, updates=0.0, **SMALL)
    controller = ControllerConfig(punctual=punctual, strictness=0.3, elsewhere=0.06, updates=300.0, hidden=(64, 64))
    training = Training(REACH, lambda arms, purpose: PointMass(arms, 1, purpose=purpose), 16, 1, planner, controller)
    for round in range(13):
        training.run_round(round)
    return training


def test_once_trained_it_arrives_as_the_attempt_ends_where_another_comes_early():
    missed, half = attempts(trained(True))
    assert np.median(missed) < 0.008
    assert 0.4 < np.median(half) < 0.6
    _, early = attempts(trained(False))
    assert np.median(early) > 0.75
