"""Control mode ``mocap`` of a simulation: FetchEnv's scene, start, control and readout."""
from collections.abc import Callable

import mujoco
import numpy as np

from hac_ros.simulation.mocap_control import MocapControl
from hac_ros.simulation.readout import Readout
from hac_ros.simulation.start import STATE, draw, settle
from hac_ros.tasks import Task


class MocapMode:
    """What makes a simulation equal to gymnasium-robotics' v4 environments.

    A mode of control has settled (what all arms share: scene, gripper's start, height of the object), model and data,
    control (``apply`` and ``advance``), readout (``read``), and the methods below. ``FetchMode`` is the other.
    """

    def __init__(self, task: Task, arms: int):
        self.task, self.settled = task, settle(task)
        self.model = self.settled.copy_model()
        self.data = [mujoco.MjData(self.model) for _ in range(arms)]
        self.control = MocapControl(task, self.model, self.data)
        self.readout = Readout(task, self.model, self.data)
        self.start_state = self.settled.state()
        self.object_address = self.settled.object_address() if task.has_object else None

    def reset(self, keyed: Callable[[str, int], np.random.Generator]) -> np.ndarray:
        """Start the episodes of all arms; return their goals (N, 3) [m]. ``keyed(purpose, arm)`` gives randomness."""
        return np.array([self._reset_arm(arm, keyed('reset', arm)) for arm in range(len(self.data))])

    def _reset_arm(self, arm: int, rng: np.random.Generator) -> np.ndarray:
        start = draw(self.task, self.settled, rng)
        mujoco.mj_setState(self.model, self.data[arm], self.start_state, STATE)
        if start.object is not None:
            self.data[arm].qpos[self.object_address:self.object_address + 2] = start.object
        mujoco.mj_forward(self.model, self.data[arm])
        return start.goal

    def place(self, arm: int, state: np.ndarray) -> None:
        """Put ``arm`` into an integration state (S,); what is derived from the state is computed afresh."""
        mujoco.mj_setState(self.model, self.data[arm], state, STATE)
        mujoco.mj_forward(self.model, self.data[arm])

    def truth(self, achieved: np.ndarray) -> np.ndarray:
        """Return where what was ``achieved`` (N, 3) [m] really is: there, for FetchEnv observes without error."""
        return achieved
