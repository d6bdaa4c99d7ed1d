"""What the launch log tells of processes, and what became of them."""
import os
import signal

import pytest

from hac_ros.launching import launch_log

LOG = '''1.000 [INFO] [planner-7]: process started with pid [{first}]
2.000 [ERROR] [planner-7]: process has died [pid {first}, exit code -9]
3.000 [INFO] [planner-7]: process started with pid [{second}]
3.500 [INFO] [mujoco_bridge-6]: process started with pid [{third}]
'''


@pytest.fixture
def log(tmp_path):
    def write(first, second, third):
        path = tmp_path / 'launch.log'
        path.write_text(LOG.format(first=first, second=second, third=third))
        return path
    return write


def end_unnoticed(process):
    """Kill a child and see its end without waiting for it, so that a zombie is left."""
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def test_every_start_is_told_in_order(log, tmp_path):
    assert launch_log.started(log(11, 12, 13)) == [('planner-7', 11), ('planner-7', 12), ('mujoco_bridge-6', 13)]
    assert launch_log.started(tmp_path / 'none.log') == []


def test_a_zombie_does_not_live_and_is_found_until_somebody_waits_for_it(log, child):
    path = log(os.getpid(), child.pid, os.getpid())
    assert launch_log.lives(child.pid) and launch_log.zombies(path) == []
    end_unnoticed(child)
    assert not launch_log.lives(child.pid) and launch_log.zombies(path) == [child.pid]
    child.wait()
    assert not launch_log.lives(child.pid) and launch_log.zombies(path) == []
