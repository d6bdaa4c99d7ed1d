"""FetchEnv's way to move the arm: a weightless mocap body that the gripper is welded to.

A control mode has two methods: ``apply`` takes the commands of all arms, ``advance`` steps the physics of one
arm for a control step and may run in several threads, for different arms. ``fetch_control.py`` is the other mode.
"""
import mujoco
import numpy as np

from hac_ros.simulation import constants
from hac_ros.tasks import Task


class MocapControl:
    """Commands (N, 4) to the mocap bodies and fingers of N arms.

    Source: FetchEnv._set_action and _step_callback, mujoco_utils' ctrl_set_action and mocap_set_action.
    Departure: where the fingers are locked, FetchEnv calls mj_forward after zeroing them; only the two stages of
    it that observations and the next step read are run here (forces and contacts in ``data`` are one substep old).
    """

    def __init__(self, task: Task, model: mujoco.MjModel, data: list[mujoco.MjData]):
        self.model, self.data, self.locked = model, data, task.gripper_locked
        gripper, mocap = model.body(constants.GRIPPER_BODY).id, model.body(constants.MOCAP_BODY).mocapid[0]
        # Views of MuJoCo's memory, made once: looking an attribute up costs more than adding to it.
        self.pose = [(d.xpos[gripper], d.mocap_pos[mocap], d.xquat[gripper], d.mocap_quat[mocap]) for d in data]
        fingers = [int(model.joint(name).qposadr[0]) for name in constants.FINGER_JOINTS]
        self.fingers = [[d.qpos[a:a + 1] for a in fingers] for d in data]
        self.actuated = self._actuated_joints()
        self.rotation = np.array(constants.ROTATION)

    def _actuated_joints(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ctrl, position of the actuated joint) for each actuator of each arm; none where locked."""
        if self.locked:
            return [()] * len(self.data)
        addresses = self.model.jnt_qposadr[self.model.actuator_trnid[:, 0]]
        return [[(d.ctrl[k:k + 1], d.qpos[a:a + 1]) for k, a in enumerate(addresses)] for d in self.data]

    def apply(self, command: np.ndarray) -> None:
        """Set the targets of the next control step. ``command`` (N, 4), within -1 .. 1."""
        displacement = command[:, :3] * constants.STEP_LENGTH
        for (position, mocap, orientation, mocap_orientation), move in zip(self.pose, displacement):
            np.add(position, move, out=mocap)
            np.add(orientation, self.rotation, out=mocap_orientation)
        for pairs, opening in zip(self.actuated, command[:, 3]):
            for target, finger in pairs:
                target[0] = finger[0] + opening

    def advance(self, arm: int) -> None:
        """Step the physics of ``arm`` through one control step."""
        data = self.data[arm]
        mujoco.mj_step(self.model, data, nstep=constants.SUBSTEPS)
        if self.locked:
            for finger in self.fingers[arm]:
                finger[0] = 0.0
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)
