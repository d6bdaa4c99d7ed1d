"""Control mode fetch: a Fetch's limits, a robot's observations, and a pure function of seed, worker, round and arm."""
import dataclasses

import fetch_policies
import mujoco
import numpy as np
import pytest

from hac_ros import kinematics, tasks
from hac_ros.config import NOMINAL, ControllerConfig, FetchConfig, RandomizationConfig
from hac_ros.simulation.simulation import Simulation

FIELDS = ('observation', 'achieved_goal', 'desired_goal', 'reward', 'success')
NAMES = tuple(tasks.FETCH_WORKSPACES)


def simulate(name, arms=2, randomization=NOMINAL, seed=7, **settings):
    task = tasks.by_name(name, 'fetch')
    return Simulation(task, arms, seed, control='fetch', randomization=randomization, **settings)


def roll(simulation, round, steps=8):
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


def joints(simulation):
    """Return true positions and velocities (N, 9) of arm joints and fingers."""
    readout = simulation.readout
    return (np.array([data.qpos[readout.qpos] for data in simulation.data]),
            np.array([data.qvel[readout.qvel] for data in simulation.data]))


def grip(simulation, arm):
    """Return MuJoCo's own position [m] and velocity [m/s] of the gripper's site, computed afresh."""
    model, data = simulation.mode.models[arm], simulation.data[arm]
    mujoco.mj_forward(model, data)
    linear, site = np.zeros((3, model.nv)), model.site('robot0:grip').id
    mujoco.mj_jacSite(model, data, linear, None, site)
    return data.site_xpos[site].copy(), linear @ data.qvel


# What a round is a function of

@pytest.mark.parametrize('name', NAMES)
def test_a_round_is_the_same_bits_whatever_ran_before(name):
    alone, late = (simulate(name, 3, RandomizationConfig()) for _ in range(2))
    roll(late, 1)
    roll(late, 2, steps=20)
    assert_same_bits(roll(alone, 3), roll(late, 3))


@pytest.mark.parametrize('name', NAMES)
def test_an_arm_does_not_depend_on_how_many_there_are(name):
    few, many = (simulate(name, arms, RandomizationConfig()) for arms in (2, 5))
    assert_same_bits(roll(few, 1), [column[:, :2] for column in roll(many, 1)])


def test_threads_change_nothing():
    one, three = (simulate('push', 4, RandomizationConfig(), threads=threads) for threads in (1, 3))
    assert_same_bits(roll(one, 1), roll(three, 1))
    three.close()


@pytest.mark.parametrize('other', ({'seed': 8}, {'worker': 1}, {'purpose': 'evaluation'}))
def test_seed_worker_and_purpose_each_give_other_episodes(other):
    first, second = simulate('push', 3, RandomizationConfig()), simulate('push', 3, RandomizationConfig(), **other)
    assert not np.isin(first.desired_goal[:, :2], second.desired_goal[:, :2]).any()
    assert not np.isin(first.observation[:, :6], second.observation[:, :6]).any()
    assert (first.mode.models[0].body('object0').mass != second.mode.models[0].body('object0').mass).all()


# The arm

@pytest.mark.parametrize('commands', ('uniform', 'extreme', 'alternating'))
def test_joints_keep_the_speed_and_acceleration_of_the_twist_controller(commands):
    simulation, rng = simulate('reach', 4), np.random.default_rng(0)
    before = simulation.control.controller.velocity.copy()
    for step in range(60):
        command = {'uniform': rng.uniform(-1, 1, (4, 4)), 'extreme': np.sign(rng.uniform(-1, 1, (4, 4))),
                   'alternating': np.full((4, 4), (-1.0)**step)}[commands]
        simulation.step(command)
        velocity = simulation.control.controller.velocity.copy()
        assert np.abs(velocity).max() <= 0.5 + 1e-9
        assert np.abs(velocity - before).max() <= 1.0 * 0.04 + 1e-9
        assert np.abs(joints(simulation)[1][:, :7]).max() <= 0.5 * 1.05
        assert np.degrees(np.linalg.norm(kinematics.tilt(simulation.readout.rotation), axis=1)).max() < 2
        before = velocity


