"""Conversions between messages and arrays, through the real serialisation."""
import dataclasses
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hac_ros import messages, records, spaces
from hac_ros.msg import ArmCommand, ArmState, Contribution, Episodes, PolicyWeights, Statistics, Subgoal
from hac_ros.serialised import Serialised, places
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

STEP = records.StepId('run', 3, 70_000, 2, 41)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def through(message):
    """Send a message through its serialisation."""
    return deserialize_message(serialize_message(message), type(message))


def same(a, b):
    assert type(a) is type(b)
    for name, value in vars(a).items():
        other = getattr(b, name)
        if isinstance(value, np.ndarray):
            assert value.shape == other.shape and np.array_equal(value, other), name
        elif isinstance(value, (records.Moments, records.ContributionId)):
            same(value, other)
        elif isinstance(value, dict):
            assert list(value) == list(other) and all(np.array_equal(value[k], other[k]) for k in value)
        else:
            assert value == other, name


def arm_state(values, space=spaces.GRIPPER_OBSERVATION):
    n = len(values)
    return records.ArmState(STEP, space.name, 50, values, values[:, :3], values[:, 1:4], -np.ones(n),
                            np.arange(n) % 2 == 1, time=1.25, period=0.04, frame='world')


@settings(deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: arrays.arrays(np.float64, (n, 10), elements=FINITE)))
def test_an_arm_state_comes_back_bit_for_bit(values):
    state = arm_state(values)
    same(messages.to_arm_state(through(messages.from_arm_state(state)), spaces.GRIPPER_OBSERVATION), state)


@settings(deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: arrays.arrays(np.float64, (n, 10), elements=FINITE)))
def test_a_state_overwritten_by_the_writer_comes_back_bit_for_bit(values):
    first, state = arm_state(np.zeros_like(values)), arm_state(values)
    writer = messages.ArmStateWriter(first)
    writer.write(dataclasses.replace(STEP, round=0, take=65535, step=0), 0.0, *arrays_of(first))
    read = deserialize_message(writer.write(STEP, state.time, *arrays_of(state)), ArmState)
    same(messages.to_arm_state(read, spaces.GRIPPER_OBSERVATION), state)


def reader(arms=3):
    return messages.ArmCommandReader(arm_state(np.zeros((arms, 10))))


def command(values, step=STEP, frame='world', **other):
    message = messages.from_commands(records.Commands(step, values, 5, 5), Header(frame_id=frame))
    for name, value in other.items():
        setattr(message, name, value)
    return message


@settings(deadline=None)
@given(arrays.arrays(np.float64, (3, 4), elements=FINITE), st.sampled_from(['world', 'base_link', '']))
def test_a_command_is_read_bit_for_bit_from_its_serialised_form_whatever_its_frame(values, frame):
    assert np.array_equal(reader().read(serialize_message(command(values, frame=frame)), STEP), values)


def test_a_command_laid_out_as_usual_is_read_without_a_message_object(monkeypatch):
    monkeypatch.delattr(messages, 'deserialize_message')
    data = bytearray(serialize_message(command(np.ones((3, 4)))))
    for offset in padding(data):
        data[offset] = 0xA5        # of what was in memory before
    assert np.array_equal(reader().read(bytes(data), STEP), np.ones((3, 4)))
    with pytest.raises(NameError):
        reader().read(serialize_message(command(np.ones((3, 4)), frame='')), STEP)


def padding(data):
    """Return where a command's bytes are neither header nor of a value."""
    used = set(range(4))
    for part, _ in reader().layout.constant:
        used.update(range(part.start, part.stop))
    for _, offset, dtype, count in places(deserialize_message(bytes(data), ArmCommand)):
        used.update(range(offset, offset + count * dtype.itemsize))
    assert len(used) < len(data)
    return sorted(set(range(len(data))) - used)


@pytest.mark.parametrize('other', [dict(run='ran'), dict(run='longer run'), dict(worker=4), dict(round=70_001), dict(take=1),
                                   dict(step=40)])
def test_a_command_that_answers_another_step_or_another_bridge_is_none(other):
    step = dataclasses.replace(STEP, **other)
    assert reader().read(serialize_message(command(np.zeros((3, 4)), step)), STEP) is None


