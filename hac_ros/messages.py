"""The only conversion between ROS messages and arrays (records.py).

Received arrays are views of the message's memory: no copy. Sent arrays go into array.array with one copy.
``to_*`` raise ValueError for a message of the wrong space, size or content: callers drop it whole.
"""
import hashlib
import math
import struct
from array import array

import numpy as np

from builtin_interfaces.msg import Time
from hac_ros import msg, records, spaces
from hac_ros.learning import running_statistics
from hac_ros.serialised import Layout, Serialised
from rclpy._rclpy_pybind11 import RMWError
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header

STEP_ID = struct.Struct('<IHH')   # round, take and step of a RoundStep, side by side in a serialised message
_CODES = {'d': np.float64, 'f': np.float32, 'B': np.uint8, 'H': np.uint16, 'I': np.uint32}


def _pack(code: str, values) -> array:
    packed = array(code)
    packed.frombytes(np.ascontiguousarray(values, dtype=_CODES[code]).tobytes())
    return packed


def _view(what: str, values, shape, code: str = 'd') -> np.ndarray:
    flat = np.frombuffer(values, dtype=_CODES[code]) if len(values) else np.empty(0, _CODES[code])
    if flat.size != math.prod(shape):
        wanted = f'{" x ".join(map(str, shape))} = {math.prod(shape)}'
        raise ValueError(f'{what}: {flat.size} values came, {wanted} are wanted')
    return flat.reshape(shape)


def _finite(what: str, values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f'{what}: value {values[bad]} at {bad} is not finite; the whole message is refused')
    return values


def _space(what: str, name: str, wanted: spaces.Space) -> spaces.Space:
    if name != wanted.name:
        raise ValueError(f'{what}: space {name!r} came, {wanted.name!r} is wanted')
    return wanted


