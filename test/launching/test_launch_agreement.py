"""The same cases under the real ``launch`` and ``launch_ros``, where installed: do they do what we say they do?"""
import json
import os
import subprocess
import sys

import pytest
from launch_cases import CASES, REFUSED
from process_records import environment, of_output, write_case

pytest.importorskip('launch_xml', reason='ROS 2 launch is not installed (it is not on PyPI)')
pytest.importorskip('launch_ros', reason='ROS 2 launch_ros is not installed (it is not on PyPI)')

# Reads [[name, path, given, environment], ...]; prints name -> [status, {process: output}]. One process for all of
# them, since importing ROS takes a second; launch numbers processes on and on.
SERVICE = '''
import json, os, sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessIO
from launch.launch_description_sources import AnyLaunchDescriptionSource

def run(path, given):
    output = {}
    def keep(event):
        output[event.process_name] = output.get(event.process_name, '') + event.text.decode()
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription([
        RegisterEventHandler(OnProcessIO(on_stdout=keep)),
        IncludeLaunchDescription(AnyLaunchDescriptionSource(path), launch_arguments=given.items())]))
    return service.run(), output

results = {}
for name, path, given, environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(environment)
    results[name] = run(path, given)
with open(sys.argv[1], 'w') as file:
    json.dump(results, file)
'''


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The folder in which each case has its own."""
    return tmp_path_factory.mktemp('cases')


@pytest.fixture(scope='module')
def results(folder):
    """Name of each case -> (status, {process: output}) under the real launch."""
    cases = {name: (case.main, case.files, case.given) for name, case in CASES.items()}
    cases.update({f'refused_{name}': (main, {}, {}) for name, main in REFUSED.items()})
    orders = []
    for name, (main, files, given) in cases.items():
        path = write_case(folder / name, main, files)
        orders.append((name, str(path), given, {**environment(folder / name), 'ROS_LOG_DIR': str(folder / 'log')}))
    done = subprocess.run([sys.executable, '-c', SERVICE, str(folder / 'results.json')], input=json.dumps(orders),
                          env={**os.environ, 'ROS_LOG_DIR': str(folder / 'log')}, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / 'results.json').read_text())


def records(output: dict, folder) -> list[dict]:
    """Return the records of a case's processes in order, numbered from 1."""
    labels = sorted(output, key=lambda label: int(label.rpartition('-')[2]))
    return [of_output(f'{label.rpartition("-")[0]}-{number}', output[label], folder)
            for number, label in enumerate(labels, 1)]


@pytest.mark.parametrize('name', CASES)
def test_launch_gives_processes_what_we_expect(name, results, folder):
    status, output = results[name]
    assert status == 0 and records(output, folder / name) == CASES[name].expected


@pytest.mark.parametrize('name', REFUSED)
def test_launch_refuses_what_we_refuse(name, results):
    status, output = results[f'refused_{name}']
    assert status != 0 and output == {}
