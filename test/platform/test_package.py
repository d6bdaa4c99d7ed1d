"""package.xml, CMakeLists.txt, setup.py and what they install agree."""

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import hac_ros

REPO = Path(__file__).resolve().parents[2]
MANIFEST = ElementTree.parse(REPO / 'package.xml').getroot()
CMAKE = (REPO / 'CMakeLists.txt').read_text()


def setup_py(*arguments, folder=REPO):
    return subprocess.run([sys.executable, '-W', 'ignore', str(REPO / 'setup.py'), '--quiet', *arguments],
                          cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope='module')
def entry_points(tmp_path_factory):
    """{executable: (module, function)}, as setup.py declares them."""
    folder = tmp_path_factory.mktemp('egg')
    setup_py('egg_info', '--egg-base', str(folder))
    text = (folder / 'hac_ros.egg-info' / 'entry_points.txt').read_text()
    return {name: (module, function) for name, module, function in re.findall(r'^(\w+) = ([\w.]+):(\w+)$', text, re.M)}


@pytest.fixture(scope='module')
def prefix():
    """Where hac_ros is installed: the folder that holds share/ and lib/."""
    packages = pytest.importorskip('ament_index_python.packages', reason='needs a ROS 2 environment')
    return Path(packages.get_package_prefix('hac_ros'))


def test_version_is_the_same_everywhere():
    assert MANIFEST.findtext('version') == hac_ros.__version__
    assert setup_py('--version').split() == [hac_ros.__version__]


def test_every_package_that_cmake_finds_is_declared():
    declared = {element.text for element in MANIFEST if element.tag.endswith('depend')}
    assert set(re.findall(r'find_package\((\w+)', CMAKE)) <= declared


def test_every_package_that_messages_use_is_declared_and_found():
    text = '\n'.join(path.read_text() for path in sorted([*REPO.glob('msg/*.msg'), *REPO.glob('srv/*.srv')]))
    used = set(re.findall(r'^([a-z]\w+)/\w+', text, re.M))
    assert used <= {element.text for element in MANIFEST.findall('depend')}
    assert used <= set(re.findall(r'find_package\((\w+)', CMAKE))


def test_every_ros_package_that_modules_import_is_declared():
    declared = {element.text for element in MANIFEST if element.tag.endswith('depend')}
    imported = set()
    for path in sorted((REPO / 'hac_ros').rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            imported |= {name.split('.')[0] for name in names}
    ros = {name for name in imported if re.search(r'_msgs$|_srvs$|^rclpy$|_interfaces$|^ament_', name)}
    assert ros
    assert ros <= declared


def test_every_executable_is_an_importable_function(entry_points):
    assert entry_points
    for executable, (module, function) in entry_points.items():
        assert callable(getattr(importlib.import_module(module), function, None)), executable


def test_every_node_is_an_executable(entry_points):
    modules = {path.stem for path in (REPO / 'hac_ros' / 'nodes').glob('*.py')
               if path.stem != '__init__' and re.search(r'^def main\(', path.read_text(), re.M)}
    assert modules == set(entry_points) - {'hac'}


def test_every_executable_is_installed_where_ros2_run_looks(prefix, entry_points):
    installed = {path.name for path in (prefix / 'lib' / 'hac_ros').iterdir() if os.access(path, os.X_OK)}
    assert installed == set(entry_points)


def test_an_executable_starts_where_the_path_of_its_python_has_a_space(prefix, tmp_path):
    source, folder = tmp_path / 'source', tmp_path / 'my projects'
    source.mkdir()
    folder.mkdir()
    for name in ('CMakeLists.txt', 'package.xml', 'setup.py', 'hac_ros', 'msg', 'srv', 'launch', 'params', 'dds'):
        (source / name).symlink_to(REPO / name)
    (folder / 'python').symlink_to(sys.prefix)
    subprocess.run(['cmake', '-S', source, '-B', folder / 'build', '-DBUILD_TESTING=OFF', '-DWITH_CPP=OFF',
                    f'-DPython3_EXECUTABLE={folder}/python/bin/python3'], check=True, capture_output=True)
    started = subprocess.run([folder / 'build' / 'scripts' / 'hac', '--help'], capture_output=True, text=True)
    assert (started.returncode, started.stderr) == (0, '')
    assert started.stdout.startswith('usage: hac')


def test_every_message_and_service_is_importable():
    for folder in ('msg', 'srv'):
        module = pytest.importorskip(f'hac_ros.{folder}', reason='needs a ROS 2 environment')
        written = [path.stem for path in sorted((REPO / folder).glob(f'*.{folder}'))]
        assert written
        assert [name for name in written if not hasattr(module, name)] == []


def test_packages_for_the_embedded_ros_are_declared_and_ignored_by_a_normal_build():
    packages = sorted(path.parent.name for path in REPO.glob('interfaces/*/package.xml'))
    assert packages
    assert set(packages) <= {element.text for element in MANIFEST.findall('exec_depend')}
    assert (REPO / 'interfaces' / 'COLCON_IGNORE').is_file()
    assert f'INTERFACES=({" ".join(packages)})' in (REPO / 'hac').read_text()


def test_every_launch_parameter_and_profile_file_is_installed(prefix):
    share = prefix / 'share' / 'hac_ros'
    wanted = [path.relative_to(REPO) for folder in ('launch', 'params', 'dds')
              for path in sorted((REPO / folder).rglob('*')) if path.is_file()]
    assert wanted
    assert [str(path) for path in wanted if not (share / path).is_file()] == []


def test_importing_the_package_loads_nothing_heavy():
    heavy = ('torch', 'mujoco', 'rclpy', 'numpy', 'gymnasium')
    code = f'import sys, hac_ros, hac_ros.environment; print([m for m in {heavy} if m in sys.modules])'
    done = subprocess.run([sys.executable, '-c', code], cwd=REPO, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == '[]'


def test_no_committed_file_names_a_path_of_a_machine():
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=REPO, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip('needs a git checkout')
    pattern = re.compile(r'/(?:root|home|work|Users|mnt)/[\w.-]+')
    found = []
    for name in filter(None, listed.stdout.split('\0')):
        path = REPO / name
        if path.is_file() and path != Path(__file__):
            found += [f'{name}: {hit}' for hit in pattern.findall(path.read_bytes().decode('utf-8', 'replace'))]
    assert found == []
