"""What keeps strangers out: the ROS domain and the discovery range, seen from another machine (a network namespace)."""
import json
import os
import subprocess
import sys
from pathlib import Path

import domain_coordinator
import pytest
import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.executors import SingleThreadedExecutor

from hac_ros import topics
from hac_ros.cli.bench_network import Network, missing

NODE = Path(get_package_prefix('hac_ros')) / 'lib' / 'hac_ros' / 'normalizer'
PROFILES = Path(__file__).resolve().parents[2] / 'dds'
# Prints what there is to hear, once the topic named first is; says so when it has begun to listen.
STRANGER = '''
import json, sys, rclpy
rclpy.init()
node = rclpy.create_node('stranger')
print('listening', flush=True)
names = []
while sys.argv[1] not in names:
    rclpy.spin_once(node, timeout_sec=0.1)
    names = [name for name, _ in node.get_topic_names_and_types()]
print(json.dumps(names), flush=True)
'''


def test_another_domain_hears_nothing_of_a_run(listener, domain):
    topics.publisher(listener.node, topics.STATISTICS, 'guarded')
    with domain_coordinator.domain_id() as other:
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=other)
        nodes = [rclpy.create_node(name, context=context) for name in ('stranger', 'friend')]
        topics.publisher(nodes[1], topics.STATISTICS, 'friendly')
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(nodes[0])

        def heard():
            executor.spin_once(timeout_sec=0.05)
            return [name for name, _ in nodes[0].get_topic_names_and_types()]
        names = listener.until(lambda: '/friendly/statistics' in heard() and heard(), 'the topic of its own domain')
        assert other != domain and '/guarded/statistics' not in names
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.fixture
def machines():
    if reason := missing():
        pytest.skip(reason)
    with Network(2, delay=0.001, loss=0.0) as network:
        yield network


@pytest.fixture
def start(machines, tmp_path):
    """Start a command on a machine; all are ended when the test ends."""
    processes = []

    def begin(machine, command, **environment):
        processes.append(subprocess.Popen(
            [*machines.command(machine), *map(str, command)], stdout=subprocess.PIPE, cwd=tmp_path,
            env={**os.environ, 'FASTRTPS_DEFAULT_PROFILES_FILE': str(PROFILES / 'network.xml'), **environment}))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_from_another_machine_only_a_run_of_this_domain_and_of_range_subnet_is_heard(start):
    def node(run, **environment):
        start(0, [NODE, '--ros-args', '-r', f'__ns:=/{run}', '-p', f'run:={run}'], **environment)

    node('closed', ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    # As `hac` has it: here the profile keeps to the machine, whatever the range.
    node('loopback', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTRTPS_DEFAULT_PROFILES_FILE=str(PROFILES / 'loopback.xml'))
    with domain_coordinator.domain_id() as other:
        node('elsewhere', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', ROS_DOMAIN_ID=str(other))
        stranger = start(1, [sys.executable, '-c', STRANGER, '/open/statistics'], ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET')
        assert stranger.stdout.readline() == b'listening\n'
        node('open', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET')      # the last to come: whoever can be heard, is by then
        heard = json.loads(stranger.stdout.readline())
    assert '/open/statistics' in heard and '/diagnostics' in heard
    assert not [name for name in heard if name.startswith(('/closed', '/loopback', '/elsewhere'))]


ENCLAVE = ('identity_ca.cert.pem', 'cert.pem', 'key.pem', 'permissions_ca.cert.pem', 'governance.p7s', 'permissions.p7s')


def test_a_node_that_is_told_to_enforce_security_and_cannot_does_not_speak_in_the_clear(tmp_path):
    enclave = tmp_path / 'enclaves' / 'push'
    enclave.mkdir(parents=True)
    for name in ENCLAVE:
        (enclave / name).write_text('not a certificate')
    result = subprocess.run(
        [NODE, '--ros-args', '-p', f'folder:={tmp_path}', '--enclave', '/push'], capture_output=True, text=True, timeout=60,
        env={**os.environ, 'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_STRATEGY': 'Enforce',
             'ROS_SECURITY_KEYSTORE': str(tmp_path)})
    assert result.returncode != 0 and 'security' in result.stderr.lower(), result.stderr
