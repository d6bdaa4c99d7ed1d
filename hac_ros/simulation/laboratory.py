"""What stands around an emulated Fetch: a table with an object, a camera that sees it, and a judge who knows the truth."""
from dataclasses import dataclass

import mujoco
import numpy as np

from hac_ros import kinematics
from hac_ros.config import RandomizationConfig
from hac_ros.randomness import generator
from hac_ros.simulation import constants, randomization
from hac_ros.simulation.fetch_mode import draw
from hac_ros.simulation.fetch_scene import FetchStart
from hac_ros.tasks import Task

PURPOSE = 'emulator'     # its episodes are none of a training's


@dataclass(frozen=True)
class Pose:
    """Where the object was seen, in base_link."""

    position: np.ndarray     # (3,) [m]
    quaternion: np.ndarray   # (4,) w first


class Laboratory:
    """Sets up episodes in one model and its data: all drawn from ``seed``, the episode and the look, by no order.

    goal (3,) [m] in base_link; dynamics: how the robot behaves in this episode.
    """

    def __init__(self, task: Task, settled: FetchStart, model: mujoco.MjModel, data: mujoco.MjData, seed: int,
                 config: RandomizationConfig):
        self.task, self.settled, self.model, self.data, self.seed, self.config = task, settled, model, data, seed, config
        self.bodies = randomization.Bodies(settled.model, task.has_object)
        self.object = int(model.joint(constants.OBJECT_JOINT).qposadr[0]) if task.has_object else None

    def _draws(self, purpose: str, *key: int) -> np.random.Generator:
        return generator(self.seed, f'{PURPOSE}/{purpose}', self.episode, *key)

    def begin(self, episode: int) -> None:
        """Put arm and object where ``episode`` starts, at rest, and draw its dynamics and its camera's errors."""
        self.episode, self.looks, self.past = episode, 0, []
        self.dynamics = randomization.draw_dynamics(self.config, self._draws('dynamics'))
        raised = self.bodies.change(self.model, self.dynamics)
        start = draw(self.task, self.settled, self.settled.height + raised, self._draws('reset'))
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self.settled.qpos
        if start.object is not None:
            self.data.qpos[self.object:self.object + 3] = *start.object, self.settled.height + raised
        mujoco.mj_forward(self.model, self.data)
        camera = self._draws('camera')
        self.bias = camera.normal(size=3) * self.config.object_bias
        self.late = int(camera.integers(*self.config.object_delay, endpoint=True))
        self.goal = start.goal - self.settled.offset

    def look(self) -> Pose | None:
        """Return where the camera sees the object, a control period after its last look; None where it does not."""
        if self.object is None:
            return None
        self.past = [*self.past, self.data.qpos[self.object:self.object + 7].copy()][-1 - self.late:]
        seen, draws = self.past[0], self._draws('look', self.looks)
        missed = draws.uniform() < self.config.object_dropout and self.looks > 0
        self.looks += 1
        position = seen[:3] - self.settled.offset + self.bias + draws.normal(size=3) * self.config.object_noise
        wrong = np.concatenate([[1.0], draws.normal(size=3) * self.config.object_angle_noise / 2])
        turned = np.empty(4)
        mujoco.mju_mulQuat(turned, wrong / np.linalg.norm(wrong), seen[3:])
        return None if missed else Pose(position, turned)

    def distance(self) -> float:
        """Return how far [m] the object, or without one the gripper, truly is from the goal."""
        return float(np.linalg.norm(self.truth() - self.goal))

    def truth(self) -> np.ndarray:
        """Return where that truly is, (3,) [m] in base_link."""
        if self.object is not None:
            return self.data.qpos[self.object:self.object + 3] - self.settled.offset
        grip = self.data.body(constants.GRIPPER_BODY)
        return grip.xpos + grip.xmat.reshape(3, 3)[:, 0] * (kinematics.GRIP - kinematics.GRIPPER_LINK) - self.settled.offset
