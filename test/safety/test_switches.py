"""What run-stops and faults say, each for itself, and what it means that they are not heard."""
import pytest

from hac_ros.safety.status import Status
from hac_ros.safety.switches import BUTTON, FAULT, SOFTWARE, TOLD, Switches


@pytest.fixture
def told():
    """Switches of a robot that tells of itself, and did so at 10 s."""
    switches = Switches(0.5)
    for name in TOLD:
        switches.hear(10.0, name, False)
    return switches


@pytest.mark.parametrize('name, other', [(SOFTWARE, BUTTON), (BUTTON, SOFTWARE), (BUTTON, FAULT)])
def test_what_one_of_them_says_releases_no_other(name, other):
    switches = Switches()
    assert Status.RUNSTOP in switches.hear(0.0, name, True)
    switches.hear(0.0, other, False)
    assert switches.causes(1e9) == (Status.RUNSTOP,) and switches.runstopped and not switches.faulted
    switches.hear(0.0, name, False)
    assert switches.causes(1e9) == ()


def test_a_fault_is_no_run_stop():
    switches = Switches()
    switches.hear(0.0, FAULT, True)
    assert switches.causes(0.0) == (Status.FAULT,) and switches.faulted and not switches.runstopped


@pytest.mark.parametrize('silent', TOLD)
def test_each_must_be_heard_of_at_least_every_half_second(told, silent):
    spoken = next(name for name in TOLD if name != silent)
    told.hear(10.4, spoken, False)
    assert told.causes(10.5) == () and told.causes(10.51) == (Status.ROBOT_SILENT,)
    assert told.hear(10.6, silent, False) == (Status.ROBOT_SILENT,)      # the silence that ends
    assert told.causes(10.6) == ()


def test_a_software_run_stop_breaks_no_silence(told):
    told.hear(10.6, SOFTWARE, False)
    assert told.causes(10.6) == (Status.ROBOT_SILENT,)


def test_before_all_were_heard_of_the_arm_waits_for_them_but_nobody_need_clear_that():
    switches = Switches(0.5)
    assert switches.causes(0.0) == (Status.ROBOT_UNHEARD,)
    switches.hear(0.0, BUTTON, False)
    assert switches.causes(0.0) == (Status.ROBOT_UNHEARD,)
    switches.hear(0.0, FAULT, False)
    assert switches.causes(0.0) == ()
    assert not Status.ROBOT_UNHEARD.latches and Status.ROBOT_SILENT.latches and Status.ROBOT_SILENT.stops


def test_what_is_pressed_outlasts_that_its_time_is_forgotten(told):
    told.hear(10.0, BUTTON, True)
    told.forget_when()
    assert told.causes(99.0) == (Status.RUNSTOP, Status.ROBOT_UNHEARD)
