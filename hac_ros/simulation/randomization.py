"""What differs from episode to episode in control mode ``fetch``: bodies, delays, and what sensors get wrong."""
from dataclasses import dataclass

import mujoco
import numpy as np

from hac_ros.config import RandomizationConfig
from hac_ros.simulation import constants
from hac_ros.simulation.twist_controller import PERIOD

TABLE_BODY = 'table0'
OBJECT = 'object0'     # body and geom


@dataclass(frozen=True)
class Dynamics:
    """One arm's episode."""

    mass: float      # [kg] of the object
    size: float      # factor on its edges
    friction: float  # factor on its sliding friction
    table: float     # [m] added to the table's height
    delay: int       # ticks until a command is executed
    gain: float      # factor on the commanded speed


def draw_dynamics(config: RandomizationConfig, rng: np.random.Generator) -> Dynamics:
    """Return one draw, uniform in each range; ``rng`` is the only randomness."""
    mass, size, friction, table, delay, gain = (
        rng.uniform(*limits) for limits in (config.object_mass, config.object_size, config.object_friction,
                                            config.table_height, config.action_delay, config.action_gain))
    return Dynamics(mass, size, friction, table, round(delay / PERIOD), gain)


@dataclass(frozen=True)
class Noise:
    """What one arm's sensors add in an episode of T steps; row k is for the state after step k."""

    joints: np.ndarray       # (T + 1, 7) [rad]
    velocities: np.ndarray   # (T + 1, 7) [rad/s]
    position: np.ndarray     # (T + 1, 3) [m] of the object
    angles: np.ndarray       # (T + 1, 3) [rad] of the object
    seen: np.ndarray         # (T + 1,) bool; the start is always seen
    late: int                # control steps by which the object's pose is late


def draw_noise(config: RandomizationConfig, steps: int, rng: np.random.Generator) -> Noise:
    """Return one draw for a whole episode of ``steps``; ``rng`` is the only randomness."""
    joints = rng.normal(size=(steps + 1, 7)) * config.joint_noise
    velocities = rng.normal(size=(steps + 1, 7)) * config.joint_velocity_noise
    bias = rng.normal(size=3) * config.object_bias
    position = bias + rng.normal(size=(steps + 1, 3)) * config.object_noise
    angles = rng.normal(size=(steps + 1, 3)) * config.object_angle_noise
    seen = rng.uniform(size=steps + 1) >= config.object_dropout
    seen[0] = True
    return Noise(joints, velocities, position, angles, seen, int(rng.integers(*config.object_delay, endpoint=True)))


class Bodies:
    """Object and table of a scene as its MJCF has them, to be changed in the models of single arms."""

    def __init__(self, model: mujoco.MjModel, has_object: bool):
        self.table = model.body(TABLE_BODY).id if has_object else None
        self.table_position = model.body(TABLE_BODY).pos.copy() if has_object else None
        self.scratch = mujoco.MjData(model)
        self.has_object = has_object
        if has_object:
            body, geom = model.body(OBJECT).id, model.geom(OBJECT).id
            self.body, self.geom = body, geom
            self.mass, self.inertia = model.body_mass[body], model.body_inertia[body].copy()
            self.size, self.friction = model.geom_size[geom].copy(), model.geom_friction[geom, 0]
            self.bounds = model.geom_rbound[geom], model.geom_aabb[geom].copy()

    @property
    def half_height(self) -> float:
        """Half the nominal object's height [m]: a box's third half side, a cylinder's second size."""
        return float(self.size[self.size > 0][-1])

    def change(self, model: mujoco.MjModel, dynamics: Dynamics) -> float:
        """Give ``model`` the bodies of ``dynamics``; return by how much [m] a resting object is higher then."""
        if not self.has_object:
            return 0.0
        model.body_pos[self.table] = self.table_position + (0.0, 0.0, dynamics.table)
        model.body_mass[self.body] = dynamics.mass
        model.body_inertia[self.body] = self.inertia * (dynamics.mass / self.mass * dynamics.size**2)
        model.geom_size[self.geom] = self.size * dynamics.size
        model.geom_rbound[self.geom], model.geom_aabb[self.geom] = (bound * dynamics.size for bound in self.bounds)
        model.geom_friction[self.geom, 0] = self.friction * dynamics.friction
        mujoco.mj_setConst(model, self.scratch)
        return dynamics.table + self.half_height * (dynamics.size - 1.0)
