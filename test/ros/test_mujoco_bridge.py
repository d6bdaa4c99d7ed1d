"""The bridge's wire, seen from another process."""
import dataclasses
import signal

import numpy as np
import pytest
from bridge_driver import BridgeDriver

from hac_ros import messages, records, spaces, tasks, topics
from hac_ros.msg import ArmCommand
from hac_ros.simulation.simulation import Simulation
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

RUN, ARMS, SEED = 'wire', 3, 5
NAMESPACE = f'/{RUN}/worker_0'


@pytest.fixture
def bridge(processes):
    return processes.start('mujoco_bridge', NAMESPACE, run=RUN, task='push', arms=ARMS, seed=SEED,
                           bridge__standalone=True, bridge__repeat_after=0.2,
                           use_sim_time=True)     # simulated time stands still while nobody commands


def random_commands(steps):
    return np.random.default_rng(1).uniform(-1, 1, (steps, ARMS, spaces.COMMAND.size))


def test_states_through_dds_equal_the_simulation_bit_for_bit(bridge, listener):
    driver, simulation = BridgeDriver(listener, RUN, 'push'), Simulation(tasks.by_name('push'), ARMS, SEED)
    step = driver.first()
    for index, command in enumerate(random_commands(60)):
        round_, position = divmod(index, 50)
        if position == 0:
            simulation.reset(round_)
            step = driver.wait(round_, 0).id
        simulation.step(command)
        state = driver.step(step, command)
        for name in ('observation', 'achieved_goal', 'desired_goal', 'reward', 'success'):
            assert np.array_equal(getattr(state, name), getattr(simulation, name)), name
        step = state.id


def test_stale_and_repeated_commands_move_nothing(bridge, listener):
    driver, commands = BridgeDriver(listener, RUN, 'push'), random_commands(3)
    simulation = Simulation(tasks.by_name('push'), ARMS, SEED)
    step = driver.first()
    first = driver.step(step, commands[0])
    for foreign in (step, step, dataclasses.replace(first.id, step=7), dataclasses.replace(first.id, round=9),
                    dataclasses.replace(first.id, take=1), dataclasses.replace(first.id, run='another')):
        driver.send(foreign, commands[1])
    second = driver.step(first.id, commands[2])
    simulation.step(commands[0])
    simulation.step(commands[2])
    assert np.array_equal(second.observation, simulation.observation)


@pytest.mark.parametrize('spoil', [
    lambda m: m.value.__setitem__(5, float('nan')),
    lambda m: m.value.pop(),
    lambda m: setattr(m, 'arms', ARMS + 1),
    lambda m: setattr(m, 'space', 'joint_velocity')], ids=['nan', 'short', 'arms', 'space'])
def test_a_spoilt_command_is_refused_whole_and_named(bridge, listener, spoil):
    driver, commands = BridgeDriver(listener, RUN, 'push'), random_commands(2)
    simulation = Simulation(tasks.by_name('push'), ARMS, SEED)
    step = driver.first()
    spoilt: ArmCommand = messages.from_commands(records.Commands(step, commands[0]), messages.Header())
    spoil(spoilt)
    driver.publish(spoilt)
    listener.until(lambda: 'command refused: arm_command' in bridge.log.read_text(), 'the refusal in the log')
    state = driver.step(step, commands[1])
    simulation.step(commands[1])
    assert np.array_equal(state.observation, simulation.observation)


def test_an_overdue_state_is_repeated(bridge, listener):
    driver = BridgeDriver(listener, RUN, 'push')
    step = driver.first()
    listener.until(lambda: len(driver.states) >= 3, 'the repeated state')
    assert {messages.to_id(m.id) for m in driver.states} == {step}


@pytest.mark.parametrize('how', ['topic', 'service'])
def test_a_round_that_is_begun_anew_is_the_same_round(bridge, listener, how):
    driver = BridgeDriver(listener, RUN, 'push')
    restart = topics.publisher(listener.node, topics.RESTART_ROUND, RUN)
    start = driver.wait(0, 0, take=driver.first().take)
    middle = driver.step(start.id, random_commands(1)[0])
    if how == 'topic':
        listener.until(restart.get_subscription_count, 'the bridge')
        restart.publish(messages.from_id(middle.id))
    else:
        assert listener.call(Trigger, f'{NAMESPACE}/reset', Trigger.Request()).success
    again = driver.wait(0, 0, take=1)
    assert np.array_equal(again.observation, start.observation)
    assert np.array_equal(again.desired_goal, start.desired_goal)
    assert again.time >= middle.time


def test_pause_holds_and_goes_on(bridge, listener):
    driver, command = BridgeDriver(listener, RUN, 'push'), random_commands(1)[0]
    step = driver.first()
    assert listener.call(SetBool, f'{NAMESPACE}/pause', SetBool.Request(data=True)).success
    driver.send(step, command)
    # The bridge handles messages in order: when it answers this call it has had the command.
    assert listener.call(SetBool, f'{NAMESPACE}/pause', SetBool.Request(data=True)).success
    assert not [m for m in driver.states if m.id.step == 1]
    assert listener.call(SetBool, f'{NAMESPACE}/pause', SetBool.Request(data=False)).success
    assert driver.wait(0, 1).id.step == 1


def test_the_clock_never_goes_back(bridge, listener):
    driver, times = BridgeDriver(listener, RUN, 'push'), []
    listener.node.create_subscription(Clock, '/clock', lambda m: times.append(messages.seconds(m.clock)), topics.MOMENTARY)
    step = driver.first()
    for command in random_commands(50):
        step = driver.step(step, command).id
    step = driver.step(driver.wait(1, 0).id, command).id
    listener.until(lambda: times and times[-1] > 2.0, 'the time of the second episode')
    assert times == sorted(times)


def test_ctrl_c_ends_the_bridge_with_status_0(bridge, listener):
    BridgeDriver(listener, RUN, 'push').first()
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(15) == 0
    assert 'Traceback' not in bridge.log.read_text()


@pytest.mark.parametrize('parameters, words', [
    ({'task': 'juggle'}, ('task', 'juggle', 'pick_and_place')),
    ({'arms': 0}, ('arms', '0', 'from 1')),
    ({'arms': 'many'}, ('arms', 'int')),
    ({'seed': -1}, ('seed', '-1'))], ids=['task', 'arms', 'type', 'seed'])
def test_a_setting_out_of_range_is_refused_in_one_line(processes, parameters, words):
    process = processes.start('mujoco_bridge', NAMESPACE, **{'run': RUN, **parameters})
    assert process.wait(60) == 2
    lines = [line for line in process.log.read_text().splitlines() if 'error' in line]
    assert len(lines) == 1 and all(word in lines[0] for word in words), lines
