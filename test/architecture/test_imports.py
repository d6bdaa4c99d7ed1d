"""Imports go in the directions that the architecture allows."""
from pathlib import Path

import import_rules
import pytest

PACKAGE = Path(__file__).resolve().parents[2] / 'hac_ros'


def test_no_import_goes_in_a_forbidden_direction():
    assert import_rules.violations(PACKAGE) == []


@pytest.mark.parametrize('module, loads, never', [
    ('nodes.learner', 'torch', 'mujoco'), ('nodes.mujoco_bridge', 'mujoco', 'torch'),
    ('nodes.planner', 'numpy', 'torch'), ('nodes.planner', 'numpy', 'mujoco'), ('nodes.controller', 'numpy', 'torch'),
    ('nodes.controller', 'numpy', 'mujoco'), ('nodes.normalizer', 'numpy', 'torch'),
    ('nodes.recorder', 'numpy', 'mujoco'), ('nodes.evaluator', 'mujoco', 'torch'), ('evaluation', 'mujoco', 'rclpy'),
    ('protocol', 'numpy', 'rclpy'), ('cli.__init__', 'argparse', 'rclpy'), ('environment', 'json', 'numpy')])
def test_a_node_loads_only_the_libraries_that_it_works_with(module, loads, never):
    packages = import_rules.reached(PACKAGE, module)
    assert loads in packages
    assert never not in packages


@pytest.fixture
def package(tmp_path):
    """Write a small package that is in order, and further files on demand."""
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path
    write({'__init__.py': '', 'records.py': 'import numpy', 'learning/__init__.py': '', 'simulation/__init__.py': '',
           'learning/td3.py': 'import torch\nfrom hac_ros import records', 'simulation/arms.py': 'import mujoco',
           'messages.py': 'from hac_ros import msg\nfrom hac_ros.learning import td3', 'nodes/__init__.py': '',
           'nodes/learner.py': 'import rclpy\nfrom hac_ros import messages', 'safety/__init__.py': '',
           'cli/__init__.py': 'from hac_ros.nodes.learner import main',
           'evaluation.py': 'from hac_ros.simulation import arms'})
    return write


def test_a_tree_in_order_passes(package):
    assert import_rules.violations(package({})) == []


@pytest.mark.parametrize('file, line, words', [
    ('learning/level.py', 'from rclpy.node import Node', 'learning imports ROS'),
    ('records.py', 'from hac_ros.msg import ArmState', 'records imports ROS'),
    ('protocol.py', 'from std_msgs.msg import Header', 'protocol imports ROS'),
    ('simulation/models.py', 'import torch.nn', 'simulation.models imports torch'),
    ('safety/limits.py', 'def f():\n    import torch', 'safety.limits imports torch'),
    ('nodes/planner.py', 'from torch import nn', 'nodes.planner imports torch'),
    ('nodes/learner_2.py', 'import torch', 'nodes.learner_2 imports torch'),
    ('learning/level.py', 'import mujoco', 'learning imports mujoco'),
    ('learning/level.py', 'from hac_ros.simulation.arms import Arms', 'learning imports simulation'),
    ('simulation/models.py', 'from hac_ros import learning', 'simulation imports learning'),
    ('safety/limits.py', 'import hac_ros.simulation.arms', 'safety imports simulation'),
    ('records.py', 'from hac_ros import learning', 'records imports learning'),
    ('learning/level.py', 'from hac_ros.evaluation import Evaluator', 'learning imports evaluation'),
    ('evaluation.py', 'from hac_ros import messages', 'evaluation imports messages'),
    ('topics.py', 'from hac_ros.nodes import learner', 'topics imports nodes'),
    ('nodes/planner.py', 'from hac_ros.cli import main', 'nodes imports cli'),
    ('nodes/planner.py', 'from . import learner', 'relative import'),
    ('common.py', 'from hac_ros import records', 'common has no place')])
def test_a_forbidden_import_is_named_with_its_file_and_line(package, file, line, words):
    found = import_rules.violations(package({file: f'"""Docstring."""\n{line}'}))
    assert len(found) == 1
    assert found[0].startswith(f'{file}:{3 if "def f" in line else 2}: ') and words in found[0]
