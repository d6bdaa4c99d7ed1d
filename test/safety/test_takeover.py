"""A guard takes the arm when the heartbeat is late, and gives it back to a bridge that rests."""
import numpy as np
import pytest

from hac_ros import kinematics
from hac_ros.config import GuardConfig
from hac_ros.safety import takeover
from hac_ros.safety.takeover import HOLDING, IDLE, MOVING, RELEASED, RESTING, WATCHING, Takeover

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
