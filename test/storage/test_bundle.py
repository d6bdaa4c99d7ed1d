"""A bundle returns as it was written, or is refused in one sentence."""
import dataclasses
import json
import resource
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hac_ros import records, tasks
from hac_ros.atomic_files import WriteFailed
from hac_ros.learning import bundle as bundles
from hac_ros.learning.bundle import Bundle, BundleRefused, read_bundle, write_bundle
from hac_ros.records import ContributionId, Moments, Statistics, Weights

SHARED = settings(max_examples=40, deadline=None, derandomize=True,
                  suppress_health_check=[HealthCheck.function_scoped_fixture])


def example(task: str = 'reach', version: int = 7) -> Bundle:
    size = tasks.by_name(task).observation.size
    rng = np.random.default_rng(version)
    levels = [Weights(level, version, version, 300, {
        f'{network}.0.weight': rng.normal(size=(size, 4)).astype(np.float32) for network in ('actor', 'averaged')})
        for level in (records.PLANNER, records.CONTROLLER)]
    statistics = Statistics(version, tasks.by_name(task).observation.name,
                            Moments(800, rng.normal(size=size), rng.random(size)), (ContributionId(0, 2**62, 3, 0, 5),))
    return Bundle(task, 'mocap', *levels, statistics, {'planner': {'hidden': [256, 256]}}, {'success_rate': 0.97})


@pytest.fixture
def folder(tmp_path):
    write_bundle(tmp_path / 'bundle', example())
    return tmp_path / 'bundle'


def rewrite(folder, change):
    """Change bundle.json and make its hash right again, as another program might."""
    description = json.loads((folder / 'bundle.json').read_text())
    change(description)
    description['hash'] = bundles._hash(description)
    (folder / 'bundle.json').write_text(json.dumps(description))


def test_weights_that_were_trained_with_other_values_of_the_statistics_are_refused(tmp_path):
    whole = example()
    with pytest.raises(BundleRefused, match='planner was trained with other values of statistics 7'):
        write_bundle(tmp_path / 'bundle', dataclasses.replace(
            whole, planner=dataclasses.replace(whole.planner, statistics_digest='0' * 64)))


def test_a_bundle_returns_as_it_was_written(folder):
    wanted, came = example(), read_bundle(folder, 'reach', 'mocap')
    assert (came.task, came.control, came.settings, came.report) == \
        (wanted.task, wanted.control, wanted.settings, wanted.report)
    for name in ('planner', 'controller'):
        ours, theirs = getattr(came, name), getattr(wanted, name)
        assert (ours.level, ours.version, ours.statistics, ours.updates) == \
            (theirs.level, theirs.version, theirs.statistics, theirs.updates)
        assert all(np.array_equal(ours.tensors[key], value) for key, value in theirs.tensors.items())
        assert ours.tensors.keys() == theirs.tensors.keys()
    assert came.statistics.includes == wanted.statistics.includes
    assert came.statistics.moments.count == 800
    assert np.array_equal(came.statistics.moments.mean, wanted.statistics.moments.mean)
    assert np.array_equal(came.statistics.moments.m2, wanted.statistics.moments.m2)


def test_the_folder_holds_two_files_and_the_description_tells_spaces_and_limits(folder):
    assert sorted(path.name for path in folder.iterdir()) == ['bundle.json', 'policy.safetensors']
    description = json.loads((folder / 'bundle.json').read_text())
    assert description['spaces']['subgoal']['values'] == ['subgoal_x', 'subgoal_y', 'subgoal_z', 'opening']
    assert description['limits']['workspace_low'] == list(tasks.by_name('reach').workspace.low)


def test_equal_bundles_have_equal_hashes_and_different_ones_do_not(tmp_path):
    versions = {'a': 7, 'b': 7, 'c': 8}
    hashes = [write_bundle(tmp_path / name, example(version=version)) for name, version in versions.items()]
    assert hashes[0] == hashes[1] != hashes[2]
    assert read_bundle(tmp_path / 'a').hash == hashes[0]


def test_a_bundle_takes_the_place_of_the_old_one_whole(folder):
    write_bundle(folder, example(version=8))
    assert read_bundle(folder).statistics.version == 8
    assert [path.name for path in folder.parent.iterdir()] == ['bundle']


def test_a_full_disk_keeps_the_old_bundle(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(WriteFailed, match='policy.safetensors could not be written'):
            write_bundle(folder, example(version=8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_bundle(folder).statistics.version == 7


@pytest.mark.parametrize('name', ['policy.safetensors', 'bundle.json'])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleRefused, match=f'{name} cannot be read: No such file'):
        read_bundle(folder)


@SHARED
@given(data=st.data())
def test_a_bundle_changed_or_cut_anywhere_is_refused(tmp_path, data):
    write_bundle(tmp_path / 'bundle', example())
    path = tmp_path / 'bundle' / data.draw(st.sampled_from(['policy.safetensors', 'bundle.json']))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1:])
    try:
        read_bundle(tmp_path / 'bundle')
        same = path.suffix == '.json' and json.loads(path.read_bytes()) == json.loads(whole)
        assert same, 'only white space between JSON values may change'
    except BundleRefused as error:
        assert '\n' not in str(error)


