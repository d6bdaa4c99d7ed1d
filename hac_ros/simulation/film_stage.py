"""A camera on one arm of a task, for films: draws any state of it."""
import copy

import mujoco
import numpy as np

from hac_ros.simulation.offscreen import Camera
from hac_ros.simulation.scene_marks import Marks
from hac_ros.simulation.start import STATE, settle
from hac_ros.tasks import Task

# Where the camera looks [m], from how far [m], azimuth and elevation [degrees]: over the table, from the robot's left
VIEW = ((1.24, 0.75, 0.52), 1.20, 140.0, -24.0)
VIEWS = {'slide': ((1.30, 0.75, 0.46), 1.60, 140.0, -28.0)}
SKY, TABLE, FLOOR = (226, 231, 238), (0.80, 0.72, 0.60, 1.0), (0.55, 0.57, 0.60, 1.0)   # quiet: marks stand out
OBJECT = (0.42, 0.46, 0.56, 0.60)     # subgoals lie inside of it: they shine through


class Stage:
    """Draws states of ``task`` in pictures of ``width`` x ``height`` pixels; has a simulation state of its own.

    ``model``: that of the simulation whose states are drawn, which is left as it is; by default that of mode mocap.
    """

    def __init__(self, task: Task, width: int = 480, height: int = 360, backend: str | None = None,
                 model: mujoco.MjModel | None = None):
        """Raises NoOpenGL where nothing can draw."""
        self.task = task
        self.model = settle(task).copy_model() if model is None else copy.copy(model)
        self.data = mujoco.MjData(self.model)
        quieten(self.model)
        self.camera = Camera(self.model, width, height, backend)
        self.camera.look(*VIEWS.get(task.name, VIEW))

    def picture(self, state: np.ndarray, marks: Marks | None = None, text: str = '') -> np.ndarray:
        """Return integration state ``state`` (S,) as a picture (height, width, 3) uint8, ``marks`` in the scene."""
        mujoco.mj_setState(self.model, self.data, state, STATE)
        mujoco.mj_forward(self.model, self.data)
        return self.camera.picture(self.data, (lambda scene: None) if marks is None else marks.draw, text)

    def close(self) -> None:
        """Free what the camera holds."""
        self.camera.close()


def quieten(model: mujoco.MjModel) -> None:
    """Give the scene calm colours and light, and hide the mocap body, whose bars cross the whole picture."""
    model.geom_rgba[model.body_mocapid[model.geom_bodyid] >= 0, 3] = 0.0
    for number in np.flatnonzero(model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX):
        start, size = model.tex_adr[number], model.tex_height[number] * model.tex_width[number] * 3
        model.tex_data[start:start + size] = np.tile(SKY, size // 3)
    table, thing = (model.geom_bodyid == mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)    # -1 is no geom's
                    for name in ('table0', 'object0'))
    for chosen, colour in ((table, TABLE), (thing, OBJECT), (model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE, FLOOR)):
        model.geom_rgba[chosen], model.geom_matid[chosen] = colour, -1
    model.vis.headlight.ambient[:], model.vis.headlight.diffuse[:], model.light_diffuse[:] = 0.30, 0.30, 0.40
    model.vis.quality.shadowsize = 1024     # drawn in software: larger ones cost more than they show
