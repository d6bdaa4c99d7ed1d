"""Whether a subgoal may be given to the controller at all."""
from dataclasses import dataclass

import numpy as np

from hac_ros import kinematics, spaces
from hac_ros.config import SafetyConfig
from hac_ros.safety import geometry


@dataclass(frozen=True)
class Admission:
    """Whether a subgoal was accepted; if not, why, in words."""

    accepted: bool
    reason: str = ''


def admit(subgoal, config: SafetyConfig, torso: float = 0.0, seed: np.ndarray = kinematics.START) -> Admission:
    """Judge one subgoal (4,): position [m] of the grip in base_link, and opening [m].

    Refused are other sizes, values that are not finite, openings that the gripper does not have, positions outside
    of the workspace, those at which the gripper pointing down is in the table, and those that the arm cannot reach
    from about ``seed`` (7,) with all margins of ``config``.
    """
    try:
        subgoal = np.asarray(subgoal, dtype=np.float64)
    except (TypeError, ValueError):
        return Admission(False, f'{subgoal!r} came, four numbers are wanted')
    if subgoal.shape != (spaces.SUBGOAL.size,):
        return Admission(False, f'shape {subgoal.shape} came, ({spaces.SUBGOAL.size},) is wanted')
    if not np.isfinite(subgoal).all():
        return Admission(False, f'{subgoal} came, finite values are wanted')
    if not 0.0 <= subgoal[3] <= spaces.OPENING_MAX:
        return Admission(False, f'opening {subgoal[3]:.3f} m came, 0 to {spaces.OPENING_MAX} m is wanted')
    return _admit_position(subgoal[:3], config, torso, seed)


def _admit_position(position, config, torso, seed) -> Admission:
    if (beyond := geometry.outside(position, config)) > 0:
        return Admission(False, f'{np.round(position, 3)} is {beyond:.3f} m outside of the workspace')
    floor = config.table_height + config.table_clearance
    if (lowest := geometry.lowest_point(position, kinematics.DOWN)) < floor:
        return Admission(False, f'{np.round(position, 3)} puts the gripper at {lowest:.3f} m, '
                                f'at least {floor:.3f} m over the table is wanted')
    return _admit_reach(position, config, torso, seed)


def _admit_reach(position, config, torso, seed) -> Admission:
    found = kinematics.inverse(position, torso, seed, tolerance=1e-3, iterations=40)
    if not found.success[0]:
        return Admission(False, f'{np.round(position, 3)} is out of reach by {found.distance[0]:.3f} m')
    if not kinematics.within_limits(found.joints, config.joint_margin)[0]:
        return Admission(False, f'{np.round(position, 3)} brings a joint within {config.joint_margin} rad of its limit')
    if (condition := kinematics.condition_number(found.joints)[0]) >= config.stop_condition:
        return Admission(False, f'{np.round(position, 3)} has condition number {condition:.0f}, '
                                f'less than {config.stop_condition} is wanted')
    return Admission(True)
