"""A further task or object needs one entry beside its Task, as docs/tasks.md says."""
import dataclasses

import numpy as np
import pytest

from hac_ros.simulation import models
from hac_ros.simulation.simulation import Simulation
from hac_ros.tasks import TASKS


def add(monkeypatch, name, scene):
    """Enter ``scene`` under ``name``; return its task."""
    monkeypatch.setitem(models.SCENES, name, scene)
    return dataclasses.replace(TASKS['push'], name=name)


def flatten_block(spec):
    """Make the block 2 cm high."""
    spec.geom('object0').size = (0.025, 0.025, 0.01)


def test_a_task_with_another_object_and_range_is_one_entry(monkeypatch):
    scene = dataclasses.replace(models.SCENES['push'], goal_range=0.05, edit=flatten_block)
    task = add(monkeypatch, 'push_flat', scene)
    simulation = Simulation(task, 8, seed=0)
    assert np.abs(simulation.desired_goal - simulation.settled.gripper)[:, :2].max() <= 0.05
    for _ in range(10):
        simulation.step(np.zeros((8, 4)))
    np.testing.assert_allclose(simulation.achieved_goal[:, 2], 0.41, atol=1e-3)   # table 0.40 + half of 0.02


def test_a_scene_whose_file_is_missing_says_which(monkeypatch):
    task = add(monkeypatch, 'push_lost', dataclasses.replace(models.SCENES['push'], model='lost.xml'))
    with pytest.raises(FileNotFoundError, match='lost.xml'):
        Simulation(task, 1, seed=0)


def test_a_scene_of_another_timestep_is_refused(monkeypatch):
    def slow(spec):
        spec.option.timestep = 0.004

    task = add(monkeypatch, 'push_slow', dataclasses.replace(models.SCENES['push'], edit=slow))
    with pytest.raises(ValueError, match='timestep 0.004 s came, 0.002 s is wanted'):
        Simulation(task, 1, seed=0)


def test_every_task_has_a_scene():
    assert set(models.SCENES) == set(TASKS)
