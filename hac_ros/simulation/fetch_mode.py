"""Control mode ``fetch`` of a simulation: N arms with models of their own, their starts, controls and observations."""
from collections.abc import Callable

import mujoco
import numpy as np

from hac_ros.config import FetchConfig, RandomizationConfig
from hac_ros.simulation import constants, fetch_scene, randomization
from hac_ros.simulation.fetch_control import FetchControl
from hac_ros.simulation.fetch_readout import FetchReadout
from hac_ros.simulation.start import STATE, Start
from hac_ros.simulation.twist_controller import PERIOD
from hac_ros.tasks import Task

# Objects start, and goals lie, this far [m] inside of the workspace: a pushing gripper must get behind the object.
PUSHED_MARGIN, MARGIN = 0.05, 0.02


class FetchMode:
    """What control mode ``fetch`` puts in place of FetchEnv's scene, control, readout and start.

    Keyed draws: ``reset`` (object and goal), ``dynamics`` and ``sensors``, each for one arm and round.
    """

    def __init__(self, task: Task, arms: int, config: FetchConfig, varied: RandomizationConfig):
        self.task, self.varied = task, varied
        self.settled = fetch_scene.prepare(task)
        self.models = [self.settled.copy_model() for _ in range(arms)]
        self.model = self.models[0]
        self.data = [mujoco.MjData(model) for model in self.models]
        self.bodies = randomization.Bodies(self.settled.model, task.has_object)
        self.readout = FetchReadout(task, self.settled, self.data, config)
        self.control = FetchControl(task, self.models, self.data, self.readout, config,
                                    round(varied.action_delay[1] / PERIOD))

    def reset(self, keyed: Callable[[str, int], np.random.Generator]) -> np.ndarray:
        """Start the episodes of all arms; return their goals (N, 3) [m]. ``keyed(purpose, arm)`` gives randomness."""
        goals = [self._reset_arm(arm, keyed) for arm in range(len(self.data))]
        self.readout.start([randomization.draw_noise(self.varied, self.task.steps, keyed('sensors', arm))
                            for arm in range(len(self.data))])
        return np.array(goals)

    def _reset_arm(self, arm: int, keyed) -> np.ndarray:
        dynamics = randomization.draw_dynamics(self.varied, keyed('dynamics', arm))
        raised = self.bodies.change(self.models[arm], dynamics)
        start = draw(self.task, self.settled, self.settled.height + raised, keyed('reset', arm))
        data = self.data[arm]
        mujoco.mj_resetData(self.models[arm], data)
        data.qpos[:] = self.settled.qpos
        if start.object is not None:
            data.joint(constants.OBJECT_JOINT).qpos[:3] = *start.object, self.settled.height + raised
        mujoco.mj_forward(self.models[arm], data)
        self.control.start(arm, self.settled.joints, data.joint(constants.FINGER_JOINTS[0]).qpos[0], dynamics)
        return start.goal

    def place(self, arm: int, state: np.ndarray) -> None:
        """Put ``arm`` into an integration state (S,); its controller takes the joints as they are, at rest."""
        data = self.data[arm]
        mujoco.mj_setState(self.models[arm], data, state, STATE)
        mujoco.mj_forward(self.models[arm], data)
        address = self.readout.qpos
        self.control.start(arm, data.qpos[address[:7]], data.qpos[address[7:]].mean(), randomization.Dynamics(
            1.0, 1.0, 1.0, 0.0, int(self.control.delay[arm]), float(self.control.gain[arm])))

    def truth(self, achieved: np.ndarray) -> np.ndarray:
        """Return where what was observed as ``achieved`` (N, 3) [m] really is."""
        return self.readout.truth


def draw(task: Task, start: fetch_scene.FetchStart, height: float, rng: np.random.Generator) -> Start:
    """Return an episode's start: FetchEnv's ranges, as far as they are in the workspace.

    ``height`` [m]: of the resting object's centre; ``rng`` is the only randomness. Object first.
    """
    position = _draw_object(task, start, rng) if task.has_object else None
    half = start.scene.goal_range
    low, high = _inside(task, start.gripper - half, start.gripper + half, MARGIN if task.has_object else 0.0)
    goal = rng.uniform(low, high)
    if task.has_object:
        goal[2] = height
        if start.scene.goal_in_air and rng.uniform() < constants.AIR_PROBABILITY:
            goal[2] += rng.uniform(0, min(constants.AIR_HEIGHT, task.workspace.high[2] - height))
    return Start(position, goal)


def _draw_object(task, start, rng) -> np.ndarray:
    half, centre = start.scene.object_range, start.gripper[:2]
    low, high = _inside(task, start.gripper - half, start.gripper + half,
                        PUSHED_MARGIN if task.gripper_locked else MARGIN)
    position = centre
    while np.linalg.norm(position - centre) < constants.OBJECT_CLEARANCE:
        position = rng.uniform(low[:2], high[:2])
    return position


def _inside(task, low, high, margin) -> tuple[np.ndarray, np.ndarray]:
    box = task.workspace
    return np.maximum(low, np.add(box.low, margin)), np.minimum(high, np.subtract(box.high, margin))
