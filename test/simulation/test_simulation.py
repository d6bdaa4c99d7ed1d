"""What a round is a function of, what is refused, and that the arm obeys."""
import mujoco
import numpy as np
import pytest

from hac_ros.simulation import models, readout
from hac_ros.simulation.raw_speed import batched, physics_only
from hac_ros.simulation.simulation import Simulation
from hac_ros.tasks import TASKS, Task, Workspace

FIELDS = ('observation', 'achieved_goal', 'desired_goal', 'reward', 'success')


def roll(simulation, round, steps=6):
    """Play ``round`` with commands that depend on round and arm only; return every array of every step."""
    simulation.reset(round)
    found = [[getattr(simulation, field) for field in FIELDS]]
    commands = np.stack([np.random.default_rng([round, arm]).uniform(-1, 1, (steps, 4))
                         for arm in range(simulation.arms)], axis=1)
    for command in commands:
        simulation.step(command)
        found.append([getattr(simulation, field) for field in FIELDS])
    return [np.stack(column) for column in zip(*found)]


def assert_same_bits(left, right):
    for a, b in zip(left, right):
        assert a.tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.mark.parametrize('name', TASKS)
def test_a_round_is_the_same_bits_whatever_ran_before(name):
    alone, late = (Simulation(TASKS[name], 3, seed=7) for _ in range(2))
    roll(late, 1)
    roll(late, 2, steps=40)
    assert_same_bits(roll(alone, 3), roll(late, 3))


def test_a_reset_forgets_every_part_of_the_state():
    """Forces, controls, warm start and mocap left over from elsewhere do not reach the next round."""
    fresh, soiled = (Simulation(TASKS['pick_and_place'], 1, seed=7) for _ in range(2))
    data = soiled.data[0]
    for name in ('qfrc_applied', 'xfrc_applied', 'qacc_warmstart', 'ctrl', 'mocap_pos', 'qvel'):
        getattr(data, name)[:] = 0.3
    data.time = 5.0
    assert_same_bits(roll(fresh, 2), roll(soiled, 2))


@pytest.mark.parametrize('name', TASKS)
@pytest.mark.parametrize('arms', (1, 5))
def test_an_arm_does_not_depend_on_how_many_there_are(name, arms):
    few, many = Simulation(TASKS[name], arms, seed=7), Simulation(TASKS[name], 9, seed=7)
    assert_same_bits(roll(few, 1), [column[:, :arms] for column in roll(many, 1)])


def test_threads_change_nothing():
    one, three = (Simulation(TASKS['push'], 5, seed=7, threads=threads) for threads in (1, 3))
    assert_same_bits(roll(one, 1), roll(three, 1))
    three.close()


@pytest.mark.parametrize('other', ({'seed': 8}, {'worker': 1}, {'purpose': 'evaluation'}))
def test_seed_worker_and_purpose_each_give_other_goals(other):
    first, second = Simulation(TASKS['reach'], 4, **{'seed': 7}), Simulation(TASKS['reach'], 4, **{'seed': 7, **other})
    assert not np.isin(first.desired_goal, second.desired_goal).any()


def test_rounds_and_arms_each_have_goals_of_their_own():
    simulation = Simulation(TASKS['reach'], 4, seed=7)
    goals = []
    for round in range(5):
        simulation.reset(round)
        goals.append(simulation.desired_goal)
    assert len(np.unique(np.concatenate(goals), axis=0)) == 20


@pytest.mark.parametrize('name', TASKS)
def test_starts_and_goals_fill_their_ranges_and_keep_to_them(name):
    """500 draws: within the bounds, and within 15 % of each of their sides."""
    task, scene = TASKS[name], models.SCENES[name]
    simulation = Simulation(task, 50, seed=1)
    goals, objects = [], []
    for round in range(10):
        simulation.reset(round)
        goals.append(simulation.desired_goal)
        objects.append(simulation.achieved_goal)
    settled = simulation.settled
    offset = np.concatenate(goals) - settled.gripper - scene.goal_offset
    sides = slice(0, 2) if task.has_object else slice(0, 3)
    assert_fills(offset[:, sides], scene.goal_range)
    if task.has_object:
        height = np.concatenate(goals)[:, 2] - settled.height
        in_air = height > 0
        assert (0.4 < in_air.mean() < 0.6) if scene.goal_in_air else not in_air.any()
        assert height.min() == 0 and height.max() <= 0.45 and (height.max() > 0.4) == scene.goal_in_air
        apart = (np.concatenate(objects) - settled.gripper)[:, :2]
        assert np.linalg.norm(apart, axis=1).min() >= 0.1
        assert_fills(apart, scene.object_range, share=0.6)


def assert_fills(offset, half, share=0.85):
    assert np.abs(offset).max() <= half
    assert (offset.min(axis=0) < -share * half).all() and (offset.max(axis=0) > share * half).all()


