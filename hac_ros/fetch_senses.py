"""What is known of a Fetch: partial joint states merged by name, the object's pose, and the observation made of them."""
import math

import numpy as np

from hac_ros import kinematics, robot_observation
from hac_ros.config import FetchConfig
from hac_ros.safety.robot import RobotState
from hac_ros.tasks import Task

ARM = (*kinematics.JOINTS, kinematics.TORSO_JOINT)
WANTED = (*ARM, *kinematics.FINGER_JOINTS)
_PLACES = {name: place for place, name in enumerate(WANTED)}
_ARM, _TORSO, _FINGERS = slice(len(kinematics.JOINTS)), _PLACES[kinematics.TORSO_JOINT], slice(len(ARM), None)


class Senses:
    """The newest of each joint, and of the object; stamps [s] are the robot's."""

    def __init__(self, task: Task, config: FetchConfig):
        self.task, self.config = task, config
        # Of WANTED, in this order. Plain numbers: so few are looked at faster than an array.
        self.positions, self.velocities = [math.nan] * len(WANTED), [math.nan] * len(WANTED)
        self.stamps = [-math.inf] * len(WANTED)
        self.tracker = robot_observation.ObjectTracker(1, config.smoothing)
        self.pose: tuple[np.ndarray, np.ndarray] | None = None
        self.object_stamp: float | None = None
        self.seen = False            # a pose has come since the last observation

    def take_joints(self, names, position, velocity, stamp: float) -> None:
        """Take a joint state: positions and velocities (J,) of some joints."""
        for name, angle, speed in zip(names, position, velocity):
            place = _PLACES.get(name)
            if place is not None:
                self.positions[place], self.velocities[place], self.stamps[place] = float(angle), float(speed), stamp

    def take_object(self, position, quaternion, stamp: float) -> None:
        """Take a pose of the object in base_link: (3,) [m], (4,) w first."""
        self.pose = np.array(position, dtype=np.float64), kinematics.rotations(np.array([quaternion]))[0]
        self.object_stamp, self.seen = stamp, True

    @property
    def stamp(self) -> float:
        """Stamp of the joint that was heard of longest ago; -inf while one was not."""
        return min(self.stamps)

    def complete(self, since: float) -> bool:
        """Whether all that an observation needs has come, stamped ``since`` or later, and is finite."""
        fresh = self.stamp >= since and (not self.task.has_object or (self.object_stamp or -np.inf) >= since)
        return fresh and all(map(math.isfinite, self.positions)) and all(map(math.isfinite, self.velocities))

    def robot_state(self, **signals) -> RobotState | None:
        """Return what safety looks at; None while a joint was never heard of. ``signals``: of RobotState."""
        stamp = self.stamp
        if stamp == -math.inf:
            return None
        joints, fingers = np.array(self.positions[_ARM]), np.array(self.positions[_FINGERS])
        return RobotState(joints, fingers, stamp, self.torso, self.object_stamp, **signals)

    @property
    def torso(self) -> float:
        """Height of the torso [m]."""
        return self.positions[_TORSO]

    @property
    def rotation(self) -> np.ndarray:
        """The gripper's rotation (3, 3), from the joints as measured."""
        return kinematics.chain(self.positions[_ARM]).rotation[0]

    def _values(self, part: slice) -> np.ndarray:
        """Return positions and velocities (2, J) of a part of WANTED."""
        return np.array([self.positions[part], self.velocities[part]])

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
        joints, fingers = self._values(_ARM), self._values(_FINGERS)
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
