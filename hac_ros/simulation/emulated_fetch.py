"""One Fetch on MuJoCo that answers what its topics and actions ask for: the emulator without ROS.

What the topics mean is in ``fetch_robot.py`` (arbitration, gripper) and ``joint_trajectory.py``; the controller is
``twist_controller.py``. Time goes on by ticks of 0.01 s, as the robot's own controllers do.
"""
from collections import deque

import mujoco
import numpy as np

from hac_ros import kinematics, robot_commands
from hac_ros.config import RandomizationConfig
from hac_ros.randomness import generator
from hac_ros.simulation import constants, fetch_robot, fetch_scene
from hac_ros.simulation.fetch_drives import Drives
from hac_ros.simulation.joint_trajectory import INVALID_GOAL, Following, JointTrajectory, Outcome, Tolerances
from hac_ros.simulation.laboratory import PURPOSE, Laboratory
from hac_ros.simulation.twist_controller import PERIOD, TwistController
from hac_ros.tasks import Task

ARM_LINKS = tuple(name.replace('_joint', '_link') for name in (kinematics.TORSO_JOINT, *kinematics.JOINTS))
SOFTWARE, BUTTON = 'software', 'button'      # who presses the run-stop
RESTING = (kinematics.TORSO_JOINT, 'head_pan_joint', 'head_tilt_joint')