@pytest.mark.parametrize('bad', (np.nan, np.inf, -np.inf))
def test_a_command_that_is_not_finite_moves_no_arm(bad):
    simulation = Simulation(TASKS['pick_and_place'], 3, seed=0)
    before, observation = [simulation.state(arm) for arm in range(3)], simulation.observation
    command = np.ones((3, 4))
    command[1, 2] = bad
    with pytest.raises(ValueError, match='arm 1, finite values are wanted'):
        simulation.step(command)
    assert all((simulation.state(arm) == state).all() for arm, state in enumerate(before))
    assert simulation.observation is observation and simulation.step_count == 0


@pytest.mark.parametrize('shape', ((2, 4), (3, 3), (0,)))
def test_a_command_of_the_wrong_size_is_refused_with_both_sizes(shape):
    simulation = Simulation(TASKS['reach'], 3, seed=0)
    with pytest.raises(ValueError, match=f'{np.prod(shape)} values came, 3 arms x 4'):
        simulation.step(np.zeros(shape))
    assert simulation.time == 0


@pytest.mark.parametrize('setting', ({'arms': 0}, {'threads': 0}, {'control': 'magic'}))
def test_settings_out_of_range_are_refused_by_name(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Simulation(TASKS['reach'], **{'arms': 1, 'seed': 0, **setting})


def test_a_task_without_a_scene_is_refused():
    unknown = Task('juggle', '', True, True, Workspace((0, 0, 0), (1, 1, 1)))
    with pytest.raises(ValueError, match="'juggle' has no simulation.*reach"):
        Simulation(unknown, 1, seed=0)


def test_arrays_of_earlier_steps_stay_as_they_were():
    simulation = Simulation(TASKS['push'], 2, seed=0)
    kept = [getattr(simulation, field) for field in FIELDS]
    copies = [array.copy() for array in kept]
    simulation.step(np.ones((2, 4)))
    simulation.reset(1)
    assert_same_bits(copies, kept)


def test_time_counts_control_periods_since_the_start_of_the_episode():
    simulation = Simulation(TASKS['reach'], 1, seed=0)
    roll(simulation, 0, steps=3)
    assert simulation.time == pytest.approx(0.12) and simulation.data[0].time == pytest.approx(0.12)
    simulation.reset(1)
    assert simulation.time == 0 and simulation.data[0].time == 0


def test_a_state_that_is_set_is_the_state_it_was_taken_from():
    first, second = (Simulation(TASKS['pick_and_place'], 2, seed=seed) for seed in (0, 1))
    roll(first, 0)
    for arm in range(2):
        second.set_state(arm, first.state(arm), first.desired_goal[arm])
        first.set_state(arm, first.state(arm))   # computes what is derived from the state afresh here too
    for field in FIELDS:
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes()
    with pytest.raises(ValueError, match='state: shape'):
        second.set_state(0, np.zeros(3))


def test_a_straight_line_policy_reaches_every_goal():
    """Success at the last step, as success of an episode is defined."""
    task = TASKS['reach']
    simulation = Simulation(task, 16, seed=2)
    assert not simulation.success.all()
    for _ in range(task.steps):
        direction = (simulation.desired_goal - simulation.achieved_goal) / 0.05
        simulation.step(np.concatenate([direction, np.zeros((16, 1))], axis=1))
    assert simulation.success.all() and (simulation.reward == 0).all()


def test_the_gripper_opens_and_closes_where_it_is_free_and_stays_shut_where_it_is_locked():
    for name, opened in (('pick_and_place', True), ('push', False)):
        simulation = Simulation(TASKS[name], 1, seed=0)
        for _ in range(10):
            simulation.step([[0, 0, 0.5, 1]])
        assert (simulation.observation[0, 9:11] > 0.04).all() == opened
        assert (simulation.observation[0, 9:11] == 0).all() != opened


def test_euler_angles_equal_gymnasium_robotics_also_where_they_are_degenerate():
    from gymnasium_robotics.utils import rotations
    regular = rotations.euler2mat(np.random.default_rng(0).uniform(-3, 3, (50, 3)))
    upright = np.array([[[0, 0, 1], [0.6, 0.8, 0], [-0.8, 0.6, 0]]], dtype=float)
    matrices = np.concatenate([regular, upright, upright * [1, 1, -1]])
    np.testing.assert_allclose(readout.euler(matrices.reshape(-1, 9)), rotations.mat2euler(matrices), atol=1e-12)


def test_both_speeds_are_measured_and_leave_the_simulation_usable():
    simulation = Simulation(TASKS['pick_and_place'], 2, seed=0, threads=2)
    assert min(physics_only(simulation, 3), batched(simulation, 3)) > 0
    assert_same_bits(roll(Simulation(TASKS['pick_and_place'], 2, seed=0), 1), roll(simulation, 1))
    simulation.close()


def test_stages_of_a_step_are_not_timed_after_a_reset_whoever_made_data_before_it():
    def timed():
        simulation.step(np.zeros((2, 4)))
        return simulation.data[0].timer[mujoco.mjtTimer.mjTIMER_STEP].duration

    simulation = Simulation(TASKS['push'], 2, seed=0)
    assert timed() == timed()
    mujoco.MjData(simulation.model)     # MuJoCo's Python module asks for times again
    assert timed() < timed()
    simulation.reset(1)
    assert timed() == timed()
