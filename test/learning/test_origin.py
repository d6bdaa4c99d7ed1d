"""Claims about runs that start from a bundle or from another run."""
import dataclasses
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys

import numpy as np
import pytest
from test_acting import CONFIGS, REACH, statistics
from test_networks import Td3, rng

from hac_ros import records
from hac_ros.config import PlannerConfig, RunConfig
from hac_ros.learning import checkpoint, origin, td3
from hac_ros.learning.bundle import Bundle, BundleRefused, read_bundle, write_bundle
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


@pytest.mark.parametrize('with_critics', [True, False])
def test_an_average_that_came_outlasts_the_first_updates(with_critics):
    config = PlannerConfig(hidden=(32, 32), averaging_span=0.1, averaging=2e-4, policy_delay=2)
    first, second = (Td3(config, 4, 2, -10.0, np.eye(2), rng()) for _ in range(2))
    first.averaged.add_(1.0)
    critics = {name: first.state()[name] for name in origin.VECTORS} if with_critics else {}
    second.start_from(first.tensors(), critics)
    inputs = td3.torch.zeros(8, 4)
    batch = td3.Batch(inputs, inputs[:, :2], inputs, inputs[:, 0] - 1, inputs[:, 0] + 0.9, inputs[:, :2], inputs[:, :2],
                      inputs[:, :2], inputs[:, :2])
    for _ in range(second.hold + 20):
        second.update(batch)
    assert second.updates > second.hold and np.abs(second.state()['averaged'] - second.state()['actor']).min() > 0.7


def test_networks_of_another_size_are_refused(run):
    folder, _ = run
    other = Learner(records.PLANNER, REACH, PlannerConfig(hidden=(8,)), 0)
    with pytest.raises(ValueError, match='of other settings'):
        other.start_from(origin.read(str(folder), '', 'reach', 'mocap'))


ASKS = """
import sys
from hac_ros.config import RunConfig
from hac_ros.learning import origin
print('up', flush=True)
sys.stdin.readline()
print(origin.of_run(RunConfig(run='b', folder=sys.argv[1], start_from='a')).bundle.hash, flush=True)
"""


def begun(folder, **changes):
    """The settings of run b, which starts from run a beside it."""
    return RunConfig(**{'run': 'b', 'folder': str(folder.parent), 'start_from': folder.name, **changes})


def replace_bundle(folder, seed):
    """Let the origin write another bundle in place of its own; return its hash."""
    better = [dataclasses.replace(learner(level, seed).initial_weights(), updates=9) for level in (records.PLANNER, records.CONTROLLER)]
    return write_bundle(folder / 'bundle', Bundle('reach', 'mocap', *better, statistics()))


def test_a_run_takes_what_its_origin_was_at_its_first_start_whatever_becomes_of_that(run):
    folder, both = run
    keep(folder, both)
    first, before = origin.of_run(begun(folder)), read_bundle(folder / 'bundle').hash
    assert replace_bundle(folder, 3) != before
    keep(folder, (learner(records.CONTROLLER, 3), learner(seed=3)))
    again = origin.of_run(begun(folder))
    shutil.rmtree(folder)
    for found in (first, again, origin.of_run(begun(folder))):
        assert found.bundle.hash == before and 'starts from a, as ' in found.told('planner')
        for each in both:
            kept = found.critics[each.level.name]
            assert all(np.array_equal(kept[name], each.td3.state()[name]) for name in origin.VECTORS)


def test_a_run_that_started_from_a_relative_bundle_goes_on_from_another_folder(run, tmp_path, monkeypatch):
    folder, _ = run
    monkeypatch.chdir(folder)
    config = begun(folder, start_from='bundle')
    first = origin.of_run(config)
    monkeypatch.chdir(tmp_path)
    assert origin.of_run(config).bundle.hash == first.bundle.hash and first.critics == {}


