"""Claims about runs that start from a bundle or from another run."""
import dataclasses

import numpy as np
import pytest
from test_acting import CONFIGS, REACH, statistics
from test_networks import Td3, rng

from hac_ros import records
from hac_ros.config import PlannerConfig
from hac_ros.learning import checkpoint, origin, td3
from hac_ros.learning.bundle import Bundle, BundleRefused, write_bundle
from hac_ros.learning.learner import Learner


def learner(number=records.PLANNER, seed=0):
    return Learner(number, REACH, CONFIGS[number == records.CONTROLLER], seed)


@pytest.fixture
def run(tmp_path):
    """The folder of a run with a bundle, and its planner's learner."""
    both = learner(records.CONTROLLER, 1), learner(seed=1)
    weights = [dataclasses.replace(each.initial_weights(), updates=9) for each in both]
    write_bundle(tmp_path / 'runs' / 'a' / 'bundle', Bundle('reach', 'mocap', weights[1], weights[0], statistics()))
    return tmp_path / 'runs' / 'a', both


def keep(folder, both):
    for each in both:
        tensors, info = each.state()
        checkpoint.write_part(folder / 'checkpoint', f'{each.level.name}_learner', 4,
                              {f'learner/{name}': value for name, value in tensors.items()}, info)
    checkpoint.write_manifest(folder / 'checkpoint', 4, {'planner_learner': 4, 'controller_learner': 4})


def test_a_run_is_found_by_name_by_folder_and_by_its_bundle(run):
    folder, both = run
    keep(folder, both)
    for place in ('a', str(folder)):
        assert set(origin.read(place, str(folder.parent), 'reach', 'mocap').critics) == {'planner', 'controller'}
    assert origin.read(str(folder / 'bundle'), '', 'reach', 'mocap').critics == {}
    with pytest.raises(ValueError, match='from:=b: neither a bundle nor a run'):
        origin.read('b', str(folder.parent), 'reach', 'mocap')
    with pytest.raises(BundleRefused, match='push'):
        origin.read('a', str(folder.parent), 'push', 'mocap')


def test_actors_are_taken_and_act_as_trained_at_once(run):
    folder, both = run
    new = learner(seed=2)
    new.start_from(origin.read(str(folder / 'bundle'), '', 'reach', 'mocap'))
    weights = new.initial_weights()
    assert weights.updates == 1, 'an untrained level acts at random'
    assert all(np.array_equal(weights.tensors[name], tensor) for name, tensor in both[1].td3.tensors().items())
    assert not np.array_equal(new.td3.state()['critic'], both[1].td3.state()['critic'])
    assert new.td3.hold == td3.HOLD


def test_critics_are_taken_where_the_run_has_a_checkpoint(run):
    folder, both = run
    keep(folder, both)
    new, found = learner(seed=2), origin.read(str(folder), '', 'reach', 'mocap')
    new.start_from(found)
    for name in origin.VECTORS:
        assert np.array_equal(new.td3.state()[name], both[1].td3.state()[name])
    assert new.td3.hold == 0 and 'its critics' in found.told('planner')


def test_an_actor_rests_until_new_critics_know_something(monkeypatch):
    monkeypatch.setattr(td3, 'HOLD', 3)
    config = PlannerConfig(hidden=(32, 32))
    first, second = (Td3(config, 4, 2, -10.0, np.eye(2), rng()) for _ in range(2))
    second.start_from(first.tensors(), {})
    inputs = td3.torch.zeros(8, 4)
    batch = td3.Batch(inputs, inputs[:, :2], inputs, inputs[:, 0] - 1, inputs[:, 0] + 0.9, inputs[:, :2], inputs[:, :2],
                      inputs[:, :2], inputs[:, :2])
    moved = []
    for _ in range(5):
        before = second.state()['actor']
        second.update(batch)
        moved.append(not np.array_equal(before, second.state()['actor']))
    assert moved == [False, False, False, True, True]


def test_networks_of_another_size_are_refused(run):
    folder, _ = run
    other = Learner(records.PLANNER, REACH, PlannerConfig(hidden=(8,)), 0)
    with pytest.raises(ValueError, match='of other settings'):
        other.start_from(origin.read(str(folder), '', 'reach', 'mocap'))
