"""Claims about the flat policy and about what may stand in a planner's place."""
import dataclasses

import numpy as np
import pytest
import torch
from point_mass import PointMass
from test_acting import REACH, play, statistics
from test_hindsight import ARMS, PICK, episodes, falling, passing, rng
from test_point_mass import Training

from hac_ros import config, records, spaces, tasks
from hac_ros.config import ControllerConfig, FlatConfig, FlatLevelConfig, PlannerConfig
from hac_ros.learning import level
from hac_ros.learning.controller import Controller
from hac_ros.learning.flat import FlatController, actors
from hac_ros.learning.learner import Learner
from hac_ros.learning.stand_ins import GoalPlanner, RandomPlanner

PLANNER = PlannerConfig(hidden=(64, 64), updates=500.0, averaging=0.02)
CONTROLLER = ControllerConfig(hidden=(32,), updates=100.0, start_steps=10, start_updates=30.0)
LEVELS = config.levels('flat', PLANNER, CONTROLLER, FlatConfig())


def flat_samples(count=2000, **settings):
    one = level.of_number(records.CONTROLLER, REACH, dataclasses.replace(LEVELS['controller'], **settings))
    goal = np.zeros((50, ARMS, 4))
    goal[..., :3] = [1.4, 0.7, 0.6]
    return one.sample(one.rows(episodes(records.CONTROLLER, subgoal=goal)), np.arange(ARMS), count, rng())


def test_it_has_the_networks_and_the_updates_of_both_levels():
    made = LEVELS['controller']
    assert isinstance(made, FlatLevelConfig) and made.hidden == PLANNER.hidden
    assert (made.updates, made.start_updates) == (600.0, 30.0) and (made.gamma, made.future_share) == (0.98, 0.8)
    assert LEVELS['planner'].updates_after(10**6) == 0
    assert config.levels('hierarchical', PLANNER, CONTROLLER, FlatConfig()) == {
        'planner': PLANNER, 'controller': CONTROLLER}


def test_a_future_goal_was_achieved_after_the_step_and_others_are_the_episodes_own():
    sample = flat_samples(future_share=1.0)
    assert (sample.goal[:, 0] >= sample.following[:, 0] - 1e-6).all()
    np.testing.assert_array_equal(sample.goal[:, 1], sample.observation[:, 1])    # of the same arm
    np.testing.assert_allclose(flat_samples(future_share=0.0).goal, np.tile([1.4, 0.7, 0.6], (2000, 1)), rtol=1e-6)
    own = np.isclose(flat_samples().goal, [1.4, 0.7, 0.6]).all(axis=1).mean()
    assert own == pytest.approx(0.2, abs=0.03)


def test_missed_goals_are_its_own_to_choose():
    assert config.levels('flat', dataclasses.replace(PLANNER, future_share=0.5, miss_share=0.3), CONTROLLER,
                         FlatConfig())['controller'].miss_share == 0.0
    sample = flat_samples(future_share=0.0, miss_share=1.0, miss_spread=0.0)
    assert len(np.unique(sample.goal, axis=0)) == ARMS      # where each arm was last


def test_its_discount_does_not_rise_with_the_planners():
    rising = dataclasses.replace(PLANNER, gamma=0.9, final_gamma=0.95, gamma_until=1)     # less than FlatConfig.gamma
    made = config.levels('flat', rising, CONTROLLER, FlatConfig())['controller']
    assert made.gamma_until == 0 and made.gamma_after(10**6) == FlatConfig().gamma


def test_its_samples_begin_beside_the_object_as_the_planners_do():
    one = level.of_number(records.CONTROLLER, PICK, dataclasses.replace(LEVELS['controller'], beside_share=1.0))
    sample = one.sample(one.rows(passing(records.CONTROLLER)), np.array([0]), 500, rng())
    assert set(np.rint(sample.observation[:, 0] * 1000)) == {8, 9, 10, 11, 12}


