"""What a robot would observe: joint states through forward kinematics, and a pose of the object as cameras give it."""
import numpy as np

from hac_ros import kinematics, robot_observation
from hac_ros.config import FetchConfig
from hac_ros.simulation import constants
from hac_ros.simulation.fetch_scene import FetchStart, joint_name
from hac_ros.simulation.randomization import Noise
from hac_ros.tasks import Task


class FetchReadout:
    """Observation and achieved goal of N arms; nothing of the simulator's that a robot does not know.

    truth (N, 3) [m]: where the object (without one: the gripper) really is; rotation (N, 3, 3): the gripper's as
    measured. Both of the state that was read last.
    """

    def __init__(self, task: Task, start: FetchStart, data: list, config: FetchConfig):
        self.config, self.offset, self.has_object = config, start.offset, task.has_object
        self.scale = task.period * config.velocity_scale
        joints = [start.model.joint(joint_name(name)) for name in kinematics.JOINTS]
        joints += [start.model.joint(name) for name in constants.FINGER_JOINTS]
        self.qpos, self.qvel = (np.array([int(address[0]) for address in column]) for column in
                                zip(*((joint.qposadr, joint.dofadr) for joint in joints)))
        self.views = [(d.qpos, d.qvel) for d in data]
        self.pose = int(start.model.joint(constants.OBJECT_JOINT).qposadr[0]) if task.has_object else 0
        self.tracker = robot_observation.ObjectTracker(len(data), config.smoothing)
        self.past: list[np.ndarray] = []        # (N, 7) true poses of the object, oldest first
        self.step = 0

    def start(self, noise: list[Noise]) -> None:
        """Begin the episodes of all arms, with what their sensors will get wrong."""
        self.step, self.past = 0, []
        self.joints, self.velocities, self.position, self.angles, self.seen = (
            np.stack([getattr(each, name) for each in noise], axis=1)
            for name in ('joints', 'velocities', 'position', 'angles', 'seen'))
        self.late = np.array([each.late for each in noise])

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return observation (N, O) and achieved goal (N, 3) [m] of the next state, both newly made.

        The first call after ``start`` is for the state at rest, each further one for the state a step later.
        """
        qpos, qvel = (np.array(column) for column in zip(*self.views))
        joints, velocities = qpos[:, self.qpos], qvel[:, self.qvel]
        grip, speed, self.rotation = robot_observation.gripper(
            joints[:, :7] + self.joints[self.step], velocities[:, :7] + self.velocities[self.step])
        grip, fingers, motion = grip + self.offset, joints[:, 7:], speed * self.scale
        finger_motion = velocities[:, 7:] * self.scale
        self.fingers = fingers
        if self.has_object:
            self._look(qpos[:, self.pose:self.pose + 7])
            observation = robot_observation.with_object(grip, motion, fingers, finger_motion, self.tracker, 0.0,
                                                        self.config.velocity_scale)
            achieved, self.truth = self.tracker.position.copy(), qpos[:, self.pose:self.pose + 3]
        else:
            observation = robot_observation.without_object(grip, motion, fingers, finger_motion)
            achieved, self.truth = grip.copy(), grip.copy()
        self.step = min(self.step + 1, len(self.seen) - 1)
        return observation, achieved

    def _look(self, pose: np.ndarray) -> None:
        """Let the tracker see the object: late, noisy, or not at all."""
        self.past = (self.past + [pose])[-1 - int(self.late.max()):] if self.past else [pose]
        newest = len(self.past) - 1
        seen = np.stack(self.past)[np.maximum(newest - self.late, 0), np.arange(len(pose))]
        position = seen[:, :3] + self.position[self.step]
        wrong = np.concatenate([np.ones((len(pose), 1)), self.angles[self.step] / 2], axis=1)
        rotation = kinematics.rotations(wrong) @ kinematics.rotations(seen[:, 3:])
        if self.step == 0:
            for arm in range(len(pose)):
                self.tracker.start(arm, position[arm], rotation[arm])
        else:
            self.tracker.update(position, rotation, self.seen[self.step])
