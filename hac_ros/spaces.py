"""Name, order, unit and bounds of every vector that crosses a topic or enters a network.

One place for each of these facts: messages name a space, nodes refuse any other, networks take their
sizes from here. Positions are in the frame that the message's header names; units are SI.

Sources: observation layout of gymnasium-robotics 1.4.2 ``fetch_env.py`` (25 values with an object, 10
without); finger travel of Fetch's URDF (0 .. 0.05 m each).
"""
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Value:
    """One entry of a vector: ``floor`` is the smallest standard deviation that it is divided by."""

    name: str
    unit: str
    floor: float = 0.01
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Space:
    """An ordered tuple of values under a name that messages carry."""

    name: str
    values: tuple[Value, ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the values, in order."""
        return tuple(value.name for value in self.values)

    @cached_property
    def low(self) -> np.ndarray:
        """(size,) float64 lower bounds."""
        return np.array([value.low for value in self.values])

    @cached_property
    def high(self) -> np.ndarray:
        """(size,) float64 upper bounds."""
        return np.array([value.high for value in self.values])

    @cached_property
    def floor(self) -> np.ndarray:
        """(size,) float64 smallest standard deviations used in normalisation."""
        return np.array([value.floor for value in self.values])

    def index(self, name: str) -> int:
        """Return the position of the value called ``name``; raises ValueError for an unknown one."""
        if name not in self.names:
            raise ValueError(f'space {self.name} has no value {name!r}; it has {", ".join(self.names)}')
        return self.names.index(name)

    def rows(self, values, arms: int, what: str) -> np.ndarray:
        """Return ``values`` as an (arms, size) float64 view; raises ValueError for any other length."""
        array = np.asarray(values, dtype=np.float64)
        if array.size != arms * self.size:
            raise ValueError(f'{what}: {array.size} values came, {arms} arms x {self.size} ({self.name}) are wanted')
        return array.reshape(arms, self.size)


def _triple(prefix: str, unit: str, floor: float) -> tuple[Value, ...]:
    return tuple(Value(f'{prefix}_{axis}', unit, floor) for axis in 'xyz')


# A velocity is stored as in FetchEnv: multiplied by the control period, so in metres (radians) a step.
_GRIPPER = _triple('gripper', 'm', 0.02)
_FINGERS = (Value('finger_right', 'm', 0.01, 0.0, 0.05), Value('finger_left', 'm', 0.01, 0.0, 0.05))
_GRIPPER_MOTION = _triple('gripper_velocity', 'm/step', 0.005)
_FINGER_MOTION = (Value('finger_right_velocity', 'm/step', 0.005), Value('finger_left_velocity', 'm/step', 0.005))

GRIPPER_OBSERVATION = Space('fetch_gripper', _GRIPPER + _FINGERS + _GRIPPER_MOTION + _FINGER_MOTION)
OBJECT_OBSERVATION = Space('fetch_object', (
    _GRIPPER + _triple('object', 'm', 0.02) + _triple('object_offset', 'm', 0.02) + _FINGERS
    + _triple('object_euler', 'rad', 0.1) + _triple('object_relative_velocity', 'm/step', 0.005)
    + _triple('object_spin', 'rad/step', 0.02) + _GRIPPER_MOTION + _FINGER_MOTION))
GOAL = Space('position', _triple('goal', 'm', 0.02))
OPENING_MAX = 0.10  # [m] between the fingers, Fetch's gripper: 2 x 0.05
SUBGOAL = Space('gripper_position_opening',
                _triple('subgoal', 'm', 0.02) + (Value('opening', 'm', 0.02, 0.0, OPENING_MAX),))
COMMAND = Space('cartesian_velocity_gripper', tuple(
    Value(name, '1', 0.1, -1.0, 1.0) for name in ('velocity_x', 'velocity_y', 'velocity_z', 'opening_rate')))

BY_NAME = {space.name: space for space in (GRIPPER_OBSERVATION, OBJECT_OBSERVATION, GOAL, SUBGOAL, COMMAND)}


def by_name(name: str) -> Space:
    """Return the space called ``name``; raises ValueError naming those there are."""
    if name not in BY_NAME:
        raise ValueError(f'unknown space {name!r}; known are {", ".join(BY_NAME)}')
    return BY_NAME[name]


def gripper_position(observation: np.ndarray) -> np.ndarray:
    """Return the gripper's position [m], (..., 3), a view of an observation (..., O) of either space."""
    return observation[..., 0:3]


def fingers(observation: np.ndarray) -> np.ndarray:
    """Return the finger positions [m] (..., 2), right then left, a view of an observation of either space."""
    start = 9 if observation.shape[-1] == OBJECT_OBSERVATION.size else 3
    return observation[..., start:start + 2]


def finger_velocities(observation: np.ndarray) -> np.ndarray:
    """Return the finger velocities [m/step] (..., 2), right then left, a view of an observation of either space."""
    return observation[..., -2:]


def object_velocity(observation: np.ndarray) -> np.ndarray:
    """Return the object's velocity in the world [m/step] (..., 3) of observations (..., 25), which hold it from the gripper."""
    return observation[..., 14:17] + observation[..., 20:23]


def achieved_subgoal(observation: np.ndarray) -> np.ndarray:
    """Return gripper position and opening [m], (..., 4), of an observation (..., O): a vector of SUBGOAL."""
    opening = fingers(observation).sum(axis=-1, keepdims=True)
    return np.concatenate([gripper_position(observation), opening], axis=-1)


def object_position(observation: np.ndarray) -> np.ndarray:
    """Return the object's position [m] (..., 3); the gripper's where the space has no object."""
    return observation[..., 3:6] if observation.shape[-1] == OBJECT_OBSERVATION.size else observation[..., 0:3]