def test_a_policy_of_another_bundle_is_refused(folder, tmp_path):
    write_bundle(tmp_path / 'other', example(version=8))
    (tmp_path / 'other' / 'policy.safetensors').replace(folder / 'policy.safetensors')
    with pytest.raises(BundleRefused, match='is not the file that bundle.json describes: its digest is'):
        read_bundle(folder)


@pytest.mark.parametrize('content', ['', '[]', '{}', '3', '{"format": 1}', '\x00'])
def test_a_foreign_description_is_refused(folder, content):
    (folder / 'bundle.json').write_text(content)
    with pytest.raises(BundleRefused, match='bundle.json'):
        read_bundle(folder)


def test_an_unknown_format_is_refused(folder):
    rewrite(folder, lambda description: description.update(format=2))
    with pytest.raises(BundleRefused, match='has format 2, this hac_ros reads 1'):
        read_bundle(folder)


def test_a_task_of_other_spaces_is_refused(folder):
    with pytest.raises(BundleRefused, match=r'trained for task reach: its observation is fetch_gripper \(10 values\), '
                                            r'task push wants fetch_object \(25 values\)'):
        read_bundle(folder, task='push')


def test_a_task_of_equal_spaces_is_refused_too(tmp_path):
    write_bundle(tmp_path / 'bundle', example('push'))
    with pytest.raises(BundleRefused, match='trained for task push'):
        read_bundle(tmp_path / 'bundle', task='pick_and_place')


def test_values_in_another_order_are_refused(folder):
    rewrite(folder, lambda description: description['spaces']['command']['values'].reverse())
    with pytest.raises(BundleRefused, match='its command is'):
        read_bundle(folder)


def test_another_workspace_is_refused(folder):
    rewrite(folder, lambda description: description['limits'].update(workspace_low=[0.0, 0.0, 0.0]))
    with pytest.raises(BundleRefused, match='its workspace_low is'):
        read_bundle(folder)


def test_another_control_mode_is_refused(folder):
    with pytest.raises(BundleRefused, match='trained for control mode mocap, fetch is wanted'):
        read_bundle(folder, control='fetch')


def test_an_unknown_task_in_the_bundle_is_refused(folder):
    rewrite(folder, lambda description: description.update(task='juggle'))
    with pytest.raises(BundleRefused, match='juggle'):
        read_bundle(folder)


@pytest.mark.parametrize('level', ['planner', 'controller'])
def test_statistics_of_another_version_are_refused_on_reading(folder, level):
    rewrite(folder, lambda description: description[level].update(statistics=6))
    with pytest.raises(BundleRefused, match=f'the {level} was trained with statistics 6, statistics 7 came'):
        read_bundle(folder)


@pytest.mark.parametrize('field', ['task', 'spaces', 'statistics', 'planner', 'policy', 'settings'])
def test_a_description_without_a_field_is_refused(folder, field):
    rewrite(folder, lambda description: description.pop(field))
    with pytest.raises(BundleRefused, match='bundle'):
        read_bundle(folder)


def test_parts_that_do_not_belong_together_are_not_written(tmp_path):
    good = example()
    for bad, message in (
            (replace(good, planner=replace(good.planner, statistics=6)), 'the planner was trained with statistics 6'),
            (replace(good, controller=good.planner), 'the controller weights hold 2 tensors of level 1'),
            (replace(good, planner=replace(good.planner, tensors={})), 'the planner weights hold 0 tensors'),
            (replace(good, statistics=example('push').statistics), 'statistics of fetch_object .25 values. came')):
        with pytest.raises(BundleRefused, match=message):
            write_bundle(tmp_path / 'bundle', bad)
    assert not (tmp_path / 'bundle').exists()


def test_a_bundle_of_control_mode_fetch_is_held_to_its_own_limits_and_refused_for_mocap(tmp_path):
    bundle = dataclasses.replace(example(), control='fetch', settings={'fetch': {'speed': 0.1}})
    write_bundle(tmp_path / 'fetch', bundle)
    limits = json.loads((tmp_path / 'fetch' / 'bundle.json').read_text())['limits']
    assert limits['steps'] == 250 and limits['workspace_low'] == list(tasks.by_name('reach', 'fetch').workspace.low)
    assert read_bundle(tmp_path / 'fetch', 'reach', 'fetch').settings == bundle.settings
    with pytest.raises(BundleRefused, match='control mode fetch, mocap is wanted'):
        read_bundle(tmp_path / 'fetch', 'reach', 'mocap')