@pytest.mark.parametrize('direction, speed', [((1, 0, 0), 0.11), ((0, 1, 0), 0.30), ((0, 0, 1), 0.22)])
def test_the_gripper_is_as_fast_at_the_start_as_the_stock_controller_lets_it(direction, speed):
    """Its joints are at their limit, so it is at the speed of the facts, whatever is asked for."""
    simulation = simulate('reach', 1, fetch=FetchConfig(speed=0.3))
    fastest = 0.0
    for _ in range(20):
        simulation.step([[*direction, 0]])
        fastest = max(fastest, simulation.observation[0, 5:8] @ direction / 0.04)
    assert fastest == pytest.approx(speed, abs=0.02)


def test_the_arm_holds_still_under_zero_commands_after_any_motion():
    simulation = simulate('pick_and_place', 3)
    for command in ([1, 0, 0, 0], [0, -1, -1, 0], [-1, 1, 1, 1]):
        for _ in range(10):
            simulation.step([command] * 3)
        for _ in range(15):
            simulation.step(np.zeros((3, 4)))
        begin = simulation.observation[:, :3]
        for _ in range(25):
            simulation.step(np.zeros((3, 4)))
            assert np.abs(simulation.observation[:, -5:-2]).max() < 1e-4     # 2.5 mm/s
        assert np.abs(simulation.observation[:, :3] - begin).max() < 5e-4


def test_a_delay_is_waited_for_and_a_gain_multiplies():
    plain, late, strong = (simulate('reach', 1, dataclasses.replace(NOMINAL, **changed)) for changed in (
        {}, {'action_delay': (0.08, 0.08)}, {'action_gain': (1.5, 1.5)}))
    ways = []
    for simulation in (plain, late, strong):
        for _ in range(30):
            simulation.step([[0, 0.5, 0, 0]])
            ways.append(simulation.observation[0, 1])
    plain_way, late_way, strong_way = np.array(ways).reshape(3, 30) - 0.7491
    np.testing.assert_allclose(late_way[2:], plain_way[:-2], atol=5e-5)   # the correction of tilt is late, too
    assert abs(late_way[1]) < 1e-5
    assert (strong_way[-1] - strong_way[-2]) / (plain_way[-1] - plain_way[-2]) == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize('name', NAMES)
def test_every_corner_of_the_workspace_is_in_reach_with_all_margins(name):
    workspace = tasks.by_name(name, 'fetch').workspace
    corners = np.array(np.meshgrid(*zip(workspace.low, workspace.high))).reshape(3, -1).T
    found = kinematics.inverse(kinematics.world_to_base(corners))
    assert found.success.all() and kinematics.within_limits(found.joints, 0.1).all()
    assert kinematics.condition_number(found.joints).max() < 30


# The gripper

def test_a_finger_is_no_faster_than_half_a_decimetre_a_second_and_both_are_alike():
    simulation, openings = simulate('pick_and_place', 1), []
    for _ in range(30):
        simulation.step([[0, 0, 0, 1]])
        openings.append(simulation.observation[0, 9:11])
        assert np.abs(joints(simulation)[1][0, 7:]).max() < 0.0525
    openings = np.array(openings)
    assert np.abs(np.diff(openings, axis=1)).max() < 1e-4
    opened = 0.04 * (1 + np.argmax(openings[:, 0] > 0.0475))
    assert 0.9 < opened < 1.2                              # [s] of the stroke of 50 mm
    assert openings[-1, 0] == pytest.approx(0.05, abs=1e-3)


def test_the_grip_is_no_stronger_than_sixty_newton_a_finger():
    simulation = simulate('pick_and_place', 4)
    policy = fetch_policies.Lift(simulation)
    most = 0.0
    for _ in range(140):
        simulation.step(policy())
        most = max(most, max(np.abs(data.actuator_force[7:]).max() for data in simulation.data))
    held = simulation.observation[:, 9]
    assert most == pytest.approx(60.0) and (held > 0.022).all()


