"""The motors of one emulated Fetch: what the servos of its joints and fingers are told, physics step by physics step."""
import mujoco
import numpy as np

from hac_ros import kinematics
from hac_ros.simulation import constants, fetch_scene
from hac_ros.simulation.fetch_control import FORWARD, STIFFNESS, SUBTICKS
from hac_ros.simulation.twist_controller import PERIOD

ARM, FINGERS = slice(0, 7), slice(7, 9)
_SHARE = (np.arange(1, SUBTICKS + 1) / SUBTICKS)[:, None]
_MOST = kinematics.FINGER_VELOCITY * constants.TIMESTEP * np.arange(1, SUBTICKS + 1)


class Drives:
    """Servos of the arm (7) and of both fingers, right then left. A tick lasts PERIOD."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, qpos: np.ndarray, qvel: np.ndarray):
        """``qpos``, ``qvel`` (9,): where the joints stand in the data's arrays."""
        self.model, self.data, self.qpos, self.qvel = model, data, qpos, qvel
        self.gains = -model.actuator_biasprm[:, 1:3]          # (9, 2) of position and velocity
        self.control = np.zeros((SUBTICKS, 9))
        self.powered = np.ones(9, dtype=bool)
        self.finger = 0.0                                     # [m] target of each finger

    def track(self, position: np.ndarray, velocity: np.ndarray, next_: np.ndarray, faster: np.ndarray) -> None:
        """Let the arm go from ``position`` and ``velocity`` to ``next_`` and ``faster``, (7,) each, in this tick."""
        share, change = _SHARE, (faster - velocity)[None]
        bent = position + PERIOD * share * (velocity + change * share / 2)
        places = bent + share * (next_ - bent[-1])            # the polynomial, and exactly next_ at its end
        self.control[:, ARM] = places * STIFFNESS + (velocity + change * share) * FORWARD
        self.powered[ARM] = True

    def float(self) -> None:
        """Take the power from the arm: gravity stays compensated, nothing else holds it."""
        self.powered[ARM] = False

    def grip(self, opening: float, effort: float) -> None:
        """Move the fingers towards ``opening`` [m] in this tick; each pushes with ``effort`` [N] at most. 0: no power."""
        self.powered[FINGERS] = effort > 0
        lead = effort / fetch_scene.FINGER_STIFFNESS
        measured = float(self.data.qpos[self.qpos[FINGERS]].mean())
        begin = min(max(self.finger, measured - lead), measured + lead)
        targets = begin + np.clip(opening / 2 - begin, -_MOST, _MOST)
        targets = np.clip(targets, measured - lead, measured + lead)
        self.finger = float(targets[-1])
        self.control[:, FINGERS] = (targets * fetch_scene.FINGER_STIFFNESS)[:, None]

    def advance(self) -> None:
        """Step the physics through this tick."""
        model, data, free = self.model, self.data, ~self.powered
        for control in self.control:
            data.ctrl[:] = control
            if free.any():      # what the servo would answer to, so that it gives nothing
                state = np.stack([data.qpos[self.qpos], data.qvel[self.qvel]], axis=1)
                data.ctrl[free] = (self.gains * state).sum(axis=1)[free]
            mujoco.mj_step(model, data)
