"""From MuJoCo's state to FetchEnv's observation, for N arms at once.

As in FetchEnv, sites and Jacobians are those of the last forward pass while joint positions and velocities are
the newest: after a step of an arm with free fingers they are one substep (2 ms) apart.
"""
import mujoco
import numpy as np

from hac_ros.simulation import constants
from hac_ros.tasks import Task

EULER_SIGN = np.array([-1.0, 1.0, -1.0])


class Gathered:
    """Columns of N rows, one an arm, copied from MuJoCo's memory in one call."""

    def __init__(self, views: dict[str, list[list[np.ndarray]]]):
        """``views[name]`` holds, for each arm, the arrays that stand side by side under this name."""
        self.views = [view for arm in zip(*views.values()) for group in arm for view in group]
        widths = [sum(view.size for view in arms[0]) for arms in views.values()]
        self.flat = np.empty(sum(view.size for view in self.views))
        columns = np.split(self.flat.reshape(-1, sum(widths)), np.cumsum(widths)[:-1], axis=1)
        self.values = dict(zip(views, columns))

    def read(self) -> dict[str, np.ndarray]:
        """Return the newest values, (N, width) each: the same arrays at each call."""
        np.concatenate(self.views, out=self.flat)
        return self.values


class Motion:
    """Velocities on N arms: Jacobians of the last forward pass times the newest joint velocities.

    Columns, in this order: x, y, z of each site in ``linear`` [m/s], then of each in ``angular`` [rad/s], then
    each joint in ``joints``.
    """

    def __init__(self, model, data, linear: list[int], angular: list[int], joints: list[int]):
        """``linear`` and ``angular`` are ids of sites, ``joints`` addresses in qvel."""
        sites = 3 * (len(linear) + len(angular))
        self.jacobian = np.zeros((len(data), sites + len(joints), model.nv))
        self.jacobian[:, range(sites, sites + len(joints)), joints] = 1.0
        self.calls = []
        for d, rows in zip(data, self.jacobian):
            blocks = rows[:sites].reshape(-1, 3, model.nv)
            moved, turned = dict(zip(linear, blocks)), dict(zip(angular, blocks[len(linear):]))
            self.calls += [(model, d, moved.get(site), turned.get(site), site) for site in {**moved, **turned}]

    def read(self, qvel: np.ndarray) -> np.ndarray:
        """Return velocities (N, columns) for joint velocities ``qvel`` (N, nv)."""
        for call in self.calls:
            mujoco.mj_jacSite(*call)
        return np.matmul(self.jacobian, qvel[:, :, None])[:, :, 0]


class Readout:
    """Observation and achieved goal of N arms. Source: MujocoFetchEnv.generate_mujoco_observations."""

    def __init__(self, task: Task, model: mujoco.MjModel, data: list[mujoco.MjData]):
        self.period = task.period
        gripper, joints = model.site(constants.GRIPPER_SITE).id, [model.joint(n) for n in constants.FINGER_JOINTS]
        qpos, qvel = ([int(address[0]) for address in pair] for pair in zip(*((j.qposadr, j.dofadr) for j in joints)))
        views = {'gripper': [[d.site_xpos[gripper]] for d in data], 'qvel': [[d.qvel] for d in data],
                 'fingers': [[d.qpos[a:a + 1] for a in qpos] for d in data]}
        objects = [model.site(constants.OBJECT_SITE).id] if task.has_object else []
        for site in objects:
            views.update(object=[[d.site_xpos[site]] for d in data], rotation=[[d.site_xmat[site]] for d in data])
        self.places = Gathered(views)
        self.motion = Motion(model, data, [gripper, *objects], objects, qvel)
        self.arrange = arrange_object if task.has_object else arrange_gripper

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return observation (N, O) and achieved goal (N, 3) [m], both newly made."""
        places = self.places.read()
        return self.arrange(places, self.motion.read(places['qvel']) * self.period)


def arrange_gripper(places: dict[str, np.ndarray], motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return observation (N, 10) of a task without object, and the gripper as achieved goal."""
    gripper = places['gripper']
    return np.concatenate([gripper, places['fingers'], motion], axis=1), gripper.copy()


def arrange_object(places: dict[str, np.ndarray], motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return observation (N, 25) of a task with an object, and the object as achieved goal."""
    gripper, position, linear = places['gripper'], places['object'], motion[:, :3]
    observation = np.concatenate(
        [gripper, position, position - gripper, places['fingers'], euler(places['rotation']),
         motion[:, 3:6] - linear, motion[:, 6:9], linear, motion[:, 9:]], axis=1)
    return observation, position.copy()


def euler(rotation: np.ndarray) -> np.ndarray:
    """Return Euler angles [rad], (N, 3), of row-major rotation matrices (N, 9). Source: rotations.mat2euler."""
    # take: contiguous arrays, because numpy takes another arctan2, with other last bits, where they are strided
    opposite, adjacent = rotation.take((5, 2, 1), axis=1), rotation.take((8, 5, 0), axis=1)
    cosine = np.sqrt(adjacent[:, 0] * adjacent[:, 0] + adjacent[:, 1] * adjacent[:, 1])
    adjacent[:, 1] = cosine
    degenerate = cosine <= constants.EULER_DEGENERATE
    if degenerate.any():   # pitch of 90 degrees: roll is taken as 0 and the rest as yaw
        opposite[degenerate, 0], adjacent[degenerate, 0] = 0.0, 1.0
        opposite[degenerate, 2], adjacent[degenerate, 2] = -rotation[degenerate, 3], rotation[degenerate, 4]
    return np.arctan2(opposite, adjacent) * EULER_SIGN