@pytest.mark.parametrize('message,reason', [
    (command(np.zeros((2, 4))), 'commands for 2 arms came, 3 are wanted'),
    (command(np.zeros((3, 4)), arms=2), 'commands for 2 arms came, 3 are wanted'),
    (command(np.zeros((3, 3))), '9 values came, 3 x 4 = 12 are wanted'),
    (command(np.zeros((3, 4)), space='cartesian_velocity_grippes'), 'space .* came'),
    (command(np.full((3, 4), np.nan)), 'not finite')])
def test_a_command_that_fits_the_step_but_not_the_arms_is_refused_with_its_reason(message, reason):
    with pytest.raises(ValueError, match=reason):
        reader().read(serialize_message(message), STEP)


@pytest.mark.parametrize('data', [b'', b'\x00\x01', b'\x00\x01\x00\x00' + b'\xff' * 40])
def test_bytes_that_are_no_command_are_refused_with_their_number(data):
    with pytest.raises(ValueError, match=f'arm_command: {len(data)} bytes came that are no ArmCommand'):
        reader().read(data, STEP)


def arrays_of(state):
    return state.observation, state.achieved_goal, state.desired_goal, state.reward, state.success


@pytest.mark.parametrize('message', [
    messages.from_arm_state(arm_state(np.zeros((3, 10)))),
    messages.from_commands(records.Commands(STEP, np.zeros((2, 4)), 5, 5), Header(frame_id='odd length'))])
def test_numbers_overwritten_in_a_serialised_message_are_read_back(message):
    written = Serialised(message)
    for number, view in enumerate(written.numbers.values()):
        view[:] = number
    read = deserialize_message(bytes(written.data), type(message))
    assert {path: list(view) for path, view in Serialised(read).numbers.items()} == {
        path: [number] * len(view) for number, (path, view) in enumerate(written.numbers.items())}


def test_an_empty_array_and_a_field_after_it_keep_their_places():
    message = Episodes(arms=3, steps=2, action=array('d', [1.0, 2.0]), exploring=array('B', [7]))
    numbers = Serialised(message).numbers
    assert len(numbers['observation']) == 0
    assert list(numbers['action']) == [1.0, 2.0] and list(numbers['exploring']) == [7]


def test_a_message_whose_fields_are_not_numbers_is_refused_by_the_path_of_the_field():
    with pytest.raises(ValueError, match=r'includes: a field of type .* came; numbers, arrays'):
        Serialised(Statistics())


@settings(deadline=None)
@given(arrays.arrays(np.float64, (3, 4), elements=FINITE))
def test_subgoals_and_commands_come_back_bit_for_bit(values):
    subgoals = records.Subgoals(STEP, values, values[:, :2], values[:, 0], np.array([0, 1, 2**31], np.uint32),
                                np.array([1, 2, 65535], np.uint16), np.array([True, False, True]), 7, 7)
    same(messages.to_subgoals(through(messages.from_subgoals(subgoals, Header()))), subgoals)
    commands = records.Commands(STEP, values, 5, 5)
    same(messages.to_commands(through(messages.from_commands(commands, Header())), 3), commands)


def episodes(steps=2, arms=3):
    rng = np.random.default_rng(0)
    return records.Episodes(
        1, 2**63, 9, records.PLANNER, 9, 9, rng.normal(size=(steps + 1, arms, 25)), rng.normal(size=(steps + 1, arms, 3)),
        rng.normal(size=(arms, 3)), rng.random((steps + 1, arms)) < 0.5, rng.normal(size=(steps, arms, 4)),
        rng.random((steps, arms, 2)), rng.random((steps, arms)), np.ones((steps, arms), np.uint32),
        np.full((steps, arms), 5, np.uint16), rng.random((steps, arms)) < 0.5, rng.normal(size=(steps, arms, 4)),
        rng.random((steps, arms)) < 0.5)


def test_episodes_come_back_bit_for_bit():
    sent = episodes()
    message = through(messages.from_episodes(sent, 'run', spaces.OBJECT_OBSERVATION, Header()))
    same(messages.to_episodes(message, spaces.OBJECT_OBSERVATION), sent)


def moments(size):
    rng = np.random.default_rng(1)
    return records.Moments(2**40 + 1, rng.normal(size=size), rng.random(size))


