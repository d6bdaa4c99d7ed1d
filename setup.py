"""The one list of executables; CMakeLists.txt installs each to lib/hac_ros, where `ros2 run` looks."""

import re
from pathlib import Path

from setuptools import find_packages, setup

INIT = Path(__file__).resolve().parent / 'hac_ros' / '__init__.py'

NODES = [
    'mujoco_bridge',
    'fetch_emulator',
    'fetch_bridge',
    'guard',
    'gripper_relay',
    'normalizer',
    'planner',
    'controller',
    'membership',
    'learner',
    'evaluator',
    'recorder',
    'marker_publisher',
    'browser_view',
]

setup(
    name='hac_ros',
    version=re.search(r"__version__ = '(.+)'", INIT.read_text()).group(1),
    packages=find_packages(include=['hac_ros', 'hac_ros.*']),
    entry_points={
        'console_scripts': [
            'hac = hac_ros.cli:main',
            *(f'{node} = hac_ros.nodes.{node}:main' for node in NODES),
        ],
    },
)
