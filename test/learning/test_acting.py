"""Claims about planner and controller: a round is a pure function of what it is given."""
import dataclasses

import numpy as np
import pytest
from point_mass import PointMass

from hac_ros import records, spaces, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.controller import Controller, servo
from hac_ros.learning.learner import Learner
from hac_ros.learning.planner import Planner
from hac_ros.records import ArmState, Statistics, StepId
from hac_ros.simulation.simulation import Simulation

REACH, PICK = tasks.by_name('reach'), tasks.by_name('pick_and_place')
SMALL = dict(hidden=(16, 16))
CONFIGS = PlannerConfig(**SMALL), ControllerConfig(**SMALL)


def statistics(task=REACH) -> Statistics:
    return Statistics(0, task.observation.name, running_statistics.empty(task.observation.size))


def weights(task=REACH, configs=CONFIGS, trained=True):
    planner, controller = (Learner(number, task, config, 5).initial_weights()
                           for number, config in ((records.PLANNER, configs[0]), (records.CONTROLLER, configs[1])))
    return [dataclasses.replace(w, updates=int(trained)) for w in (planner, controller)]


def state(simulation, task, round: int, step: int) -> ArmState:
    return ArmState(StepId('test', 0, round, 0, step), task.observation.name, task.steps, simulation.observation,
                    simulation.achieved_goal, simulation.desired_goal, simulation.reward, simulation.success)


def play(planner, controller, round=3, explore=True, task=REACH, simulation=None, trained=True):
    """Return both levels' episodes of a round."""
    simulation = simulation or PointMass(4, 0)
    simulation.reset(round)
    first, second = weights(task, (planner.config, controller.config), trained)
    planner.begin(round, first, statistics(task), explore)
    controller.begin(round, second, statistics(task), explore)
    for step in range(task.steps):
        now = state(simulation, task, round, step)
        simulation.step(controller.act(now, planner.act(now)).value)
    last = state(simulation, task, round, task.steps)
    planner.finish(last), controller.finish(last)
    return planner.episodes(0), controller.episodes(0)


def actors(seed=7, task=REACH, configs=CONFIGS, arms=4):
    return Planner(task, configs[0], arms, seed), Controller(task, configs[1], arms, seed)


def same(a, b) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def test_a_round_is_the_same_again_and_after_other_rounds():
    planner, controller = actors()
    first = play(planner, controller)
    play(planner, controller, round=9)
    for again in (play(planner, controller), play(*actors())):
        assert all(same(a, b) for a, b in zip(first, again))


def test_a_round_broken_off_leaves_no_trace():
    planner, controller = actors()
    planner.begin(2, weights()[0], statistics(), True)
    simulation = PointMass(4, 0)
    simulation.reset(2)
    planner.act(state(simulation, REACH, 2, 0))
    assert same(play(planner, controller)[0], play(*actors())[0])


def test_rounds_and_seeds_explore_differently():
    base = play(*actors())[1].action
    assert not np.array_equal(base, play(*actors(), round=4)[1].action)
    assert not np.array_equal(base, play(*actors(seed=8))[1].action)


def test_without_exploration_nothing_is_drawn():
    one, other = play(*actors(), explore=False), play(*actors(seed=8), explore=False)
    assert all(same(a, b) for a, b in zip(one, other))
    assert not one[0].testing.any() and not one[1].exploring.any() and not one[0].exploring.any()


def test_attempts_last_the_horizon_or_until_reached():
    episodes = play(*actors())[0]
    number, left = episodes.attempt.astype(int), episodes.steps_left.astype(int)
    begun = np.diff(number, axis=0) == 1
    reached = np.linalg.norm(episodes.observation[1:-1, :, :3] - episodes.subgoal[:-1, :, :3], axis=-1) <= 0.02
    np.testing.assert_array_equal(begun, reached | (left[:-1] == 1))
    assert (number[0] == 0).all() and (left[0] == 5).all() and (left[1:][begun] == 5).all()
    np.testing.assert_array_equal(left[1:][~begun], left[:-1][~begun] - 1)
    same_subgoal = (np.diff(episodes.subgoal, axis=0) == 0).all(axis=-1)
    assert same_subgoal[~begun].all() and not same_subgoal[begun].any()


