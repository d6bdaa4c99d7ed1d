"""ROS tests run real nodes in processes of their own, in a ROS domain that no other test run uses."""
import os
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not in this environment')

import domain_coordinator  # noqa: E402
import rclpy  # noqa: E402
from node_process import Listener, NodeProcesses  # noqa: E402


LOG_LINES = 20      # of each process


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Show what the processes of a test that failed have said last: on another machine nothing else is left of them."""
    outcome = yield
    report, folder = outcome.get_result(), item.funcargs.get('tmp_path')
    if report.failed and folder is not None:
        logs = sorted(path for kind in ('*.log', '*.out') for path in folder.rglob(kind) if path.is_file())
        report.sections += [(str(path.relative_to(folder)), last_lines(path)) for path in logs]


def last_lines(path) -> str:
    """Return the last lines of a log, without those that are empty."""
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    return '\n'.join([line for line in lines if line.strip()][-LOG_LINES:])


@pytest.fixture(scope='session', autouse=True)
def domain():
    """A domain id of our own for the whole session."""
    with domain_coordinator.domain_id() as number:
        os.environ['ROS_DOMAIN_ID'] = str(number)
        rclpy.init()
        yield number
        rclpy.try_shutdown()


@pytest.fixture
def through_memory(monkeypatch):
    """Have processes that are started from now on use shared memory too, as under ``ros2 launch``; `hac` does without."""
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', str(Path(__file__).resolve().parents[2] / 'dds' / 'fastdds.xml'))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


@pytest.fixture
def processes(tmp_path):
    """Start nodes as processes; all are ended and waited for when the test ends."""
    with NodeProcesses(tmp_path) as running:
        yield running


@pytest.fixture
def listener():
    """A node of the test's own, spun until evidence has come."""
    with Listener() as node:
        yield node