def to_time(seconds: float) -> Time:
    """Return a Time message of ``seconds`` [s]."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def seconds(time: Time) -> float:
    """Return the seconds [s] of a Time message."""
    return time.sec + time.nanosec * 1e-9


def to_id(message) -> records.StepId:
    """Return the StepId of a RoundStep message."""
    return records.StepId(message.run, message.worker, message.round, message.take, message.step)


def from_id(step: records.StepId) -> msg.RoundStep:
    """Return the RoundStep message of a StepId."""
    return msg.RoundStep(run=step.run, worker=step.worker, round=step.round, take=step.take, step=step.step)


def from_arm_state(state: records.ArmState) -> msg.ArmState:
    """Return the ArmState message of an ArmState record."""
    return msg.ArmState(
        header=Header(stamp=to_time(state.time), frame_id=state.frame), id=from_id(state.id), space=state.space,
        arms=state.arms, steps=state.steps, period=state.period, observation=_pack('d', state.observation),
        achieved_goal=_pack('d', state.achieved_goal), desired_goal=_pack('d', state.desired_goal),
        reward=_pack('d', state.reward), success=_pack('B', state.success))


class ArmStateWriter:
    """Writes the states of one bridge into one message, serialised once: the hot path of the simulation.

    While the physics runs the processor's caches forget all that stands around it, so that each line of Python costs
    several times what it costs in a loop of its own.
    """

    def __init__(self, state: records.ArmState):
        """``state`` gives what never changes: sizes, space, period, frame, run and worker."""
        serialised = Serialised(from_arm_state(state))
        self.data, numbers = serialised.data, serialised.numbers
        self.step = [numbers[f'id.{name}'] for name in ('round', 'take', 'step')]
        self.time = [numbers[f'header.stamp.{name}'] for name in ('sec', 'nanosec')]
        self.arrays = [numbers[name].reshape(shape) for name, shape in (
            ('observation', state.observation.shape), ('achieved_goal', (-1, 3)), ('desired_goal', (-1, 3)),
            ('reward', -1), ('success', -1))]

    def write(self, step: records.StepId, time: float, *arrays: np.ndarray) -> bytes:
        """Return the serialised message with the state at ``step`` and ``time`` [s].

        arrays: observation, achieved_goal, desired_goal, reward and success of an ArmState.
        """
        mine = (*self.step, *self.time, *self.arrays)
        for place, values in zip(mine, (step.round, step.take, step.step, *divmod(round(time * 1e9), 10**9), *arrays)):
            place[...] = values
        return bytes(self.data)


def to_arm_state(message: msg.ArmState, space: spaces.Space) -> records.ArmState:
    """Return the record of an ArmState message whose observations must be of ``space``."""
    size, n = _space('arm_state', message.space, space).size, message.arms
    if n < 1:
        raise ValueError('arm_state: 0 arms came, at least 1 is wanted')
    return records.ArmState(
        id=to_id(message.id), space=message.space, steps=message.steps,
        observation=_finite('arm_state.observation', _view('arm_state.observation', message.observation, (n, size))),
        achieved_goal=_finite('arm_state.achieved_goal', _view('arm_state.achieved_goal', message.achieved_goal, (n, 3))),
        desired_goal=_finite('arm_state.desired_goal', _view('arm_state.desired_goal', message.desired_goal, (n, 3))),
        reward=_optional('arm_state.reward', message.reward, n, 'd'),
        success=_optional('arm_state.success', message.success, n, 'B').astype(bool),
        time=seconds(message.header.stamp), period=message.period, frame=message.header.frame_id)


def _optional(what: str, values, arms: int, code: str) -> np.ndarray:
    return _view(what, values, (arms,), code) if len(values) else np.zeros(arms, _CODES[code])


def from_subgoals(subgoals: records.Subgoals, header: Header) -> msg.Subgoal:
    """Return the Subgoal message of a Subgoals record; ``header`` is that of the state it answers."""
    return msg.Subgoal(
        header=header, id=from_id(subgoals.id), space=spaces.SUBGOAL.name, arms=len(subgoals.value),
        value=_pack('d', subgoals.value), tolerance=_pack('d', subgoals.tolerance), speed=_pack('d', subgoals.speed),
        attempt=_pack('I', subgoals.attempt), steps_left=_pack('H', subgoals.steps_left),
        testing=_pack('B', subgoals.testing), weights=subgoals.weights, statistics=subgoals.statistics)


def to_subgoals(message: msg.Subgoal) -> records.Subgoals:
    """Return the record of a Subgoal message."""
    size, n = _space('subgoal', message.space, spaces.SUBGOAL).size, message.arms
    return records.Subgoals(
        id=to_id(message.id), value=_finite('subgoal.value', _view('subgoal.value', message.value, (n, size))),
        tolerance=_finite('subgoal.tolerance', _view('subgoal.tolerance', message.tolerance, (n, 2))),
        speed=_finite('subgoal.speed', _view('subgoal.speed', message.speed, (n,))),
        attempt=_view('subgoal.attempt', message.attempt, (n,), 'I'),
        steps_left=_view('subgoal.steps_left', message.steps_left, (n,), 'H'),
        testing=_view('subgoal.testing', message.testing, (n,), 'B').astype(bool),
        weights=message.weights, statistics=message.statistics)


def from_commands(commands: records.Commands, header: Header) -> msg.ArmCommand:
    """Return the ArmCommand message of a Commands record; ``header`` is that of the state it answers."""
    return msg.ArmCommand(header=header, id=from_id(commands.id), space=spaces.COMMAND.name, arms=len(commands.value),
                          value=_pack('d', commands.value), weights=commands.weights, statistics=commands.statistics)


def to_commands(message: msg.ArmCommand, arms: int) -> records.Commands:
    """Return the record of an ArmCommand message that must command ``arms`` arms."""
    return records.Commands(to_id(message.id), to_command(message, arms), message.weights, message.statistics)


def to_command(message: msg.ArmCommand, arms: int) -> np.ndarray:
    """Return only the command (arms, 4) of an ArmCommand message that must command ``arms`` arms."""
    size = _space('arm_command', message.space, spaces.COMMAND).size
    if message.arms != arms:
        raise ValueError(f'arm_command: commands for {message.arms} arms came, {arms} are wanted')
    return _finite('arm_command.value', _view('arm_command.value', message.value, (arms, size)))


class ArmCommandReader:
    """Reads the commands for one bridge as DDS carries them: the hot path of the simulation.

    A message in which more than numbers differs from a sound one is made a message object and judged as such.
    """

    def __init__(self, state: records.ArmState):
        """``state`` gives what never changes: run and worker, number of arms, and frame, which a command echoes."""
        usual = from_commands(records.Commands(state.id, np.zeros((state.arms, spaces.COMMAND.size))),
                              Header(frame_id=state.frame))
        self.layout, self.arms = Layout(usual, ('id.worker', 'arms')), state.arms

    def read(self, data: bytes, step: records.StepId) -> np.ndarray | None:
        """Return the command (arms, 4) that answers ``step``, or None if it answers another.

        Raises ValueError as ``to_command`` does, and for bytes that are no ArmCommand.
        """
        if self.layout.fits(data):
            if STEP_ID.unpack_from(data, self.layout.offset['id.round']) != (step.round, step.take, step.step):
                return None
            value = np.frombuffer(data, '<f8', self.arms * spaces.COMMAND.size, self.layout.offset['value'])
            return _finite('arm_command.value', value.reshape(self.arms, -1))
        try:
            message = deserialize_message(data, msg.ArmCommand)
        except RMWError as error:
            raise ValueError(f'arm_command: {len(data)} bytes came that are no ArmCommand') from error
        return to_command(message, self.arms) if to_id(message.id) == step else None


_EPISODE_ARRAYS = (   # name, wire type code, shape; T1 = T + 1
    ('observation', 'd', ('T1', 'N', 'O')), ('achieved_goal', 'd', ('T1', 'N', 3)), ('desired_goal', 'd', ('N', 3)),
    ('success', 'B', ('T1', 'N')), ('subgoal', 'd', ('T', 'N', 4)), ('tolerance', 'd', ('T', 'N', 2)),
    ('speed', 'd', ('T', 'N')), ('attempt', 'I', ('T', 'N')), ('steps_left', 'H', ('T', 'N')),
    ('testing', 'B', ('T', 'N')), ('action', 'd', ('T', 'N', 'A')), ('exploring', 'B', ('T', 'N')))


def from_episodes(episodes: records.Episodes, run: str, space: spaces.Space, header: Header) -> msg.Episodes:
    """Return the Episodes message of an Episodes record; ``header`` is that of the last state."""
    arrays = {name: _pack(code, getattr(episodes, name)) for name, code, _ in _EPISODE_ARRAYS}
    return msg.Episodes(
        header=header, run=run, worker=episodes.worker, incarnation=episodes.incarnation, round=episodes.round,
        level=episodes.level, observation_space=space.name, subgoal_space=spaces.SUBGOAL.name, arms=episodes.arms,
        steps=episodes.steps, weights=episodes.weights, statistics=episodes.statistics, **arrays)


def to_episodes(message: msg.Episodes, space: spaces.Space) -> records.Episodes:
    """Return the record of an Episodes message whose observations must be of ``space``."""
    _space('episodes', message.observation_space, space)
    _space('episodes', message.subgoal_space, spaces.SUBGOAL)
    t, n = message.steps, message.arms
    if t < 1 or n < 1 or len(message.action) % (t * n):
        raise ValueError(f'episodes: {len(message.action)} action values came for {t} steps of {n} arms')
    sizes = {'T': t, 'T1': t + 1, 'N': n, 'O': space.size, 'A': len(message.action) // (t * n)}
    arrays = {}
    for name, code, shape in _EPISODE_ARRAYS:
        values = _view(f'episodes.{name}', getattr(message, name), tuple(sizes.get(s, s) for s in shape), code)
        wanted_bool = code == 'B'
        arrays[name] = values.astype(bool) if wanted_bool else _finite(f'episodes.{name}', values)
    return records.Episodes(message.worker, message.incarnation, message.round, message.level, message.weights,
                            message.statistics, **arrays)


def weights_digest(tensors: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 (hexadecimal) over names, shapes and data of float32 ``tensors``, in their order."""
    digest = hashlib.sha256()
    for name, value in tensors.items():
        digest.update(f'{name}{tuple(value.shape)}'.encode())
        digest.update(np.ascontiguousarray(value, dtype=np.float32).tobytes())
    return digest.hexdigest()


