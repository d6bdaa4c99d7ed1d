"""The lock of the embedded environment."""

import os
import re
from pathlib import Path

import pytest

from hac_ros import environment

REPO = Path(__file__).resolve().parents[2]
REQUIREMENTS = REPO / 'requirements'
PYTHONS = [(3, minor) for minor in range(environment.OLDEST[1], environment.NEWEST[1] + 1)]


def named_in(path):
    """Canonical names of the distributions in a requirements file."""
    lines = (line.split('#')[0].strip() for line in path.read_text().splitlines())
    return {environment.canonical(re.match(r'[A-Za-z0-9._-]+', line).group()) for line in lines if line}


@pytest.mark.parametrize('python', PYTHONS)
@pytest.mark.parametrize('file', ['ros.txt', 'python.txt'])
def test_lock_pins_all_that_is_required_for_every_python(file, python):
    pins = environment.locked_versions(REQUIREMENTS / 'lock.txt', python)
    assert named_in(REQUIREMENTS / file) <= set(pins)


@pytest.mark.parametrize('python', PYTHONS)
def test_lock_has_one_pin_for_each_name(python):
    lines = [line for line in (REQUIREMENTS / 'lock.txt').read_text().splitlines() if line and line[0] != '#']
    admitted = [line for line in lines if environment.admits(line.partition(';')[2], python)]
    assert len(admitted) == len(environment.locked_versions(REQUIREMENTS / 'lock.txt', python))


def test_lock_leaves_no_version_open_but_that_of_torch():
    pins = environment.locked_versions(REQUIREMENTS / 'lock.txt')
    assert [name for name, version in pins.items() if not version] == ['torch']


def test_lock_never_takes_a_ros_package_for_its_namesake_on_pypi():
    pins = environment.locked_versions(REQUIREMENTS / 'lock.txt')
    ros = {name[len('ros-'):] for name in pins if name.startswith('ros-')}
    assert 'rclpy' in ros
    assert not ros & set(pins)


def test_requirements_name_no_index_and_no_path():
    for path in sorted(REQUIREMENTS.glob('*.txt')):
        assert not re.search(r'://|--(extra-)?index|--find-links| @ ', path.read_text()), path.name


def test_lock_markers_divide_the_pythons():
    assert environment.admits(' python_version < "3.11"', (3, 10))
    assert not environment.admits(' python_version < "3.11"', (3, 11))
    assert environment.admits(' python_version >= "3.11"', (3, 11))
    with pytest.raises(ValueError, match='sys_platform'):
        environment.admits(' sys_platform == "linux"', (3, 11))


@pytest.mark.skipif(os.environ.get('HAC_WORLD') != 'embedded', reason='needs the embedded environment')
def test_environment_holds_what_the_lock_pins():
    present = environment.installed_versions(environment.site_packages(os.environ['VIRTUAL_ENV']))
    pins = environment.locked_versions(REQUIREMENTS / 'lock.txt')
    assert {name: present.get(name) for name, pin in pins.items() if pin} == {n: p for n, p in pins.items() if p}
