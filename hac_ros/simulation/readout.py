"""From MuJoCo's state to FetchEnv's observation, for N arms at once.

As in FetchEnv, sites and Jacobians are those of the last forward pass while joint positions and velocities are
the newest: after a step of an arm with free fingers they are one substep (2 ms) apart.
"""
import mujoco
import numpy as np

from hac_ros.simulation import constants
from hac_ros.tasks import Task


class Gathered:
    """One array (N, width) that ``read`` fills from N places in MuJoCo's memory."""

    def __init__(self, views: list[np.ndarray]):
        self.views = views
        self.values = np.empty((len(views), views[0].size))
        self.flat = self.values.reshape(-1)

    def read(self) -> np.ndarray:
        """Return the newest values: the same array at each call."""
        return np.concatenate(self.views, out=self.flat).reshape(self.values.shape)


class Site:
    """Position and velocity of one site on N arms."""

    def __init__(self, model: mujoco.MjModel, data: list[mujoco.MjData], name: str):
        self.model, self.data, self.id = model, data, model.site(name).id
        self.position = Gathered([d.site_xpos[self.id] for d in data])
        self.rotation = Gathered([d.site_xmat[self.id] for d in data])
        self.jacobian = np.zeros((len(data), 6, model.nv))
        self.blocks = [(block[:3], block[3:]) for block in self.jacobian]

    def velocity(self, qvel: np.ndarray) -> np.ndarray:
        """Return linear [m/s] and angular [rad/s] velocity, (N, 6), for joint velocities ``qvel`` (N, nv)."""
        for data, (linear, angular) in zip(self.data, self.blocks):
            mujoco.mj_jacSite(self.model, data, linear, angular, self.id)
        return np.matmul(self.jacobian, qvel[:, :, None])[:, :, 0]


class Readout:
    """Observation and achieved goal of N arms. Source: MujocoFetchEnv.generate_mujoco_observations."""

    def __init__(self, task: Task, model: mujoco.MjModel, data: list[mujoco.MjData]):
        self.task = task
        self.gripper = Site(model, data, constants.GRIPPER_SITE)
        self.object = Site(model, data, constants.OBJECT_SITE) if task.has_object else None
        self.qpos = Gathered([d.qpos for d in data])
        self.qvel = Gathered([d.qvel for d in data])
        joints = [model.joint(name) for name in constants.FINGER_JOINTS]
        self.finger_qpos = [int(joint.qposadr[0]) for joint in joints]
        self.finger_qvel = [int(joint.dofadr[0]) for joint in joints]

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return observation (N, O) and achieved goal (N, 3) [m], both newly made."""
        period, qvel = self.task.period, self.qvel.read()
        gripper = self.gripper.position.read()
        motion = self.gripper.velocity(qvel)[:, :3] * period
        fingers = self.qpos.read()[:, self.finger_qpos]
        finger_motion = qvel[:, self.finger_qvel] * period
        if self.object is None:
            return np.concatenate([gripper, fingers, motion, finger_motion], axis=1), gripper.copy()
        position, velocity = self.object.position.read(), self.object.velocity(qvel) * period
        observation = np.concatenate(
            [gripper, position, position - gripper, fingers, euler(self.object.rotation.read()),
             velocity[:, :3] - motion, velocity[:, 3:], motion, finger_motion], axis=1)
        return observation, position.copy()


def euler(rotation: np.ndarray) -> np.ndarray:
    """Return Euler angles [rad], (N, 3), of row-major rotation matrices (N, 9). Source: rotations.mat2euler."""
    # Contiguous rows: numpy takes another arctan2, with other last bits, where they are strided.
    r00, r01, r02, r10, r11, r12, _, _, r22 = np.ascontiguousarray(rotation.T)
    cosine = np.sqrt(r22 * r22 + r12 * r12)
    regular = cosine > constants.EULER_DEGENERATE
    angles = np.empty((3, len(rotation)))
    angles[0] = np.where(regular, -np.arctan2(r12, r22), 0.0)
    angles[1] = -np.arctan2(-r02, cosine)
    angles[2] = np.where(regular, -np.arctan2(r01, r00), -np.arctan2(-r10, r11))
    return angles.T