def test_the_gripper_goes_on_within_the_band_and_stays_when_it_is_told_to():
    simulation = simulate('pick_and_place', 1)
    for command in (0.005,) * 5 + (0.003,) * 5:
        simulation.step([[0, 0, 0, command]])
    moving = simulation.observation[0, 9]
    assert moving > 0.016
    for _ in range(10):
        simulation.step([[0, 0, 0, 0.001]])
    assert simulation.observation[0, 9] == pytest.approx(moving, abs=4e-3)


def test_locked_fingers_stay_shut():
    simulation = simulate('push', 1)
    for _ in range(10):
        simulation.step([[0, 0, 0, 1]])
    assert np.abs(simulation.observation[0, 9:11]).max() < 1e-3


# Observations

@pytest.mark.parametrize('name', NAMES)
def test_gripper_and_velocity_agree_with_the_simulators_to_a_millimetre_and_a_millimetre_a_second(name):
    simulation, rng = simulate(name, 3), np.random.default_rng(1)
    for step in range(40):
        simulation.step(rng.uniform(-1, 1, (3, 4)) * (step % 10 < 7))
        for arm in range(3):
            position, velocity = grip(simulation, arm)
            assert np.linalg.norm(simulation.observation[arm, :3] - position) < 1e-3
            assert np.linalg.norm(simulation.observation[arm, -5:-2] / 0.04 - velocity) < 1e-3


def test_without_noise_the_object_is_observed_where_it_is_and_rests():
    simulation = simulate('push', 4)
    for _ in range(20):
        simulation.step(np.zeros((4, 4)))
    truth = np.array([data.body('object0').xpos for data in simulation.data])
    np.testing.assert_allclose(simulation.observation[:, 3:6], truth, atol=1e-4)
    np.testing.assert_allclose(simulation.observation[:, 6:9], truth - simulation.observation[:, :3], atol=1e-4)
    assert np.abs(simulation.observation[:, 11:20]).max() < 1e-3


def test_what_sensors_add_is_as_large_as_the_settings_say():
    noisy = dataclasses.replace(NOMINAL, object_noise=0.004, joint_noise=0.001)
    simulation = simulate('push', 20, noisy)
    wrong, tilts = [], []
    for _ in range(25):
        simulation.step(np.zeros((20, 4)))
        wrong.append(simulation.observation[:, 3:6] - simulation.readout.truth)
        tilts.append(simulation.observation[:, :3] - [grip(simulation, arm)[0] for arm in range(20)])
    assert np.std(wrong) == pytest.approx(0.004, rel=0.1)
    assert 2e-4 < np.std(tilts) < 2e-3


def test_a_pose_that_is_late_or_missing_is_an_older_one():
    late = simulate('push', 1, dataclasses.replace(NOMINAL, object_delay=(2, 2)))
    missing = simulate('push', 1, dataclasses.replace(NOMINAL, object_dropout=0.9))
    truths, seen, held = [], [], []
    for simulation in (late, missing):
        address = simulation.mode.readout.pose
        for step in range(20):
            simulation.data[0].qpos[address] += 0.01          # someone moves the object
            simulation.step(np.zeros((1, 4)))
            if simulation is late:
                truths.append(simulation.readout.truth[0, 0])
                seen.append(simulation.observation[0, 3])
            else:
                held.append(simulation.observation[0, 3])
    np.testing.assert_allclose(seen[2:], truths[:-2], atol=1e-12)
    assert 1 <= len(set(held)) < 10


def test_success_is_judged_by_where_the_object_is():
    blind = dataclasses.replace(NOMINAL, object_bias=0.1)
    simulation = simulate('push', 30, blind)
    truth = np.array([data.body('object0').xpos for data in simulation.data])
    distance = np.linalg.norm(truth - simulation.desired_goal, axis=1)
    assert ((distance < 0.05) == simulation.success).all()
    assert np.abs(simulation.achieved_goal - truth).max() > 0.05


# Episodes

