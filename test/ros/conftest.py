"""ROS tests run real nodes in processes of their own, in a ROS domain that no other test run uses."""
import os

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not in this environment')

import domain_coordinator  # noqa: E402
import rclpy  # noqa: E402
from node_process import Listener, NodeProcesses  # noqa: E402


@pytest.fixture(scope='session', autouse=True)
def domain():
    """A domain id of our own for the whole session."""
    with domain_coordinator.domain_id() as number:
        os.environ['ROS_DOMAIN_ID'] = str(number)
        rclpy.init()
        yield number
        rclpy.try_shutdown()


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
