"""Messages to a robot's bridge that no friend would send: each kind is a function of one random generator."""
import dataclasses

import numpy as np

from hac_ros import kinematics, messages, records, robot_messages
from hac_ros.tasks import Task

from geometry_msgs.msg import PoseStamped
from hac_ros.msg import ArmCommand, Subgoal
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Header

WORST = (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 0.0)
NAMES = (*kinematics.JOINTS, kinematics.TORSO_JOINT, *kinematics.FINGER_JOINTS)


class Adversary:
    """Makes what one period brings: honest by default, and what its kind says otherwise."""

    def __init__(self, task: Task):
        self.task, self.joints = task, kinematics.START.copy()
        self.kinds = [name.removeprefix('do_') for name in sorted(dir(self)) if name.startswith('do_')]

    def begin(self, rng: np.random.Generator, time: float) -> None:
        """Begin a period: everything is honest, the policy moves at random."""
        self.rng, self.time, self.shift = rng, time, 0
        self.positions = np.concatenate([self.joints, [0.0, 0.02, 0.02]])
        self.names, self.velocities, self.stamp = list(NAMES), np.zeros(len(NAMES)), time
        self.pose = robot_messages.from_pose((0.65, 0.0, 0.43), (1, 0, 0, 0), messages.to_time(time))
        low, high = np.array(self.task.workspace.low), np.array(self.task.workspace.high)
        self.subgoal = np.append(rng.uniform(low + 0.01, high - 0.01), 0.05)
        self.command, self.size, self.arms = rng.uniform(-1, 1, 4), 4, 1
        self.switches: list = []

    # Commands

    def do_command_not_finite(self):
        """A value of the command is not a number."""
        self.command[self.rng.integers(4)] = self.rng.choice(WORST[:3])

    def do_command_huge(self):
        """The command is far out of range."""
        self.command = self.rng.normal(size=4) * 10.0 ** self.rng.integers(0, 300)

    def do_command_flips(self):
        """Full speed one way and the other."""
        self.command = self.rng.choice([-1.0, 1.0], 4)

    def do_command_of_another_size(self):
        """More or fewer values than four."""
        self.size = int(self.rng.choice([0, 1, 3, 5, 400]))

    def do_command_for_other_arms(self):
        """A command for several arms."""
        self.arms = int(self.rng.choice([0, 2, 16]))

    def do_command_of_another_step(self):
        """A command that answers no state that there is."""
        self.shift = int(self.rng.choice([-3, -2, -1, 1, 2, 3]))

    def do_no_command(self):
        """The policy keeps silent."""
        self.command = None

    # Subgoals

    def do_subgoal_out_of_reach(self):
        """A subgoal somewhere, mostly where the arm cannot go."""
        self.subgoal = np.append(self.rng.normal(size=3) * self.rng.choice([0.5, 2.0, 1e3]), self.rng.uniform(-1, 1))

    def do_subgoal_in_the_table(self):
        """A subgoal under the table top."""
        self.subgoal[2] -= self.rng.uniform(0.1, 0.5)

    def do_subgoal_not_finite(self):
        """A subgoal that is none."""
        self.subgoal[self.rng.integers(4)] = self.rng.choice(WORST[:5])

    def do_no_subgoal(self):
        """A command without its subgoal."""
        self.subgoal = None

    # Joint states and poses

    def do_joints_jump(self):
        """The measured arm is elsewhere at once."""
        self.joints = np.clip(kinematics.START + self.rng.normal(size=7) * self.rng.choice([0.05, 0.5, 3.0]), -6.0, 6.0)
        self.positions[:7] = self.joints

    def do_joints_return(self):
        """The measured arm is back where it was at first."""
        self.joints = kinematics.START.copy()
        self.positions[:7] = self.joints

    def do_joints_not_finite(self):
        """A joint that is none."""
        self.positions[self.rng.integers(len(NAMES))] = self.rng.choice(WORST[:5])

    def do_joints_of_another_size(self):
        """More or fewer positions than names."""
        self.positions = self.positions[:int(self.rng.integers(0, len(NAMES)))]

    def do_joints_missing(self):
        """Only some joints, or foreign ones."""
        kept = int(self.rng.integers(0, len(NAMES)))
        self.names, self.positions, self.velocities = self.names[:kept], self.positions[:kept], self.velocities[:kept]
        self.names += ['wheel'] * bool(self.rng.integers(2) and kept < len(NAMES))
        self.positions = np.append(self.positions, [1.0] * (len(self.names) - kept))
        self.velocities = np.append(self.velocities, [1.0] * (len(self.names) - kept))

    def do_joints_fast(self):
        """Measured velocities that no arm has."""
        self.velocities = self.rng.normal(size=len(NAMES)) * 10.0 ** self.rng.integers(0, 200)

    def do_joints_old(self):
        """Joint states with a stamp of long ago, or of the future."""
        self.stamp = max(0.0, self.time + float(self.rng.choice([-100.0, -0.11, 0.2, 1e6])))

    def do_pose_of_another_frame(self):
        """A pose in a frame that nobody has declared."""
        self.pose.header.frame_id = str(self.rng.choice(['', 'camera', 'map', 'base_link ']))

    def do_pose_not_finite(self):
        """A pose that is none."""
        self.pose.pose.position.y, self.pose.pose.orientation.w = float(self.rng.choice(WORST)), float(self.rng.choice(WORST))

    def do_pose_far_away(self):
        """The object is elsewhere at once."""
        self.pose.pose.position.x = float(self.rng.normal() * 10.0 ** self.rng.integers(-1, 100))

    def do_runstop_flickers(self):
        """Software run-stop, fault and button change."""
        self.switches = [Bool(data=bool(value)) for value in self.rng.integers(0, 2, 3)]

    # What is sent

    def joint_state(self) -> JointState:
        """Return the joint state of the period."""
        message = JointState(header=Header(stamp=messages.to_time(self.stamp)), name=self.names)
        message.position = self.positions.tolist()
        message.velocity = self.velocities.tolist()
        return message

    def object_pose(self) -> PoseStamped:
        """Return the object's pose."""
        return self.pose

    def answers(self, asked: records.StepId) -> list[Subgoal | ArmCommand]:
        """Return the planner's and the controller's messages for the state ``asked``, as far as they are sent."""
        found = []
        if self.subgoal is not None:
            found.append(messages.from_subgoals(records.Subgoals(
                asked, self.subgoal[None], np.array([[0.02, 0.005]]), np.ones(1), np.zeros(1, np.uint32),
                np.full(1, 5, np.uint16), np.zeros(1, bool)), Header()))
        if self.command is not None:
            other = dataclasses.replace(asked, step=max(0, asked.step + self.shift))
            message = messages.from_commands(records.Commands(other, self.command[None]), Header())
            message.arms = self.arms
            if self.size != 4:
                message.value = np.resize(self.command, self.size).tolist()
            found.append(message)
        return found
