"""Every setting once: default, unit, range.

ROS parameters (``parameters.py``), launch arguments and run folders are made from these dataclasses. A preset
(launch/params/*.yaml) overrides defaults; nothing else holds a second copy.
"""
import dataclasses
from dataclasses import dataclass, field

from hac_ros import tasks


def option(default, description, *, low=None, high=None, choices=None):
    """Declare one setting: its default, what it means with its unit, its range or its choices."""
    metadata = {'description': description, 'low': low, 'high': high, 'choices': choices}
    return field(default=default, metadata=metadata)


class Checked:
    """Mixin: a dataclass whose values are checked against their ranges when it is made."""

    def __post_init__(self):
        for item in dataclasses.fields(self):
            check(item, getattr(self, item.name), type(self).__name__)


def check(item, value, owner: str):
    """Raise ValueError, naming setting, value and what is accepted, if ``value`` does not fit field ``item``."""
    name = f'{owner}.{item.name}'
    low, high, choices = (item.metadata.get(key) for key in ('low', 'high', 'choices'))
    kind = tuple if str(item.type).startswith('tuple') else {'int': int, 'float': (int, float), 'str': str,
                                                            'bool': bool}.get(str(getattr(item.type, '__name__', item.type)))
    if kind is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise ValueError(f'{name}: {value!r} came, a {getattr(item.type, "__name__", item.type)} is wanted')
    if choices is not None and value not in choices:
        raise ValueError(f'{name}: {value!r} came, one of {", ".join(map(str, choices))} is wanted')
    for number in value if isinstance(value, tuple) else (value,):
        if (low is not None and not number >= low) or (high is not None and not number <= high):
            raise ValueError(f'{name}: {number!r} came, {low} to {high} is wanted')


@dataclass(frozen=True)
class RunConfig(Checked):
    """What a run is: shared by all of its nodes."""

    run: str = option('default', 'Name of the run: its namespace and folder')
    task: str = option('reach', 'Task', choices=tuple(tasks.TASKS))
    control: str = option('mocap', 'How commands move the arm: mocap equals FetchEnv', choices=('mocap',))
    arms: int = option(16, 'Arms stepped as one batch by each worker', low=1, high=256)
    seed: int = option(0, 'Decides every random draw of the run', low=0, high=2**31 - 1)
    worker: int = option(0, 'Number of this worker', low=0, high=9999)
    workers: int = option(1, 'Workers that feed the run', low=1, high=9999)
    folder: str = option('runs', 'Folder in which the run has its own')
    resume: bool = option(False, 'Go on from the checkpoint in the run folder')


@dataclass(frozen=True)
class BridgeConfig(Checked):
    """How the simulation is paced."""

    pace: float = option(0.0, 'Simulated seconds a second of wall clock for each arm; 0 as fast as possible', low=0.0, high=100.0)
    repeat_after: float = option(0.5, 'Repeat the last state when no command has come for this long [s]', low=0.01, high=60.0)
    threads: int = option(1, 'Threads that step the physics', low=1, high=64)
    clock: bool = option(True, 'Publish /clock (only one bridge of a network may)')


@dataclass(frozen=True)
class NormalizerConfig(Checked):
    """Where the running statistics start and whether they move."""

    mode: str = option('live', 'live: updated every round; frozen: as given; none: identity', choices=('live', 'frozen', 'none'))
    initial: str = option('', 'JSON file with count, sum and sum_of_squares to start from; empty: none')


@dataclass(frozen=True)
class EvaluationConfig(Checked):
    """How often a run is evaluated and when it ends."""

    every: int = option(4, 'Rounds between evaluations', low=1, high=12)
    episodes: int = option(100, 'Episodes of an evaluation', low=1, high=10000)
    bar: float = option(0.95, 'Success rate at which the run has reached its aim; above 1: never', low=0.0, high=2.0)
    confirm: int = option(500, 'Fresh episodes that confirm the bar', low=1, high=100000)
    lag: int = option(4, 'Rounds that training may be ahead of the verdict of an evaluation', low=1, high=12)
    stop: bool = option(True, 'End the run when the bar is reached')
    max_steps: int = option(100_000, 'End the run after so many environment steps', low=1, high=10**9)