def from_weights(weights: records.Weights, run: str, stamp: Time) -> msg.PolicyWeights:
    """Return the PolicyWeights message of a Weights record."""
    tensors = [msg.Tensor(name=name, shape=array('I', value.shape), data=_pack('f', value))
               for name, value in weights.tensors.items()]
    return msg.PolicyWeights(
        stamp=stamp, run=run, level=weights.level, version=weights.version, statistics=weights.statistics,
        updates=weights.updates, digest=weights_digest(weights.tensors), tensors=tensors,
        statistics_digest=weights.statistics_digest)


def to_weights(message: msg.PolicyWeights) -> records.Weights:
    """Return the record of a PolicyWeights message; refuses one whose digest does not fit its tensors."""
    tensors = {t.name: _finite(t.name, _view(t.name, t.data, tuple(t.shape), 'f')) for t in message.tensors}
    if weights_digest(tensors) != message.digest:
        raise ValueError(f'weights {message.version}: the tensors do not match their digest {message.digest[:12]}')
    return records.Weights(message.level, message.version, message.statistics, message.updates, tensors,
                           message.statistics_digest)


def _from_contribution_id(key: records.ContributionId) -> msg.ContributionId:
    return msg.ContributionId(worker=key.worker, incarnation=key.incarnation, sequence=key.sequence,
                              first_round=key.first_round, last_round=key.last_round)