class EmulatedFetch:
    """A robot before its table. Begins with episode 0.

    ticks: since it was made; ``time`` [s] follows from them. following: the newest trajectory goal. gripper: the newest
    gripper goal. lab: object, camera, judge. pressed: by whom the run-stop is.
    """

    def __init__(self, task: Task, seed: int, config: RandomizationConfig):
        self.task, self.seed, self.config, self.ticks = task, seed, config, 0
        settled = fetch_scene.prepare(task)
        self.model = settled.copy_model()
        self.data = mujoco.MjData(self.model)
        joints = [self.model.joint(fetch_scene.joint_name(name)) for name in kinematics.JOINTS]
        joints += [self.model.joint(name) for name in constants.FINGER_JOINTS]
        self.qpos, self.qvel = (np.array([int(joint.qposadr[0]) for joint in joints]),
                                np.array([int(joint.dofadr[0]) for joint in joints]))
        self.lab = Laboratory(task, settled, self.model, self.data, seed, config)
        self.drives = Drives(self.model, self.data, self.qpos, self.qvel)
        self.controller = TwistController(1)
        self.arbiter, self.pressed = fetch_robot.ArmArbiter(), set()
        self.following: Following | None = None
        self.gripper: fetch_robot.GripperAction | None = None
        self.begin(0)

    @property
    def time(self) -> float:
        """Time [s] since the robot was made."""
        return self.ticks * PERIOD

    @property
    def measured(self) -> np.ndarray:
        """Joints (9,) as they are: arm [rad], right and left finger [m]."""
        return self.data.qpos[self.qpos]

    @property
    def opening(self) -> float:
        """Gap [m] between the fingers."""
        return float(self.measured[7:].sum())

    @property
    def ready(self) -> bool:
        """Whether goals are accepted."""
        return not self.arbiter.runstopped

    @property
    def finger_effort(self) -> float:
        """Force [N] with which the fingers push now, the greater of both."""
        return float(np.abs(self.data.actuator_force[7:]).max())

    # What is asked of it

    def begin(self, episode: int) -> None:
        """Start ``episode``: all goals end; the arm is held where it starts, as after a trajectory."""
        self.end_goals('a new episode has begun')
        self.lab.begin(episode)
        self.coming = deque()                       # twists that have not arrived: (tick, frame, twist)
        self.twisting, self.episode_ticks = False, 0
        pressed, self.arbiter = self.arbiter.runstopped, fetch_robot.ArmArbiter()
        self.arbiter.runstop(pressed)
        if self.arbiter.accept_goal():
            self.arbiter.finish_goal()
        self.held = self.measured[:7].copy()
        self.following = None
        self.gripper, self.drives.finger = None, self.opening / 2
        self.wanted_opening, self.effort = self.opening, kinematics.FINGER_EFFORT

    def twist(self, frame: str, twist: np.ndarray) -> None:
        """A twist (6,) of the wrist was sent; it arrives after the delay of the episode."""
        self.coming.append((self.ticks + self.lab.dynamics.delay, frame, np.array(twist, dtype=np.float64)))

    def follow(self, trajectory: JointTrajectory, tolerances: Tolerances = Tolerances()) -> Following:
        """Take over with a trajectory goal, and return it; an older one ends."""
        start, speed = self._target()
        goal = Following(self.time, trajectory, start, tolerances, speed)
        if goal.outcome is None and self.arbiter.accept_goal():
            self.stop_following('a newer goal has come')
            self.following, self.twisting = goal, False
        elif goal.outcome is None:
            goal.outcome = Outcome(INVALID_GOAL, 'the run-stop is pressed')
        return goal

    def stop_following(self, why: str) -> None:
        """End the goal that is being followed, if one is; the arm is held where the goal has brought it."""
        if self.following is not None and self.following.outcome is None:
            self.held = self.following.sample(self.time)[0]
            self.following.outcome = Outcome(INVALID_GOAL, why)
            self.arbiter.finish_goal()

    def grip(self, position: float, max_effort: float) -> fetch_robot.GripperAction:
        """Take a gripper goal [m], [N] and return it; an older one ends. Raises ValueError if it is not finite."""
        goal = fetch_robot.GripperAction(self.time, self.opening, position, max_effort)
        self.stop_gripping('a newer goal has come')
        self.gripper, self.wanted_opening, self.effort = goal, goal.position, goal.effort
        return goal

    def stop_gripping(self, why: str) -> None:
        """End the gripper's goal, if one is on its way: the fingers stay where they are, with the same effort."""
        if self.gripper is not None and self.gripper.running:
            self.gripper.ended, self.wanted_opening = why, self.opening

    def end_goals(self, why: str) -> None:
        """End the goals of arm and gripper."""
        self.stop_following(why)
        self.stop_gripping(why)

    def runstop(self, pressed: bool, by: str = SOFTWARE) -> None:
        """Press or release the run-stop, ``by`` SOFTWARE or BUTTON: while either is pressed nothing has power, and all goals end.

        After its release the fingers go on to where they were told to go last, as far as is known of a Fetch's gripper
        (``parallel_gripper.cpp`` gives its motors the last position in each update, whether a goal is active or not).
        """
        self.pressed = self.pressed | {by} if pressed else self.pressed - {by}
        pressed = bool(self.pressed)
        if pressed:
            self.stop_following('the run-stop was pressed')
            if self.gripper is not None and self.gripper.running:
                self.gripper.ended = 'the run-stop was pressed'
        elif self.arbiter.runstopped:
            self.drives.finger = self.opening / 2
        self.arbiter.runstop(pressed)

    def pause(self, ticks: int) -> None:
        """Let time go on without anything that happens in it."""
        self.ticks += ticks

    # Ticks

    def tick(self) -> None:
        """Go on by PERIOD."""
        while self.coming and self.coming[0][0] <= self.ticks:
            _, frame, twist = self.coming.popleft()
            self.arbiter.command(self.time, frame, twist)
        self._drive_arm()
        self.drives.grip(self.wanted_opening, 0.0 if self.arbiter.runstopped else self.effort)
        self.drives.advance()
        self.ticks, self.episode_ticks = self.ticks + 1, self.episode_ticks + 1
        self._update_goals()

    def _drive_arm(self) -> None:
        twist = self.arbiter.twist_now(self.time, self._rotation())
        if twist is not None:
            self._drive_by_twist(twist)
        elif self.arbiter.active == fetch_robot.TRAJECTORY:
            self._drive_by_goal()
        else:
            self.drives.float()
            self.twisting = False

    def _drive_by_twist(self, twist: np.ndarray) -> None:
        if not self.twisting:       # begins at the joints as they are, at rest
            self.controller.start(0, self.measured[:7])
            self.twisting = True
        before = self.controller.position[0].copy(), self.controller.velocity[0].copy()
        position, velocity = self.controller.tick(self._with_gain(twist)[None])
        self.drives.track(*before, position[0], velocity[0])

    def _with_gain(self, twist: np.ndarray) -> np.ndarray:
        """The episode's factor on the speed of the grip, turns excepted."""
        gain, rotation = self.lab.dynamics.gain, self._rotation()[None]
        around = robot_commands.at_wrist(np.concatenate([np.zeros(3), twist[3:]])[None], rotation)[0, :3]
        return np.concatenate([gain * (twist[:3] - around) + around, twist[3:]])

    def _drive_by_goal(self) -> None:
        if self.following is None or self.following.outcome is not None:
            self.drives.track(self.held, np.zeros(7), self.held, np.zeros(7))
            return
        before, after = self.following.sample(self.time), self.following.sample(self.time + PERIOD)
        self.drives.track(*before, *after)

    def _update_goals(self) -> None:
        if self.following is not None and self.following.outcome is None:
            if self.following.update(self.time, self.measured[:7]) is not None:
                self.held = self.following.sample(self.time)[0]
                self.arbiter.finish_goal()
        if self.gripper is not None and self.gripper.running:
            self.gripper.update(self.time, self.opening)

    def _target(self) -> tuple[np.ndarray, np.ndarray]:
        """Where and how fast the active controller has its joints, (7,) each: a new one goes on from there."""
        if self.arbiter.active == fetch_robot.TRAJECTORY:
            running = self.following is not None and self.following.outcome is None
            return self.following.sample(self.time) if running else (self.held, np.zeros(7))
        if self.twisting:
            return self.controller.position[0].copy(), self.controller.velocity[0].copy()
        return self.measured[:7].copy(), np.zeros(7)

    def _rotation(self) -> np.ndarray:
        return self.data.body(constants.GRIPPER_BODY).xmat.reshape(3, 3)

    # What it tells

    def joints(self) -> dict[str, tuple[float, float, float]]:
        """Return position, velocity, effort of every joint, as its encoders measure them."""
        draws = generator(self.seed, f'{PURPOSE}/joints', self.lab.episode, self.episode_ticks)
        position, velocity = self.measured, self.data.qvel[self.qvel]
        position[:7] += draws.normal(size=7) * self.config.joint_noise
        velocity[:7] += draws.normal(size=7) * self.config.joint_velocity_noise
        names = (*kinematics.JOINTS, *kinematics.FINGER_JOINTS)
        told = zip(position.tolist(), velocity.tolist(), self.data.actuator_force.tolist())
        return {**dict(zip(names, told)), **{name: (0.0, 0.0, 0.0) for name in RESTING}}

    def links(self) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
        """Return child link -> parent, position (3,) and quaternion (4,) in it, from base_link to gripper_link."""
        places = (kinematics.TORSO_ORIGIN, *kinematics.ORIGINS, np.array([kinematics.GRIPPER_LINK, 0.0, 0.0]))
        angles = (0.0, *self.measured[:7], 0.0)
        axes = (0, *kinematics.AXES, 0)
        names = (kinematics.FRAME, *ARM_LINKS, 'gripper_link')
        return {child: (parent, place, _turn(axis, angle))
                for parent, child, place, axis, angle in zip(names, names[1:], places, axes, angles)}


def _turn(axis: int, angle: float) -> np.ndarray:
    quaternion = np.zeros(4)
    quaternion[0], quaternion[1 + axis] = np.cos(angle / 2), np.sin(angle / 2)
    return quaternion
