"""Behind the guard a robot with Fetch's own limits stays where it may be, whatever a policy asks for."""
import numpy as np
import pytest

from hac_ros import kinematics, robot_commands
from hac_ros.config import SafetyConfig
from hac_ros.safety.geometry import lowest_point
from hac_ros.safety.guarded import Guarded
from hac_ros.safety.robot import Command, RobotState
from hac_ros.simulation.twist_controller import TwistController

CONFIG = SafetyConfig()
TICKS = 4      # of the twist controller in a period of the guard


def drive(wanted, delay=1):
    """Play twists (T, 6) of the grip through the guard on a robot that follows ``delay`` periods late."""
    guarded, robot = Guarded(CONFIG), TwistController(1)
    robot.start(0, kinematics.START)
    waiting, way = [np.zeros(6)] * delay, []
    for number, twist in enumerate(wanted):
        now, joints = number * CONFIG.safety_period, robot.position[0].copy()
        state = RobotState(joints, np.zeros(2), now)
        output, _ = guarded.filter(now, state, Command(twist, None, now))
        waiting.append(output.twist)
        rotation = kinematics.forward(joints)[1]
        at_wrist = robot_commands.at_wrist(waiting.pop(0)[None], rotation)
        for _ in range(TICKS):
            robot.tick(at_wrist)
            way.append(robot.position[0].copy())
    return np.array(way), guarded


def assert_safe(way):
    position, rotation = kinematics.forward(way)
    low, high = np.array(CONFIG.workspace_low), np.array(CONFIG.workspace_high)
    assert (position > low - CONFIG.workspace_tolerance).all() and (position < high + CONFIG.workspace_tolerance).all()
    assert min(lowest_point(p, r) for p, r in zip(position, rotation)) > CONFIG.table_height
    assert kinematics.within_limits(way, 0.03).all()
    assert kinematics.condition_number(way).max() < CONFIG.stop_condition + 2


@pytest.mark.parametrize('axis', range(3))
@pytest.mark.parametrize('sign', (-1, 1))
def test_full_speed_along_an_axis_ends_before_what_it_must_not_reach(axis, sign):
    way, guarded = drive(np.tile(sign * 0.18 * np.eye(6)[axis], (300, 1)))
    assert_safe(way)
    assert np.abs(np.diff(way[-40:], axis=0)).max() < 1e-3 * 0.01 and guarded.interventions.total > 0


@pytest.mark.parametrize('seed', range(8))
def test_a_policy_gone_wild_does_no_harm(seed):
    """Random directions, each held for up to a second, with turns of the wrist about the approach."""
    rng = np.random.default_rng(seed)
    held = np.repeat(rng.uniform(-0.3, 0.3, (40, 6)) * (1, 1, 1, 0, 0, 1), rng.integers(1, 25, 40), axis=0)
    assert_safe(drive(held)[0])


@pytest.mark.parametrize('seed', range(4))
def test_joints_turn_no_faster_than_they_can_be_stopped_from_in_time(seed):
    """A joint that follows lags behind what was allowed: a tenth more is let pass."""
    rng = np.random.default_rng(seed)
    held = np.repeat(rng.uniform(-0.18, 0.18, (40, 6)) * (1, 1, 1, 0, 0, 0), rng.integers(5, 25, 40), axis=0)
    way, guarded = drive(held)
    speed = np.abs(np.diff(way, axis=0)).max() / (CONFIG.safety_period / TICKS)
    assert 0.2 < speed < 1.1 * CONFIG.joint_speed
    assert guarded.interventions.by_name()['joint_speed'] > 0
