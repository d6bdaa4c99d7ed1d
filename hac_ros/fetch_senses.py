"""What is known of a Fetch: partial joint states merged by name, the object's pose, and the observation made of them."""
import numpy as np

from hac_ros import kinematics, robot_observation
from hac_ros.config import FetchConfig
from hac_ros.safety.robot import RobotState
from hac_ros.tasks import Task

ARM = (*kinematics.JOINTS, kinematics.TORSO_JOINT)
WANTED = (*ARM, *kinematics.FINGER_JOINTS)


class Senses:
    """The newest of each joint, and of the object; stamps [s] are the robot's."""

    def __init__(self, task: Task, config: FetchConfig):
        self.task, self.config = task, config
        self.newest: dict[str, tuple[float, float, float]] = {}    # joint -> position, velocity, stamp
        self.tracker = robot_observation.ObjectTracker(1, config.smoothing)
        self.pose: tuple[np.ndarray, np.ndarray] | None = None
        self.object_stamp: float | None = None
        self.seen = False            # a pose has come since the last observation

    def take_joints(self, names, position, velocity, stamp: float) -> None:
        """Take a joint state: positions and velocities (J,) of some joints."""
        for name, place, speed in zip(names, position, velocity):
            self.newest[name] = float(place), float(speed), stamp

    def take_object(self, position, quaternion, stamp: float) -> None:
        """Take a pose of the object in base_link: (3,) [m], (4,) w first."""
        self.pose = np.array(position, dtype=np.float64), kinematics.rotations(np.array([quaternion]))[0]
        self.object_stamp, self.seen = stamp, True

    @property
    def stamp(self) -> float:
        """Stamp of the joint that was heard of longest ago; -inf while one was not."""
        return min(self.newest[name][2] if name in self.newest else -np.inf for name in WANTED)

    def complete(self, since: float) -> bool:
        """Whether all that an observation needs has come, stamped ``since`` or later, and is finite."""
        fresh = self.stamp >= since and (not self.task.has_object or (self.object_stamp or -np.inf) >= since)
        return bool(fresh and np.isfinite([self.newest[name][:2] for name in WANTED]).all())

    def robot_state(self, **signals) -> RobotState | None:
        """Return what safety looks at; None while a joint was never heard of. ``signals``: of RobotState."""
        if any(name not in self.newest for name in WANTED):
            return None
        joints, fingers, torso = self._values(kinematics.JOINTS), self._values(kinematics.FINGER_JOINTS), self.torso
        return RobotState(joints[0], fingers[0], self.stamp, torso, self.object_stamp, **signals)

    @property
    def torso(self) -> float:
        """Height of the torso [m]."""
        return self.newest[kinematics.TORSO_JOINT][0]

    @property
    def rotation(self) -> np.ndarray:
        """The gripper's rotation (3, 3), from the joints as measured."""
        return kinematics.chain(self._values(kinematics.JOINTS)[0]).rotation[0]

    def _values(self, names) -> np.ndarray:
        """Return positions and velocities (2, J)."""
        return np.array([self.newest[name][:2] for name in names]).T

    def start(self) -> None:
        """Begin an episode: the object rests where it was seen last."""
        if self.task.has_object:
            self.tracker.start(0, *self.pose)
        self.seen = False

    def observe(self) -> tuple[np.ndarray, np.ndarray]:
        """Return observation (1, O) and achieved goal (1, 3) [m] of FetchEnv's world: call once a control step.

        As in control mode ``fetch`` of the simulation, from the same functions.
        """
        scale, torso = self.task.period * self.config.velocity_scale, self.torso
        joints, fingers = self._values(kinematics.JOINTS), self._values(kinematics.FINGER_JOINTS)
        grip, speed, _ = robot_observation.gripper(joints[:1], joints[1:], torso)
        offset = kinematics.base_to_world(np.zeros(3), torso)
        parts = grip + offset, speed * scale, fingers[:1], fingers[1:] * scale
        if not self.task.has_object:
            return robot_observation.without_object(*parts), grip + offset
        if self.pose is not None:
            position, rotation = self.pose
            self.tracker.update(position[None], rotation[None], np.array([self.seen]))
        self.seen = False
        observation = robot_observation.with_object(*parts, self.tracker, offset, self.config.velocity_scale)
        return observation, self.tracker.position + offset

    def to_world(self, position) -> np.ndarray:
        """Return a position (3,) [m] of base_link in FetchEnv's world."""
        return kinematics.base_to_world(np.asarray(position, dtype=np.float64), self.torso)

    def to_base(self, position) -> np.ndarray:
        """Return a position (3,) [m] of FetchEnv's world in base_link."""
        return kinematics.world_to_base(np.asarray(position, dtype=np.float64), self.torso)