def test_evaluation_may_decide_more_often():
    configs = PlannerConfig(evaluation_horizon=2, end_when_reached=False, **SMALL), CONFIGS[1]
    episodes = play(*actors(configs=configs), explore=False)[0]
    np.testing.assert_array_equal(episodes.attempt[:, 0], np.arange(50) // 2)


def test_an_attempt_longer_than_a_third_of_an_episode_is_refused():
    with pytest.raises(ValueError, match='17'):
        Planner(REACH, PlannerConfig(horizon=17), 4, 0)
    with pytest.raises(ValueError, match='evaluation_horizon 17'):
        Planner(REACH, PlannerConfig(evaluation_horizon=17), 4, 0)


def test_attempts_of_exploiting_arms_that_are_longer_than_the_others_are_refused():
    with pytest.raises(ValueError, match=r'exploiting_horizon 6 steps came, at most horizon \(5\)'):
        Planner(REACH, PlannerConfig(horizon=5, exploiting_horizon=6), 4, 0)


def test_tested_attempts_have_the_configured_rate_and_are_free_of_exploration():
    configs = PlannerConfig(testing_rate=0.5, **SMALL), CONFIGS[1]
    planner, controller = play(*actors(configs=configs, arms=64), simulation=PointMass(64, 0))
    assert 0.4 < planner.testing.mean() < 0.6
    np.testing.assert_array_equal(controller.exploring, ~planner.testing)
    still = np.linalg.norm(controller.action[planner.testing], axis=-1)
    assert still.max() < 0.05   # a new policy is nearly still; its noise is not
    changed = (np.diff(planner.testing.astype(int), axis=0) != 0) & (np.diff(planner.attempt.astype(int), axis=0) == 0)
    assert not changed.any()


def test_untrained_levels_act_at_random():
    planner, controller = play(*actors(arms=64), simulation=PointMass(64, 0), trained=False)
    assert 0.5 < planner.action.std() < 0.65 and 0.5 < controller.action[..., :3].std() < 0.65


def test_subgoals_stay_in_the_workspace_and_commands_in_range():
    configs = PlannerConfig(random_share=1.0, reach=1.0, **SMALL), ControllerConfig(noise=2.0, **SMALL)
    planner, controller = play(*actors(configs=configs))
    position = planner.subgoal[..., :3]
    assert (position >= REACH.workspace.low).all() and (position <= REACH.workspace.high).all()
    assert np.abs(controller.action).max() <= 1.0


def test_speed_limits_the_command():
    configs = PlannerConfig(slowest=0.2, random_share=1.0, **SMALL), ControllerConfig(random_share=1.0, **SMALL)
    planner, controller = play(*actors(configs=configs))
    assert planner.speed.min() < 0.4 < 0.8 < planner.speed.max()
    assert (np.abs(controller.action[..., :3]).max(axis=-1) <= planner.speed + 1e-12).all()


def test_states_out_of_order_are_refused():
    planner, simulation = actors()[0], PointMass(4, 0)
    simulation.reset(3)
    planner.begin(3, weights()[0], statistics(), True)
    with pytest.raises(ValueError, match='step 1 came'):
        planner.act(state(simulation, REACH, 3, 1))
    with pytest.raises(ValueError, match='round 4'):
        planner.act(state(simulation, REACH, 4, 0))
    with pytest.raises(ValueError, match='terminal'):
        planner.episodes(0)


def test_weights_of_another_task_are_refused():
    with pytest.raises(ValueError, match='another task'):
        actors()[0].begin(0, weights(PICK)[0], statistics(), True)


@pytest.mark.parametrize('start, opening', [(0.0, 0.03), (0.0, 0.06), (0.0, 0.1), (0.1, 0.06), (0.1, 0.0)])
def test_the_servo_reaches_an_opening_in_ten_steps_and_stays(start, opening):
    simulation = Simulation(PICK, 1, 0)
    simulation.reset(0)
    openings = []
    for wanted in [start] * 12 + [opening] * 14:
        command = np.zeros((1, 4))
        command[:, 3] = servo(simulation.observation, np.array([wanted]), ControllerConfig())
        simulation.step(np.clip(command, -1, 1))
        openings.append(simulation.observation[0, 9:11].sum())
    np.testing.assert_allclose(openings[12 + 9:], opening, atol=0.002)


def test_the_servo_goes_on_squeezing_what_is_wider_than_the_opening():
    observation = np.zeros((1, 25))
    observation[:, 9:11] = 0.025    # FetchEnv's object is 5 cm wide
    assert servo(observation, np.array([0.0]), ControllerConfig()) < -0.025


def test_a_learned_gripper_has_a_fourth_output():
    configs = CONFIGS[0], ControllerConfig(gripper='learned', random_share=1.0, **SMALL)
    simulation = Simulation(PICK, 4, 0)
    controller = play(*actors(task=PICK, configs=configs), task=PICK, simulation=simulation)[1]
    assert controller.action[..., 3].std() > 0.3


def test_exploiting_arms_act_with_the_averaged_actor_and_explore_less():
    settings = dict(exploiting_share=0.5, exploiting_exploration=0.0, testing_rate=0.0)
    planner = actors(configs=(PlannerConfig(**settings, **SMALL), CONFIGS[1]))[0]
    first = weights(configs=(planner.config, CONFIGS[1]))[0]
    first.tensors['averaged.2.bias'][:] = 9.0    # proposes 1 everywhere
    planner.begin(3, first, statistics(), True)
    simulation = PointMass(4, 0)
    simulation.reset(3)
    planner.act(state(simulation, REACH, 3, 0))
    assert (planner.current.action[:2] > 0.99).all() and (np.abs(planner.current.action[2:]) < 0.9).any(axis=1).all()


def test_exploration_falls_to_its_final_share():
    config = PlannerConfig(updates=100.0, exploration_until=1000, final_exploration=0.2)
    np.testing.assert_allclose([config.exploration_after(n) for n in (0, 50, 100, 500)], [1.0, 0.6, 0.2, 0.2])
    assert PlannerConfig().exploration_after(500) == 1.0


@pytest.mark.parametrize('updates', [0, 7, 30, 31, 400])
def test_steps_and_updates_belong_together(updates):
    config = PlannerConfig(updates=37.0, start_steps=300, start_updates=100.0)
    assert config.updates_after(np.ceil(config.steps_after(updates) + 1e-9)) == updates