@pytest.mark.parametrize('name', NAMES)
def test_episodes_are_drawn_within_their_ranges_and_the_workspace(name):
    config, task = RandomizationConfig(), tasks.by_name(name, 'fetch')
    simulation = simulate(name, 20, config)
    for round in range(5):
        simulation.reset(round)
        inside = slice(0, 2) if task.has_object else slice(0, 3)
        for place in (simulation.desired_goal, simulation.readout.truth):
            assert (place >= np.array(task.workspace.low) - 1e-6)[:, inside].all()
            assert (place <= np.array(task.workspace.high) + 1e-6)[:, inside].all()
        assert (simulation.desired_goal[:, 2] <= task.workspace.high[2] + 1e-9).all()
        if task.has_object:
            models = simulation.mode.models
            mass = np.array([model.body('object0').mass[0] for model in models])
            assert config.object_mass[0] <= mass.min() < mass.max() <= config.object_mass[1]
            friction = np.array([model.geom('object0').friction[0] for model in models])
            assert config.object_friction[0] <= friction.min() < friction.max() <= config.object_friction[1]
            apart = simulation.readout.truth - simulation.settled.gripper
            assert np.linalg.norm(apart[:, :2], axis=1).min() >= 0.1 - 1e-9


def test_a_table_or_object_of_another_height_carries_the_object_at_rest():
    high = dataclasses.replace(NOMINAL, table_height=(0.02, 0.02), object_size=(1.2, 1.2))
    simulation = simulate('push', 2, high)
    for _ in range(15):
        simulation.step(np.zeros((2, 4)))
    np.testing.assert_allclose(simulation.readout.truth[:, 2], 0.42 + 0.03, atol=1e-3)
    np.testing.assert_allclose(simulation.desired_goal[:, 2], 0.42 + 0.03, atol=1e-3)


def test_a_state_that_is_set_is_held():
    simulation = simulate('pick_and_place', 2)
    for _ in range(20):
        simulation.step([[1, 1, 0, 1]] * 2)
    state, wanted = simulation.state(0), simulation.observation[0, :3]
    simulation.reset(5)
    simulation.set_state(0, state)
    for _ in range(5):
        simulation.step(np.zeros((2, 4)))
    np.testing.assert_allclose(simulation.observation[0, :3], wanted, atol=0.02)


@pytest.mark.parametrize('name, policy', [('reach', None), ('push', fetch_policies.Push),
                                          ('pick_and_place', fetch_policies.Lift)])
def test_every_task_can_be_done_in_its_time(name, policy):
    """Success at the last step, under randomised dynamics and noise."""
    simulation = simulate(name, 10, RandomizationConfig(), seed=2)
    act = policy(simulation) if policy else lambda: fetch_policies.reach(simulation)
    for _ in range(simulation.task.steps):
        simulation.step(act())
    wanted = {'reach': 1.0, 'push': 0.5, 'pick_and_place': 0.9}[name]     # the pushing script loses the block at times
    assert simulation.success.mean() >= wanted


def test_a_task_that_fetch_is_too_slow_for_is_refused():
    with pytest.raises(ValueError, match="'slide' cannot be done.*reach, push"):
        tasks.by_name('slide', 'fetch')


@pytest.mark.parametrize('opening', (0.03, 0.05, 0.08))
def test_the_controllers_servo_brings_the_gripper_to_an_opening_and_keeps_it_there(opening):
    """With the servo's gains for FetchEnv, to the tolerance of subgoals; a few goals are sent, not one a period."""
    simulation, servo, sent = simulate('pick_and_place', 1), ControllerConfig(), 0
    for step in range(60):
        finger, moved = simulation.observation[0, 9], simulation.observation[0, 23]
        before = simulation.control.goals.goal.copy()
        simulation.step([[0, 0, 0, servo.servo_gain * (opening / 2 - finger) - servo.servo_damping * moved]])
        sent += (simulation.control.goals.goal != before).sum()
        assert step < 45 or abs(2 * simulation.observation[0, 9] - opening) < 0.005
    assert sent <= 6
