"""Control mode ``fetch``: the arm moves as a Fetch does when fetch_bridge sends its commands.

A command becomes a twist with an angular part that keeps the gripper pointing down, once a control step, from the
joints as measured. The robot's twist controller makes joint targets of it a hundred times a second; servos with the
joints' effort limits follow them in every physics step. So weight, contact and a stalled arm have their effects.
"""
import mujoco
import numpy as np

from hac_ros import kinematics, robot_commands
from hac_ros.config import FetchConfig
from hac_ros.simulation import constants, fetch_scene
from hac_ros.simulation.fetch_readout import FetchReadout
from hac_ros.simulation.randomization import Dynamics
from hac_ros.simulation.twist_controller import PERIOD, TwistController
from hac_ros.tasks import Task

TICKS = round(constants.SUBSTEPS * constants.TIMESTEP / PERIOD)   # of the twist controller in a control step
SUBTICKS = constants.SUBSTEPS // TICKS                            # physics steps in a tick
STIFFNESS = np.array(fetch_scene.STIFFNESS)
# What a velocity needs: the servo's gain on it, and what the joint's damping takes.
FORWARD = STIFFNESS * fetch_scene.DAMPING_TIME + fetch_scene.DAMPING
# A finger's target runs ahead of it no further than this [m]: its full force.
LEAD = kinematics.FINGER_EFFORT / fetch_scene.FINGER_STIFFNESS


class FetchControl:
    """Commands (N, 4) to the joints' and fingers' servos of N arms, each with a model of its own."""

    def __init__(self, task: Task, models: list[mujoco.MjModel], data: list[mujoco.MjData], readout: FetchReadout,
                 config: FetchConfig, longest_delay: int = 0):
        """``longest_delay``: ticks."""
        self.models, self.data, self.readout, self.config = models, data, readout, config
        self.locked, arms = task.gripper_locked, len(data)
        self.controller = TwistController(arms)
        self.goals = robot_commands.GripperGoals(arms, config)
        self.finger = np.zeros(arms)                                  # [m] target of each finger
        self.twists = np.zeros((arms, -(-longest_delay // TICKS) + 1, 6))   # of the wrist, newest first
        self.delay, self.gain = np.zeros(arms, dtype=int), np.ones(arms)
        self.forces = np.zeros((arms, constants.SUBSTEPS, len(kinematics.JOINTS) + 2))

    def start(self, arm: int, joints: np.ndarray, finger: float, dynamics: Dynamics) -> None:
        """Begin an episode of ``arm`` at rest at ``joints`` (7,) [rad], each finger at ``finger`` [m]."""
        self.controller.start(arm, joints)
        self.goals.start(arm, 2 * finger)
        self.finger[arm], self.twists[arm] = finger, 0.0
        self.delay[arm], self.gain[arm] = dynamics.delay, dynamics.gain

    def apply(self, command: np.ndarray) -> None:
        """Set what the servos do in the next control step. ``command`` (N, 4), within -1 .. 1."""
        twist = robot_commands.twist(command, self.readout.rotation, self.config)
        twist[:, :3] *= self.gain[:, None]
        self.twists = np.concatenate([robot_commands.at_wrist(twist, self.readout.rotation)[:, None],
                                      self.twists[:, :-1]], axis=1)
        for tick in range(TICKS):
            age = np.maximum(0, -((tick - self.delay) // TICKS))
            self._tick(tick, self.twists[np.arange(len(age)), age])
        self._move_fingers(command[:, 3])

    def _tick(self, tick: int, twist: np.ndarray) -> None:
        position, velocity = self.controller.position, self.controller.velocity
        _, faster = self.controller.tick(twist)
        share = (np.arange(1, SUBTICKS + 1) / SUBTICKS)[:, None]
        change = (faster - velocity)[:, None]
        speeds = velocity[:, None] + change * share
        places = position[:, None] + PERIOD * share * (velocity[:, None] + change * share / 2)
        first = tick * SUBTICKS
        self.forces[:, first:first + SUBTICKS, :7] = places * STIFFNESS + speeds * FORWARD

    def _move_fingers(self, command: np.ndarray) -> None:
        measured = self.readout.fingers.mean(axis=1)
        if not self.locked:
            self.goals.update(command, 2 * measured)
        begin = np.clip(self.finger, measured - LEAD, measured + LEAD)
        most = kinematics.FINGER_VELOCITY * constants.TIMESTEP * np.arange(1, constants.SUBSTEPS + 1)
        targets = begin[:, None] + np.clip(self.goals.goal[:, None] / 2 - begin[:, None], -most, most)
        self.finger = targets[:, -1]
        self.forces[:, :, 7:] = (targets * fetch_scene.FINGER_STIFFNESS)[:, :, None]   # lags 2 mm, never too fast

    def advance(self, arm: int) -> None:
        """Step the physics of ``arm`` through one control step."""
        model, data, control = self.models[arm], self.data[arm], self.data[arm].ctrl
        for forces in self.forces[arm]:
            control[:] = forces
            mujoco.mj_step(model, data)