def test_contributions_and_statistics_come_back_bit_for_bit():
    space, key = spaces.OBJECT_OBSERVATION, records.ContributionId(2, 2**63, 4, 0, 3)
    contribution = records.Contribution(key, space.name, moments(25), 2)
    stamp = Header().stamp
    same(messages.to_contribution(through(messages.from_contribution(contribution, 'run', stamp)), space), contribution)
    statistics = records.Statistics(5, space.name, moments(25), (key,), True, 2)
    same(messages.to_statistics(through(messages.from_statistics(statistics, 'run', stamp)), space), statistics)


def weights():
    tensors = {'actor.0.weight': np.arange(6, dtype=np.float32).reshape(2, 3), 'scale': np.float32(2).reshape(())}
    return records.Weights(records.CONTROLLER, 4, 4, 1000, tensors)


def test_weights_come_back_bit_for_bit():
    sent = weights()
    same(messages.to_weights(through(messages.from_weights(sent, 'run', Header().stamp))), sent)


def spoilt(message, field, value):
    setattr(message, field, value)
    return message


def good(kind):
    stamp = Header().stamp
    return {ArmState: lambda: messages.from_arm_state(arm_state(np.ones((2, 10)))),
            ArmCommand: lambda: messages.from_commands(records.Commands(STEP, np.ones((2, 4))), Header()),
            Episodes: lambda: messages.from_episodes(episodes(), 'run', spaces.OBJECT_OBSERVATION, Header()),
            PolicyWeights: lambda: messages.from_weights(weights(), 'run', stamp),
            Statistics: lambda: messages.from_statistics(
                records.Statistics(5, 'fetch_object', moments(25)), 'run', stamp),
            Contribution: lambda: messages.from_contribution(records.Contribution(
                records.ContributionId(0, 1, 1, 0, 0), 'fetch_object', moments(25)), 'run', stamp),
            Subgoal: lambda: messages.from_subgoals(records.Subgoals(
                STEP, np.ones((1, 4)), np.ones((1, 2)), np.ones(1), np.ones(1, np.uint32), np.ones(1, np.uint16),
                np.ones(1, bool)), Header())}[kind]()


READERS = {ArmState: lambda m: messages.to_arm_state(m, spaces.GRIPPER_OBSERVATION),
           ArmCommand: lambda m: messages.to_commands(m, 2), Subgoal: messages.to_subgoals,
           Episodes: lambda m: messages.to_episodes(m, spaces.OBJECT_OBSERVATION), PolicyWeights: messages.to_weights,
           Statistics: lambda m: messages.to_statistics(m, spaces.OBJECT_OBSERVATION),
           Contribution: lambda m: messages.to_contribution(m, spaces.OBJECT_OBSERVATION)}


@pytest.mark.parametrize('kind, field, value, words', [
    (ArmState, 'space', 'fetch_object', 'fetch_gripper'), (ArmState, 'arms', 3, '20 values came, 3 x 10 = 30'),
    (ArmState, 'arms', 0, 'at least 1'), (ArmState, 'observation', [float('nan')] * 20, 'not finite'),
    (ArmState, 'desired_goal', [0.0] * 5, '5 values came'), (ArmState, 'reward', [0.0], '1 values came'),
    (ArmCommand, 'value', [float('inf')] * 8, 'not finite'), (ArmCommand, 'arms', 1, '1 arms came, 2 are wanted'),
    (ArmCommand, 'space', 'joint', 'cartesian_velocity_gripper'), (Subgoal, 'tolerance', [0.1], '1 values came'),
    (Episodes, 'steps', 0, '0 steps'), (Episodes, 'subgoal', [1.0], '1 values came'),
    (Episodes, 'action', [float('nan')] * 24, 'not finite'),
    (PolicyWeights, 'digest', 'abc', 'digest'), (Statistics, 'count', 3, 'digest'), (Statistics, 'm2', [0.0], '1 values came'),
    (Contribution, 'mean', [float('nan')] * 25, 'not finite')],
    ids=lambda v: getattr(v, '__name__', str(v))[:24])
def test_a_spoilt_message_is_refused_with_what_came_and_what_is_wanted(kind, field, value, words):
    READERS[kind](good(kind))
    with pytest.raises(ValueError, match=words):
        READERS[kind](spoilt(good(kind), field, value))
