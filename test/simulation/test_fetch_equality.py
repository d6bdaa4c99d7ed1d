"""The simulation equals gymnasium-robotics' own environments."""
import gymnasium
import gymnasium_robotics
import mujoco
import numpy as np
import pytest

from hac_ros.randomness import generator
from hac_ros.simulation.simulation import Simulation
from hac_ros.simulation.start import read_state
from hac_ros.tasks import TASKS

gymnasium.register_envs(gymnasium_robotics)
STEPS = 210


def make_environment(task, rng):
    """Return FetchEnv reset with ``rng`` as its randomness, and its first observation."""
    environment = gymnasium.make(task.environment, max_episode_steps=10 * STEPS).unwrapped
    environment._np_random = rng
    return environment, environment.reset()[0]


def assert_equal(simulation, arm, theirs):
    for name in ('observation', 'achieved_goal', 'desired_goal'):
        np.testing.assert_allclose(getattr(simulation, name)[arm], theirs[name], rtol=0, atol=1e-9, err_msg=name)


def step_both(simulation, environment, command):
    """Step both with ``command`` (4,); all that they tell must be equal."""
    simulation.step(command[None])
    theirs, reward, _, _, info = environment.step(command)
    assert_equal(simulation, 0, theirs)
    assert simulation.reward[0] == reward
    assert simulation.success[0] == info['is_success']


@pytest.mark.parametrize('name', TASKS)
def test_a_reset_draws_the_same_start_and_goal_as_fetch_env_from_the_same_generator(name):
    simulation = Simulation(TASKS[name], 2, seed=11, worker=3)
    simulation.reset(5)
    for arm in range(2):
        _, theirs = make_environment(TASKS[name], generator(11, 'training/reset', 3, 5, arm))
        assert_equal(simulation, arm, theirs)


@pytest.mark.parametrize('name', TASKS)
def test_random_steps_equal_fetch_env(name):
    """Observation, goals, reward and success, over 210 steps of commands up to 1.3, which both must clip."""
    simulation = Simulation(TASKS[name], 1, seed=4)
    environment, _ = make_environment(TASKS[name], generator(4, 'training/reset', 0, 0, 0))
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        step_both(simulation, environment, rng.uniform(-1.3, 1.3, size=4))


@pytest.mark.parametrize('name', [name for name, task in TASKS.items() if task.has_object])
def test_steps_in_which_the_object_is_handled_equal_fetch_env(name):
    """The gripper is drawn to the object with noise, so that it is hit, pushed, squeezed and tilted."""
    simulation = Simulation(TASKS[name], 1, seed=4)
    environment, _ = make_environment(TASKS[name], generator(4, 'training/reset', 0, 0, 0))
    rng, start = np.random.default_rng(1), simulation.achieved_goal[0]
    for _ in range(STEPS):
        towards = 8 * simulation.observation[0, 6:9] + rng.uniform(-0.7, 0.7, size=3)
        step_both(simulation, environment, np.append(towards, rng.uniform(-1, 0.5)))
    assert np.linalg.norm(simulation.achieved_goal[0] - start) > 0.05


@pytest.mark.parametrize('name', TASKS)
def test_steps_from_a_state_of_fetch_env_equal_it(name):
    """The state is taken in the middle of an episode that the simulation has not seen."""
    simulation = Simulation(TASKS[name], 1, seed=4)
    environment, _ = make_environment(TASKS[name], np.random.default_rng(3))
    rng = np.random.default_rng(1)
    for _ in range(20):
        environment.step(rng.uniform(-1, 1, size=4))
    simulation.set_state(0, read_state(environment.model, environment.data), environment.goal)
    mujoco.mj_forward(environment.model, environment.data)   # set_state does so too
    for _ in range(50):
        step_both(simulation, environment, rng.uniform(-1, 1, size=4))


@pytest.mark.parametrize('name', TASKS)
def test_reward_and_success_equal_fetch_env_where_the_goal_is_reached(name):
    """Goals at, just inside and just outside the threshold of where the arm or object is."""
    task = TASKS[name]
    simulation = Simulation(task, 1, seed=4)
    environment, _ = make_environment(task, generator(4, 'training/reset', 0, 0, 0))
    state, start = simulation.state(0), simulation.achieved_goal[0]
    for distance in (0.0, task.threshold - 1e-6, task.threshold, task.threshold + 1e-6):
        goal = start + (distance, 0, 0)
        simulation.set_state(0, state, goal)
        assert simulation.reward[0] == environment.compute_reward(start, goal, {})
        assert simulation.success[0] == environment._is_success(start, goal)