def from_contribution(contribution: records.Contribution, run: str, stamp: Time) -> msg.Contribution:
    """Return the Contribution message of a Contribution record."""
    key, moments = contribution.id, contribution.moments
    return msg.Contribution(
        stamp=stamp, run=run, worker=key.worker, incarnation=key.incarnation, sequence=key.sequence,
        first_round=key.first_round, last_round=key.last_round, space=contribution.space, count=moments.count,
        mean=_pack('d', moments.mean), m2=_pack('d', moments.m2), rejected=contribution.rejected)


def _moments(what: str, message, space: spaces.Space) -> records.Moments:
    size = _space(what, message.space, space).size
    mean, m2 = (_finite(f'{what}.{name}', _view(f'{what}.{name}', getattr(message, name), (size,)))
                for name in ('mean', 'm2'))
    if (m2 < 0).any():
        raise ValueError(f'{what}.m2: {m2.min()} came, sums of squares are at least 0')
    return records.Moments(message.count, mean, m2)


def to_contribution(message: msg.Contribution, space: spaces.Space) -> records.Contribution:
    """Return the record of a Contribution message on ``space``."""
    moments = _moments('contribution', message, space)
    key = records.ContributionId(message.worker, message.incarnation, message.sequence, message.first_round,
                                 message.last_round)
    return records.Contribution(key, message.space, moments, message.rejected)


def from_statistics(statistics: records.Statistics, run: str, stamp: Time) -> msg.Statistics:
    """Return the Statistics message of a Statistics record, with the derived columns for those who look at it."""
    space, moments = spaces.by_name(statistics.space), statistics.moments
    total, squares = running_statistics.sums(moments)
    return msg.Statistics(
        stamp=stamp, run=run, version=statistics.version, frozen=statistics.frozen, space=space.name,
        includes=[_from_contribution_id(key) for key in statistics.includes], names=list(space.names),
        count=moments.count, mean=_pack('d', moments.mean), m2=_pack('d', moments.m2),
        std=_pack('d', running_statistics.std(moments, space.floor)), sum=_pack('d', total),
        sum_of_squares=_pack('d', squares), rejected=statistics.rejected,
        digest=running_statistics.digest(space.name, moments), since=statistics.since)


def to_statistics(message: msg.Statistics, space: spaces.Space) -> records.Statistics:
    """Return the record of a Statistics message on ``space``; refuses one whose digest does not fit."""
    moments = _moments('statistics', message, space)
    if running_statistics.digest(space.name, moments) != message.digest:
        raise ValueError(f'statistics {message.version}: count, mean and M2 do not match their digest')
    includes = tuple(records.ContributionId(c.worker, c.incarnation, c.sequence, c.first_round, c.last_round)
                     for c in message.includes)
    return records.Statistics(message.version, space.name, moments, includes, message.frozen, message.rejected,
                              message.since)


def from_receipt(consumer: str, incarnation: int, held: dict[int, int], run: str) -> msg.Receipt:
    """Return the Receipt message of ``consumer`` for ``held``: worker -> number of rounds held without a gap."""
    workers = sorted(held)
    return msg.Receipt(run=run, consumer=consumer, incarnation=incarnation, workers=array('H', workers),
                       rounds=array('I', [held[worker] for worker in workers]))


def to_receipt(message: msg.Receipt) -> tuple[str, dict[int, int]]:
    """Return the consumer's name and its rounds held by worker."""
    return message.consumer, dict(zip(message.workers, message.rounds))


def from_metrics(source: str, worker: int, round_: int, values: dict[str, float], run: str, stamp: Time) -> msg.Metrics:
    """Return the Metrics message of one source for one round."""
    return msg.Metrics(stamp=stamp, run=run, source=source, worker=worker, round=round_, names=list(values),
                       values=_pack('d', np.array(list(values.values()), dtype=np.float64)))


def to_metrics(message: msg.Metrics) -> dict[str, float]:
    """Return the values of a Metrics message by name."""
    if len(message.names) != len(message.values):
        raise ValueError(f'metrics: {len(message.names)} names and {len(message.values)} values came')
    return dict(zip(message.names, message.values.tolist()))