def test_a_copy_that_was_not_finished_is_made_anew(run):
    folder, both = run
    keep(folder, both)
    copy = origin.of_run(begun(folder)).path
    (copy / 'origin.json').unlink()
    (copy / f'.bundle.part-{os.getpid()}-0').mkdir()
    wanted = replace_bundle(folder, 3)
    assert origin.of_run(begun(folder)).bundle.hash == wanted
    assert {path.name for path in copy.iterdir()} == {'bundle', 'critics.safetensors', 'origin.json'}


@pytest.fixture
def askers(tmp_path):
    """Three processes that have been asked what run b starts from."""
    processes = [subprocess.Popen([sys.executable, '-c', ASKS, str(tmp_path / 'runs')], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True) for _ in range(3)]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_processes_that_ask_at_once_wait_for_one_copy_and_take_the_same(run, askers):
    folder, _ = run
    before = read_bundle(folder / 'bundle').hash
    (folder.parent / 'b').mkdir()
    with open(folder.parent / 'b' / '.lock-origin', 'a') as lock:      # as one that copies
        fcntl.flock(lock, fcntl.LOCK_EX)
        for process in askers:
            assert process.stdout.readline() == 'up\n'
            process.stdin.write('now\n')
            process.stdin.flush()
        assert not select.select([process.stdout for process in askers], [], [], 1.0)[0], 'somebody did not wait'
        replace_bundle(folder, 10)
    seed = 10
    while any(process.poll() is None for process in askers):
        seed += 1
        replace_bundle(folder, seed)
    told = {process.communicate()[0].strip() for process in askers}
    assert len(told) == 1 and not told & {'', before}, told


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_again(run, monkeypatch):
    folder, _ = run
    replace_bundle(folder.with_name('c'), 3)
    files, reads = [path / 'bundle' / 'policy.safetensors' for path in (folder, folder.with_name('c'))], []
    old, new = (path.read_bytes() for path in files)

    def read(*arguments):
        files[0].write_bytes(old if reads else new)      # the first time the policy is of the bundle that came meanwhile
        reads.append(arguments)
        return read_bundle(*arguments)
    monkeypatch.setattr(origin, 'read_bundle', read)
    assert origin.read('a', str(folder.parent), 'reach', 'mocap').bundle.planner.updates == 9 and len(reads) == 2


def test_another_origin_is_refused_and_the_copy_kept(run):
    folder, _ = run
    before = origin.of_run(begun(folder)).bundle.hash
    shutil.copytree(folder, folder.with_name('c'))
    with pytest.raises(ValueError, match='from:=c came, but run b was begun from a: .*origin holds its copy.*run:='):
        origin.of_run(begun(folder, start_from='c'))
    assert origin.of_run(begun(folder)).bundle.hash == before


def test_a_refused_origin_leaves_no_copy(run):
    folder, _ = run
    for changes, words in (({'task': 'push'}, 'push'), ({'start_from': 'c'}, 'from:=c: neither a bundle nor a run')):
        with pytest.raises(ValueError, match=words):
            origin.of_run(begun(folder, **changes))
    assert origin.of_run(begun(folder)).bundle.task == 'reach'


@pytest.mark.parametrize('damage, words', [
    (lambda copy: (copy / 'origin.json').write_text('{"format": 1'), 'origin.json is truncated, damaged or no record'),
    (lambda copy: (copy / 'origin.json').write_text(json.dumps({'format': 2})), 'format 2 came, 1 is wanted'),
    (lambda copy: (copy / 'critics.safetensors').unlink(), 'critics.safetensors cannot be read'),
    (lambda copy: replace_bundle(copy, 3), 'holds another bundle or other critics')])
def test_a_damaged_copy_is_refused_and_no_other_origin_taken(run, damage, words):
    folder, both = run
    keep(folder, both)
    damage(origin.of_run(begun(folder)).path)
    with pytest.raises(ValueError, match=words):
        origin.of_run(begun(folder))
