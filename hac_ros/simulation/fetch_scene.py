"""A task's scene for control mode ``fetch``: the arm on servos, where the MJCF hangs it on a mocap body.

The weld, the mocap body and the base's, torso's and head's joints are removed (the robot stands, its torso locked).
Links are where the URDF has them, joints have its damping and effort limits. Each arm joint gets a servo on position
and velocity and gravity is compensated, as Fetch's drivers do; the fingers are coupled, as by Fetch's lead screw.
"""
import copy
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np

from hac_ros import kinematics
from hac_ros.simulation import constants, models
from hac_ros.simulation.start import settle
from hac_ros.tasks import Task

TORSO = 0.00126             # [m] height at which FetchEnv's torso stands: makes its world agree with base_link
DAMPING = (1.0, 1.0, 5.0, 1.0, 5.0, 1.0, 5.0)       # [N m s/rad]; fetch.urdf
ARMATURE = 0.3              # [kg m^2] the gears' and motors' inertia at each joint: an estimate, the URDF has none
# [N m/rad]: with the arm's inertia poles at about 20 /s, so that it lags 1 to 3 mm when it starts. An estimate.
STIFFNESS = (1500.0, 2000.0, 600.0, 900.0, 300.0, 300.0, 150.0)
DAMPING_TIME = 0.08         # [s] servo's velocity gain over its position gain
FINGER_MASS = 0.0798        # [kg]; fetch.urdf
FINGER_ARMATURE = 5.0       # [kg] the lead screw's and motor's inertia at a finger: an estimate
FINGER_DAMPING = 100.0      # [N s/m]; fetch.urdf
FINGER_STIFFNESS = 20000.0  # [N/m]: the full force of 60 N at 3 mm
FINGER_DAMPING_TIME = 0.03  # [s]
OBJECT_FRICTION = (1.0, 0.05, 0.01)   # sliding, torsional, rolling: FetchEnv's, of object and fingers

STAND = ('robot0:slide0', 'robot0:slide1', 'robot0:slide2')
REMOVED = (*STAND, 'robot0:torso_lift_joint', 'robot0:head_pan_joint', 'robot0:head_tilt_joint')


def joint_name(name: str) -> str:
    """Return the MJCF's name of a joint of the URDF."""
    return f'robot0:{name}'


def edit(spec: mujoco.MjSpec, base: np.ndarray) -> None:
    """Change a scene's spec as told above; ``base`` (3,) [m]: where the robot stands."""
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST   # the servos' damping is stiff
    for equality in list(spec.equalities):
        spec.delete(equality)
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    spec.delete(spec.body(constants.MOCAP_BODY))
    for name in REMOVED:
        spec.delete(spec.joint(name))
    spec.body('robot0:base_link').pos = base
    _place_links(spec)
    _compensate_gravity(spec.body('robot0:shoulder_pan_link'))
    for name, stiffness, effort in zip(kinematics.JOINTS, STIFFNESS, kinematics.EFFORT):
        _servo(spec, joint_name(name), stiffness, stiffness * DAMPING_TIME, effort)
    for name in constants.FINGER_JOINTS:
        _servo(spec, name, FINGER_STIFFNESS, FINGER_STIFFNESS * FINGER_DAMPING_TIME, kinematics.FINGER_EFFORT)
    _couple_fingers(spec)
    if (geom := spec.geom(constants.OBJECT_SITE)) is not None:
        # By default the greater friction of two holds: the fingers' 1, whatever the object has.
        geom.priority, geom.condim, geom.friction = 1, 4, OBJECT_FRICTION


def tune(model: mujoco.MjModel) -> None:
    """Set what the joints resist with, and the fingers' mass. Call after compiling.

    Not in the spec: MuJoCo 3.9 and 3.11 want different types there.
    """
    joints = [model.joint(joint_name(name)).id for name in kinematics.JOINTS]
    dofs = model.jnt_dofadr[joints]
    model.dof_damping[dofs], model.dof_armature[dofs], model.jnt_stiffness[joints] = DAMPING, ARMATURE, 0.0
    for name in constants.FINGER_JOINTS:
        dof, body = model.joint(name).dofadr[0], model.joint(name).bodyid
        model.dof_damping[dof], model.dof_armature[dof] = FINGER_DAMPING, FINGER_ARMATURE
        model.body_mass[body], model.body_inertia[body] = FINGER_MASS, (1e-4, 1e-4, 1e-4)
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _place_links(spec) -> None:
    spec.body('robot0:torso_lift_link').pos = kinematics.TORSO_ORIGIN + (0.0, 0.0, TORSO)
    for name, origin in zip(kinematics.JOINTS, kinematics.ORIGINS):
        spec.body(joint_name(name.replace('_joint', '_link'))).pos = origin
    spec.body(constants.GRIPPER_BODY).pos = (kinematics.GRIPPER_LINK, 0.0, 0.0)


def _compensate_gravity(body) -> None:
    body.gravcomp = 1.0
    for child in body.bodies:
        _compensate_gravity(child)


def _couple_fingers(spec) -> None:
    coupling = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT)
    coupling.name1, coupling.name2 = constants.FINGER_JOINTS
    coupling.data[:5] = (0.0, 1.0, 0.0, 0.0, 0.0)


def _servo(spec, joint: str, stiffness: float, damping: float, effort: float) -> None:
    """Add an actuator of force ctrl - stiffness x position - damping x velocity, within ``effort``."""
    actuator = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    actuator.gainprm[0] = 1.0
    actuator.biasprm[:3] = (0.0, -stiffness, -damping)
    actuator.forcelimited, actuator.forcerange = True, (-effort, effort)


@dataclass(frozen=True)
class FetchStart:
    """A task's scene and the arm's start in it: shared by every simulation of the process, never changed."""

    scene: models.Scene
    model: mujoco.MjModel
    qpos: np.ndarray       # (nq,)
    joints: np.ndarray     # (7,) [rad]
    gripper: np.ndarray    # (3,) [m] of the grip in the world: centre of objects and goals
    offset: np.ndarray     # (3,) [m] of base_link in the world
    height: float          # [m] of the resting object of nominal size; the gripper's where there is none

    def copy_model(self) -> mujoco.MjModel:
        """Return a model of one's own."""
        return copy.copy(self.model)


@lru_cache(maxsize=None)
def prepare(task: Task) -> FetchStart:
    """Return the start of ``task``: FetchEnv's, moved into the task's workspace and pointing exactly down."""
    settled = settle(task)
    scene = settled.scene
    base = np.array([0.2869, 0.2641, 0.0]) + [scene.joints[name][0] for name in STAND]
    spec = mujoco.MjSpec.from_file(str(models.assets() / scene.model))
    if scene.edit is not None:
        scene.edit(spec)
    edit(spec, base)
    model = spec.compile()
    tune(model)
    offset = base + (0.0, 0.0, TORSO)
    gripper = task.workspace.clip(settled.gripper)
    found = kinematics.inverse(gripper - offset)
    if not found.success[0]:
        raise ValueError(f'task {task.name}: the arm does not reach its start {gripper}, '
                         f'{found.distance[0]:.3f} m are left')
    data = mujoco.MjData(model)
    for name, angle in zip(kinematics.JOINTS, found.joints[0]):
        data.joint(joint_name(name)).qpos[:] = angle
    if task.has_object:
        data.joint(constants.OBJECT_JOINT).qpos[:] = settled.qpos[settled.object_address():][:7]
    return FetchStart(scene, model, data.qpos.copy(), found.joints[0], gripper, offset, settled.height)
