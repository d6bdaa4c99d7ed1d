"""From MuJoCo's state to FetchEnv's observation, for N arms at once.

As in FetchEnv, sites and Jacobians are those of the last forward pass while joint positions and velocities are
the newest: after a step of an arm with free fingers they are one substep (2 ms) apart.
"""
import mujoco
import numpy as np

from hac_ros.simulation import constants
from hac_ros.tasks import Task


class Gathered:
    """Columns of N rows, one an arm, copied from MuJoCo's memory in one call; ``columns[name]`` is a slice."""

    def __init__(self, views: dict[str, list[np.ndarray]]):
        """``views[name]`` holds an array for each arm, all of one size."""
        widths = {name: arms[0].size for name, arms in views.items()}
        ends = np.cumsum(list(widths.values()))
        self.columns = {name: slice(end - width, end) for (name, width), end in zip(widths.items(), ends)}
        self.views = [view for arm in zip(*views.values()) for view in arm]
        self.rows = np.empty((len(self.views) // len(views), ends[-1]))
        self.flat = self.rows.reshape(-1)

    def read(self) -> dict[str, np.ndarray]:
        """Return the newest values, (N, width) each: views that the next call overwrites."""
        np.concatenate(self.views, out=self.flat)
        return {name: self.rows[:, columns] for name, columns in self.columns.items()}


class Motion:
    """Velocities of sites on N arms: Jacobians of the last forward pass times the newest joint velocities."""

    def __init__(self, model: mujoco.MjModel, data: list[mujoco.MjData], linear: list[str], angular: list[str]):
        """Rows come in the order of ``linear``, three for each site's velocity, then those of ``angular``."""
        ids = [(model.site(name).id, kind) for kind, names in enumerate((linear, angular)) for name in names]
        self.jacobian = np.zeros((len(data), 3 * len(ids), model.nv))
        self.calls = [(model, d, *_linear_or_angular(block[3 * row:3 * row + 3], kind), site)
                      for d, block in zip(data, self.jacobian) for row, (site, kind) in enumerate(ids)]

    def read(self, qvel: np.ndarray) -> np.ndarray:
        """Return velocities [m/s, rad/s], (N, 3 x sites), for joint velocities ``qvel`` (N, nv)."""
        for call in self.calls:
            mujoco.mj_jacSite(*call)
        return np.matmul(self.jacobian, qvel[:, :, None])[:, :, 0]


def _linear_or_angular(block: np.ndarray, kind: int) -> tuple:
    return (None, block) if kind else (block, None)


class Readout:
    """Observation and achieved goal of N arms. Source: MujocoFetchEnv.generate_mujoco_observations."""

    def __init__(self, task: Task, model: mujoco.MjModel, data: list[mujoco.MjData]):
        self.period = task.period
        gripper, joints = model.site(constants.GRIPPER_SITE).id, [model.joint(n) for n in constants.FINGER_JOINTS]
        self.finger_qpos = [int(joint.qposadr[0]) for joint in joints]
        self.finger_qvel = [int(joint.dofadr[0]) for joint in joints]
        views = {'gripper': [d.site_xpos[gripper] for d in data], 'qpos': [d.qpos for d in data],
                 'qvel': [d.qvel for d in data]}
        if task.has_object:
            thing = model.site(constants.OBJECT_SITE).id
            views.update(object=[d.site_xpos[thing] for d in data], rotation=[d.site_xmat[thing] for d in data])
        self.places = Gathered(views)
        objects = [constants.OBJECT_SITE] if task.has_object else []
        self.motion = Motion(model, data, [constants.GRIPPER_SITE, *objects], objects)
        self.arrange = arrange_object if task.has_object else arrange_gripper

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return observation (N, O) and achieved goal (N, 3) [m], both newly made."""
        places = self.places.read()
        fingers = places['qpos'][:, self.finger_qpos]
        finger_motion = places['qvel'][:, self.finger_qvel] * self.period
        motion = self.motion.read(places['qvel']) * self.period
        return self.arrange(places, motion, fingers, finger_motion)


def arrange_gripper(places: dict, motion: np.ndarray, fingers: np.ndarray, finger_motion: np.ndarray):
    """Return observation (N, 10) of a task without object, and the gripper as achieved goal."""
    gripper = places['gripper']
    return np.concatenate([gripper, fingers, motion, finger_motion], axis=1), gripper.copy()


def arrange_object(places: dict, motion: np.ndarray, fingers: np.ndarray, finger_motion: np.ndarray):
    """Return observation (N, 25) of a task with an object, and the object as achieved goal."""
    gripper, position = places['gripper'], places['object']
    linear = motion[:, :3]
    return np.concatenate([gripper, position, position - gripper, fingers, euler(places['rotation']),
                           motion[:, 3:6] - linear, motion[:, 6:], linear, finger_motion], axis=1), position.copy()


def euler(rotation: np.ndarray) -> np.ndarray:
    """Return Euler angles [rad], (N, 3), of row-major rotation matrices (N, 9). Source: rotations.mat2euler."""
    # Contiguous, because numpy takes another arctan2, with other last bits, where it is strided.
    matrix = np.ascontiguousarray(rotation.T)
    cosine = np.sqrt(matrix[8] * matrix[8] + matrix[5] * matrix[5])
    opposite = np.array([matrix[5], -matrix[2], matrix[1]])
    adjacent = np.array([matrix[8], cosine, matrix[0]])
    degenerate = cosine <= constants.EULER_DEGENERATE
    if degenerate.any():   # pitch of 90 degrees: roll is taken as 0 and the rest as yaw
        opposite[0, degenerate], adjacent[0, degenerate] = 0.0, 1.0
        opposite[2, degenerate], adjacent[2, degenerate] = -matrix[3, degenerate], matrix[4, degenerate]
    return -np.arctan2(opposite, adjacent).T
