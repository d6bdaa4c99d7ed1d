"""N arms of one task, stepped as one batch."""
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

from hac_ros import spaces
from hac_ros.config import FetchConfig, RandomizationConfig
from hac_ros.randomness import generator
from hac_ros.simulation.fetch_mode import FetchMode
from hac_ros.simulation.mocap_mode import MocapMode
from hac_ros.simulation.start import STATE, read_state
from hac_ros.tasks import Task

CONTROLS = ('mocap', 'fetch')


class Simulation:
    """N arms of ``task``. In control mode ``mocap`` it equals gymnasium-robotics' v4 environments.

    In control mode ``fetch`` the arms move and observe as a real Fetch does, as ``fetch`` tells, and differ from
    episode to episode, as ``randomization`` tells; success is judged by where things really are. The task is the one
    that ``tasks.by_name(name, 'fetch')`` gives.

    observation (N, O), achieved_goal (N, 3), desired_goal (N, 3), reward (N,) 0 or -1, success (N,) bool: of the
    newest state. Each step and reset makes new arrays and never writes to earlier ones: they may be kept.
    step_count: control steps since the start of the episode. model, data[i]: MuJoCo's own, for tests and
    renderers, which call mj_forward on a copy before drawing: contacts and lights are a substep old.
    Before the first ``reset`` it is in round 0. Each reset switches MuJoCo's timing of its stages off, in the whole process.
    """

    def __init__(self, task: Task, arms: int, seed: int, worker: int = 0, threads: int = 1, purpose: str = 'training',
                 control: str = 'mocap', fetch: FetchConfig = FetchConfig(),
                 randomization: RandomizationConfig = RandomizationConfig()):
        _check(arms, threads, control)
        self.task, self.arms, self.seed, self.worker, self.purpose = task, arms, seed, worker, purpose
        self.mode = mode = MocapMode(task, arms) if control == 'mocap' else FetchMode(task, arms, fetch, randomization)
        self.settled, self.model, self.data = mode.settled, mode.model, mode.data
        self.control, self.readout = mode.control, mode.readout
        self.chunks = np.array_split(np.arange(arms), min(threads, arms))
        self.pool = ThreadPoolExecutor(len(self.chunks), 'physics') if len(self.chunks) > 1 else None
        self.reset(0)

    @property
    def time(self) -> float:
        """Simulated time [s] since the start of the episode."""
        return self.step_count * self.task.period

    def reset(self, round: int) -> None:
        """Start the episodes of ``round``: a function of seed, purpose, worker and round, whatever ran before."""
        # MuJoCo's Python module lets each stage of a step be timed (MjData.timer), which costs 3 % of a step; it asks for it
        # anew with each MjData that it makes, which others may have done since.
        mujoco.set_mjcb_time(None)
        self.step_count = 0
        self.desired_goal = self.mode.reset(
            lambda purpose, arm: generator(self.seed, f'{self.purpose}/{purpose}', self.worker, round, arm))
        self._observe()

    def step(self, command) -> None:
        """Do one control step on all arms. ``command`` (N, 4), clipped to -1 .. 1 as FetchEnv does.

        Raises ValueError, and steps no arm, for another size or a value that is not finite.
        """
        command = spaces.COMMAND.rows(command, self.arms, 'command')
        if not np.isfinite(command).all():
            bad = np.flatnonzero(~np.isfinite(command).all(axis=1))
            raise ValueError(f'command: {command[bad[0]]} came for arm {bad[0]}, finite values are wanted; '
                             'no arm was stepped')
        self.control.apply(np.minimum(np.maximum(command, spaces.COMMAND.low), spaces.COMMAND.high))
        self._advance()
        self.step_count += 1
        self._observe()

    def _advance(self) -> None:
        if self.pool is None:
            self._advance_arms(self.chunks[0])
        else:
            list(self.pool.map(self._advance_arms, self.chunks))   # list: waits, and raises what a thread raised

    def _advance_arms(self, arms) -> None:
        for arm in arms:
            self.control.advance(arm)

    def _observe(self) -> None:
        self.observation, self.achieved_goal = self.readout.read()
        offset = self.mode.truth(self.achieved_goal) - self.desired_goal
        distance = np.sqrt(np.add.reduce(offset * offset, axis=1))
        self.success = distance < self.task.threshold
        # Not the negation of success: at the threshold itself FetchEnv gives reward 0 and no success.
        self.reward = np.where(distance > self.task.threshold, -1.0, 0.0)

    def state(self, arm: int) -> np.ndarray:
        """Return a copy of the full integration state (S,) of ``arm``."""
        return read_state(self.model, self.data[arm])

    def set_state(self, arm: int, state: np.ndarray, goal: np.ndarray | None = None) -> None:
        """Put ``arm`` into an integration state (S,), and give it ``goal`` (3,) [m] if one is given.

        Positions derived from the state are computed afresh, as after a reset. Raises ValueError for a wrong size.
        """
        wanted = (mujoco.mj_stateSize(self.model, STATE),)
        if np.shape(state) != wanted:
            raise ValueError(f'state: shape {np.shape(state)} came, {wanted} is wanted')
        self.mode.place(arm, state)
        if goal is not None:
            self.desired_goal = self.desired_goal.copy()
            self.desired_goal[arm] = goal
        self._observe()

    def close(self) -> None:
        """End the threads. Nothing else needs closing."""
        if self.pool is not None:
            self.pool.shutdown()


def _check(arms: int, threads: int, control: str) -> None:
    for name, value in (('arms', arms), ('threads', threads)):
        if value < 1:
            raise ValueError(f'{name}: {value} came, at least 1 is wanted')
    if control not in CONTROLS:
        raise ValueError(f'control: {control!r} came, one of {", ".join(CONTROLS)} is wanted')