def test_a_step_is_rewarded_where_the_goal_is_reached_by_it():
    sample = flat_samples()
    at = np.linalg.norm(sample.following[:, :3] - sample.goal, axis=1) <= LEVELS['controller'].goal_tolerance
    np.testing.assert_array_equal(sample.reward, np.where(at, 0.0, -1.0))
    assert (sample.discount == 0.98).all() and at.any() and not at.all()


@pytest.mark.parametrize('penalty', [0.0, 1.0])
def test_a_step_that_loses_the_object_has_the_worst_value_where_the_planner_is_told_so(penalty):
    settings = {'skip_fallen': True, 'fallen_penalty': penalty}
    _, data = falling(**settings)
    made = config.levels('flat', dataclasses.replace(PLANNER, **settings), CONTROLLER, FlatConfig())['controller']
    one = level.of_number(records.CONTROLLER, PICK, made)
    data['subgoal'] = np.tile(np.float32([1.4, 0.7, 0.6, 0.0]), (*data['subgoal'].shape[:2], 1))
    sample = one.sample(data, np.arange(ARMS), 2000, rng())
    lost = sample.following[:, 5] < 0.4
    assert lost.any() and (sample.discount[~lost] == made.gamma).all()
    worst = (sample.discount == 0.0) & np.isclose(sample.reward, -1.0 / (1.0 - made.gamma))
    assert worst[lost].all() if penalty else not worst.any()
    own = np.isclose(sample.goal, [1.4, 0.7, 0.6]).all(axis=1)
    assert (own[lost].all() if penalty else own[lost].mean() < 0.5)


def test_it_commands_all_four_values_and_its_planner_passes_the_goal_on():
    planner, controller = actors(REACH, LEVELS['planner'], LEVELS['controller'], 4, 7)
    high, low = play(planner, controller)
    assert isinstance(controller, FlatController) and (np.abs(low.action[..., 3]) > 0).any()
    np.testing.assert_array_equal(low.subgoal[..., :3], np.broadcast_to(high.desired_goal, low.subgoal[..., :3].shape))
    assert type(actors(REACH, PLANNER, CONTROLLER, 4, 7)[1]) is Controller


def test_it_learns_the_point_mass():
    torch.set_num_threads(1)
    simulate = lambda arms, purpose: PointMass(arms, 0, purpose=purpose)  # noqa: E731
    training = Training(PointMass.task, simulate, 16, 0, LEVELS['planner'], LEVELS['controller'])
    for round_ in range(9):
        training.run_round(round_)
    assert training.evaluate(100) >= 0.95


def test_random_subgoals_are_in_reach_and_differ_from_attempt_to_attempt():
    planner, controller = RandomPlanner(REACH, PLANNER, 4, 7), Controller(REACH, CONTROLLER, 4, 7)
    high, _ = play(planner, controller, explore=False)
    away = np.abs(high.subgoal[..., :3] - spaces.gripper_position(high.observation[:-1]))
    first = np.diff(high.attempt.astype(int), axis=0, prepend=-1) != 0
    assert away[first].max() <= REACH.stride * PLANNER.horizon + 1e-9
    assert len(np.unique(high.subgoal[first][:, 0])) == first.sum()


def test_goals_as_subgoals_ask_for_the_goal_at_full_speed_with_closed_fingers():
    pick = tasks.by_name('pick_and_place')
    for task in (REACH, pick):
        planner = GoalPlanner(task, PLANNER, 4, 7)
        planner.begin(0, dataclasses.replace(Learner(records.PLANNER, task, PLANNER, 0).initial_weights(), updates=1),
                      statistics(task), False)
        state = records.ArmState(records.StepId('', 0, 0, 0, 0), task.observation.name, 50,
                                 np.ones((4, task.observation.size)), np.zeros((4, 3)), np.full((4, 3), 1.3),
                                 np.zeros(4), np.zeros(4, dtype=bool))
        found = planner.act(state)
        np.testing.assert_array_equal(found.value, np.tile([1.3, 1.3, 1.3, 0.0], (4, 1)))
        assert (found.speed == 1.0).all()
