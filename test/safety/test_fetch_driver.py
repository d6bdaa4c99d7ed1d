"""A share of the speed is a share of all of it, moving and turning; but stopping is as quick as ever."""
import dataclasses

import numpy as np
import pytest

from hac_ros import kinematics
from hac_ros.config import FetchConfig, SafetyConfig
from hac_ros.fetch_driver import Driver
from hac_ros.safety.robot import RobotState
from hac_ros.safety.status import Status

SAFETY = SafetyConfig()
PERIOD, SETTLED, SHARE = SAFETY.safety_period, 30, 0.2
TILTED = kinematics.START + 0.3 * np.eye(7)[5]       # the gripper does not point down: it is turned back
SIDEWARD, FORWARD = np.array([0.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])


def drive(share, command, joints, safety=SAFETY):
    """Give the same command to an arm that stays where it is; return the driver and what it sent."""
    driver, sent = Driver(FetchConfig(), safety, needs_object=False, locked=True, share=share), []
    for number in range(SETTLED):
        now = number * PERIOD
        sent.append(driver.drive(now, RobotState(joints, np.zeros(2), now), command, now))
    return driver, sent


def joint_speeds(sent, joints):
    """Return the joints' speeds (7,) [rad/s] that the twist asks for."""
    return np.abs(kinematics.solve(kinematics.jacobian(joints), sent.allowed[None], 0.02)[0])


@pytest.mark.parametrize('share', [0.05, SHARE, 0.5])
@pytest.mark.parametrize('command', [np.zeros(4), SIDEWARD])
def test_a_share_of_the_speed_is_one_of_the_turning_too(share, command):
    (_, whole), (_, part) = drive(1.0, command, TILTED), drive(share, command, TILTED)
    assert np.linalg.norm(whole[-1].twist[3:]) > 0.1
    np.testing.assert_allclose(part[-1].allowed, share * whole[-1].allowed, atol=1e-9)
    np.testing.assert_allclose(part[-1].twist, share * whole[-1].twist, atol=1e-9)


def test_a_share_of_the_speed_is_one_of_the_joints_speed_where_that_is_the_limit():
    wide = dataclasses.replace(SAFETY, workspace_high=(2.0, 2.0, 2.0))
    (_, whole), (_, part) = (drive(share, FORWARD, kinematics.START, wide) for share in (1.0, SHARE))
    assert Status.JOINT_SPEED in whole[-1].verdict.statuses and Status.JOINT_SPEED in part[-1].verdict.statuses
    assert joint_speeds(whole[-1], kinematics.START).max() == pytest.approx(SAFETY.joint_speed)
    assert joint_speeds(part[-1], kinematics.START).max() == pytest.approx(SHARE * SAFETY.joint_speed)


@pytest.mark.parametrize('command', [np.zeros(4), SIDEWARD])
def test_from_a_share_of_the_speed_the_arm_stops_no_later_than_from_all_of_it(command):
    needed = {}
    for share in (SHARE, 1.0):
        driver, sent = drive(share, command, TILTED)
        assert not sent[-1].still
        periods = 0
        while driver.moving:
            now = (SETTLED + periods) * PERIOD
            driver.rest(now, RobotState(TILTED, np.zeros(2), now), (Status.RUNSTOP,))
            periods += 1
        needed[share] = periods
        assert periods * PERIOD <= driver.guarded.stopping_time
    assert needed[SHARE] <= needed[1.0]
