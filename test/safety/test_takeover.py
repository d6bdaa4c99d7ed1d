"""A guard takes the arm when the heartbeat is late, and gives it back to a bridge that rests."""
import numpy as np
import pytest

from hac_ros import kinematics
from hac_ros.config import GuardConfig
from hac_ros.safety import takeover
from hac_ros.safety.takeover import HOLDING, IDLE, MOVING, RELEASED, RESTING, WATCHING, Takeover
from hac_ros.simulation import twist_controller

CONFIG = GuardConfig()


@pytest.fixture
def mind():
    """One that has heard a bridge that moves the arm, at 10 s."""
    mind = Takeover(CONFIG)
    mind.hear(10.0, MOVING)
    return mind


def test_before_a_bridge_moves_the_arm_nothing_is_taken_over():
    mind = Takeover(CONFIG)
    assert not mind.update(1e6) and mind.state == IDLE


def test_a_heartbeat_that_is_late_by_more_than_a_tenth_of_a_second_is_a_take_over_once(mind):
    assert mind.state == WATCHING and not mind.update(10.1) and mind.update(10.101)
    assert mind.state == HOLDING and not mind.update(10.2)


def test_from_the_last_heartbeat_to_the_take_over_it_is_a_tenth_of_a_second_and_a_period_at_most(mind):
    looks = 10.0 + CONFIG.period * np.arange(0.5, 20)
    taken = next(now for now in looks if mind.update(now))
    assert taken - 10.0 <= CONFIG.heartbeat_timeout + CONFIG.period


def test_a_bridge_that_comes_back_moving_is_not_let_in_one_that_rests_is(mind):
    mind.update(11.0)
    assert mind.hear(11.1, MOVING) is None and mind.state == HOLDING
    assert mind.hear(11.2, RESTING) == WATCHING
    assert not mind.update(11.25) and mind.update(11.31)          # and is watched again


def test_a_bridge_that_lets_go_on_purpose_is_not_missed(mind):
    assert mind.hear(10.05, RELEASED) == IDLE and not mind.update(99.0)
    assert mind.hear(100.0, RESTING) == WATCHING


def beat(mind, word, begin, seconds, stopped):
    """Hear a heartbeat that is in time and look at it, ``seconds`` long; return when [s] the guard takes over, with its reason."""
    for now in begin + CONFIG.period * np.arange(1, round(seconds / CONFIG.period) + 1):
        mind.hear(now, word)
        if reason := mind.update(now, stopped):
            return now - begin, reason
    return None


def test_a_bridge_that_moves_the_arm_in_spite_of_a_run_stop_is_replaced_one_that_stops_is_not(mind):
    assert beat(mind, MOVING, 10.0, 2.0, stopped=False) is None
    assert beat(mind, MOVING, 12.0, 0.4, stopped=True) is None           # its ramp
    assert beat(mind, RESTING, 12.4, 2.0, stopped=True) is None
    assert beat(mind, MOVING, 14.4, 0.4, stopped=True) is None           # however long the run-stop stands before
    after, reason = beat(mind, MOVING, 14.8, 2.0, stopped=True)
    assert CONFIG.obeyed_within <= 0.4 + after <= CONFIG.obeyed_within + 2.5 * CONFIG.period and 'still moves the arm' in reason
    assert mind.state == HOLDING and mind.hear(15.0, MOVING) is None and mind.hear(15.1, RESTING) == WATCHING


def test_a_word_that_is_none_counts_as_no_heartbeat(mind):
    with pytest.raises(ValueError, match="heartbeat: 'alive' came, moving, resting or released is wanted"):
        mind.hear(10.09, 'alive')
    assert mind.update(10.11)


@pytest.mark.parametrize('speed', [0.0, 0.1, 0.5])
def test_the_arm_is_stopped_along_its_motion_with_the_deceleration_asked_for(speed):
    velocities = speed * np.linspace(-1, 1, 7)
    times, places = takeover.stop(kinematics.START, velocities, CONFIG)
    assert times[0] <= 0.25 and times[1] - times[0] == CONFIG.hold
    assert (places[0] == places[1]).all()
    np.testing.assert_allclose(places[0] - kinematics.START, velocities * times[0] / 2)
    assert speed / times[0] <= CONFIG.braking + 1e-9


FASTEST = takeover.SPEED**2 / (2 * CONFIG.braking)      # [rad] that a joint at the twist controller's limit needs to stop


@pytest.mark.parametrize('joint', range(7))
@pytest.mark.parametrize('glitch', [1.2, -1.2, 3.0, 1e9])
def test_whatever_a_joint_is_told_to_turn_at_the_arm_is_sent_no_farther_than_a_twist_could_take_it(joint, glitch):
    velocities = np.full(7, 0.1)
    velocities[joint] = glitch
    times, places = takeover.stop(kinematics.START, velocities, CONFIG)
    assert np.abs(places - kinematics.START).max() <= FASTEST + 1e-12 and FASTEST == pytest.approx(0.0625)
    assert times[0] <= takeover.SPEED / CONFIG.braking
    others = np.delete(places[0] - kinematics.START, joint)
    np.testing.assert_allclose(others, 0.1 * times[0] / 2)      # these stop along their own motion


@pytest.mark.parametrize('side', (-1, 1))
@pytest.mark.parametrize('beyond', (-0.01, 0.0, 0.02))
def test_no_joint_is_sent_beyond_its_limit_and_one_that_is_there_stays(side, beyond):
    limits = kinematics.UPPER if side > 0 else kinematics.LOWER
    limited = np.isfinite(limits)
    joints = np.where(limited, limits + side * beyond, kinematics.START)
    _, places = takeover.stop(joints, np.full(7, 0.5 * side), CONFIG)
    np.testing.assert_allclose(places[0][limited], (limits + side * max(beyond, 0.0))[limited])
    _, back = takeover.stop(joints, np.full(7, -0.5 * side), CONFIG)       # on its way back it is stopped as ever
    np.testing.assert_allclose(back[0] - joints, -side * FASTEST)


def test_the_twist_controllers_limit_is_the_emulated_ones():
    assert takeover.SPEED == twist_controller.SPEED


@pytest.mark.parametrize('joint', range(7))
def test_a_sample_in_which_a_joint_is_faster_than_it_can_turn_or_is_not_finite_is_not_believed(joint):
    one, most = np.eye(7)[joint], kinematics.VELOCITY[joint]
    assert takeover.believable(kinematics.START, most * one) and takeover.believable(kinematics.START, -most * one)
    assert takeover.believable(kinematics.START, takeover.SPEED * np.ones(7) + 10 * 0.005)    # ten sigma of noise
    for speed in (1.01 * most, -1.01 * most, np.nan, np.inf):
        assert not takeover.believable(kinematics.START, np.where(one, speed, 0.0))
    for place in (np.nan, -np.inf):
        assert not takeover.believable(np.where(one, place, kinematics.START), np.zeros(7))
