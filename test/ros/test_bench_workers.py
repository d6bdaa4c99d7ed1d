"""`hac bench workers`: the network that it makes and the model that it fits. The measurement is a command of its own."""
import re
import shutil
import subprocess
import sys

import pytest

from hac_ros.cli import Refused
from hac_ros.cli.bench_network import Network, missing
from hac_ros.cli.bench_workers import measure, model

ECHO = '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.77.0.2', 5000))
print('bound', flush=True)
while True: s.sendto(*s.recvfrom(2000))
'''
# Sends datagrams one by one until 100 came back; prints how many it took and the shortest time [s].
ASK = '''
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
times, sent = [], 0
while len(times) < 100:
    sent, began = sent + 1, time.monotonic()
    s.sendto(str(sent).encode(), ('10.77.0.2', 5000))
    try:
        while s.recv(2000) != str(sent).encode(): pass
        times.append(time.monotonic() - began)
    except TimeoutError:
        pass
print(sent, min(times))
'''


@pytest.mark.skipif(bool(missing()), reason=missing() or 'none')
def test_frames_take_their_time_from_machine_to_machine_and_some_are_lost():
    with Network(2, delay=0.01, loss=0.03, seed=4) as network:
        echo = subprocess.Popen([*network.command(1), sys.executable, '-c', ECHO], stdout=subprocess.PIPE)
        assert echo.stdout.readline() == b'bound\n'
        sent, shortest = subprocess.check_output([*network.command(0), sys.executable, '-c', ASK]).split()
        echo.kill()
        echo.communicate()
    assert float(shortest) >= 0.02, 'there and back'
    assert 100 < int(sent) < 125
    assert network.sent[0] > network.received[1] > 0
    assert network.names[0] not in subprocess.check_output(['ip', 'netns', 'list'], text=True)


# Root as in many containers. Exec gives root all that is in its bounding set, so it must go from there.
UNPRIVILEGED = ['setpriv', '--bounding-set', '-sys_admin,-net_admin', '--inh-caps', '-sys_admin,-net_admin']
ASK_MISSING = 'from hac_ros.cli.bench_network import missing; print(missing())'


@pytest.mark.skipif(bool(missing()) or shutil.which('setpriv') is None, reason=missing() or 'setpriv is not installed')
def test_root_that_may_not_make_namespaces_is_told_so_before_anything_is_measured():
    said = subprocess.check_output([*UNPRIVILEGED, sys.executable, '-c', ASK_MISSING], text=True)
    name = re.match(r'no network namespace can be made: ip netns add (\w+): .*not permitted', said)[1]
    assert name not in subprocess.check_output(['ip', 'netns', 'list'], text=True), 'it is tried without a trace'


def case(workers, learner):
    return {'workers': workers, 'cpu_ms_per_round': {
        'planner_learner': learner, 'controller_learner': 2 * learner, 'normalizer': 1.0, 'worker': 500.0}}


def test_the_model_tells_from_how_many_workers_on_the_busiest_learner_has_no_rest():
    fitted = model([case(1, 30.0), case(2, 50.0), case(4, 90.0)])
    assert fitted['consumers']['controller_learner'] == {'fixed_ms': 20.0, 'per_worker_ms': 40.0}
    assert fitted['saturates_at'] == (500.0 - 20.0) / 40.0
    assert model([case(1, 30.0)]) == {}


@pytest.mark.parametrize('given', [{'workers': '5'}, {'loss': '60'}, {'workers': 'many'}])
def test_what_cannot_be_measured_is_refused(given):
    with pytest.raises((Refused, ValueError)):
        measure(given)
