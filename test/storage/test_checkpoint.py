"""A checkpoint is complete and verified, or it is not used."""
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from hac_ros import tensor_file
from hac_ros.learning import checkpoint
from hac_ros.learning.checkpoint import DamagedFile, NoCheckpoint

PARTS = ('controller_learner', 'normalizer', 'planner_learner', 'recorder')
SHARED = settings(max_examples=30, deadline=None, derandomize=True,
                  suppress_health_check=[HealthCheck.function_scoped_fixture])


def tensors(version: int) -> dict:
    rng = np.random.default_rng(version)
    return {'weight': rng.normal(size=(3, 4)).astype(np.float32), 'mean': rng.normal(size=5),
            'count': np.array(version), 'flags': rng.random(7) < 0.5, 'empty': np.zeros((0, 3))}


def write_set(folder, version: int, **options):
    for name in PARTS:
        checkpoint.write_part(folder, name, version, tensors(version), {'round': version})
    checkpoint.write_manifest(folder, version, dict.fromkeys(PARTS, version), {'steps': 10 * version}, **options)


def test_a_part_returns_as_it_was_written(tmp_path):
    checkpoint.write_part(tmp_path, 'normalizer', 3, tensors(3), {'text': 'ü', 'list': [1, 2.5]})
    part = checkpoint.read_part(tmp_path, 'normalizer', 3)
    assert (part.name, part.version, part.info) == ('normalizer', 3, {'text': 'ü', 'list': [1, 2.5]})
    assert part.tensors.keys() == tensors(3).keys()
    for name, value in tensors(3).items():
        assert part.tensors[name].dtype == value.dtype
        assert np.array_equal(part.tensors[name], value)
        assert part.tensors[name].shape == value.shape


def test_what_a_part_says_is_read_without_its_tensors_and_only_from_the_part_that_was_asked_for(tmp_path):
    checkpoint.write_part(tmp_path, 'normalizer', 3, tensors(3), {'held': [[0, 0, 4]]})
    assert checkpoint.read_info(tmp_path, 'normalizer', 3) == {'held': [[0, 0, 4]]}
    with pytest.raises(DamagedFile, match='cannot be read'):
        checkpoint.read_info(tmp_path, 'normalizer', 4)
    shutil.copy(checkpoint.part_path(tmp_path, 'normalizer', 3), checkpoint.part_path(tmp_path, 'normalizer', 5))
    with pytest.raises(DamagedFile, match='normalizer 5 is wanted'):
        checkpoint.read_info(tmp_path, 'normalizer', 5)


def test_other_readers_of_safetensors_open_a_part(tmp_path):
    checkpoint.write_part(tmp_path, 'normalizer', 3, tensors(3), {})
    read = load_file(checkpoint.part_path(tmp_path, 'normalizer', 3))
    assert all(np.array_equal(read[name], value) for name, value in tensors(3).items())


def test_torch_tensors_and_strided_arrays_are_stored_by_value(tmp_path):
    grid = np.arange(12.0).reshape(3, 4)
    checkpoint.write_part(tmp_path, 'buffer', 0, {'torch': torch.arange(3), 'columns': grid[:, ::2]}, {})
    part = checkpoint.read_part(tmp_path, 'buffer', 0)
    assert part.tensors['torch'].tolist() == [0, 1, 2]
    assert np.array_equal(part.tensors['columns'], grid[:, ::2])


def test_a_type_that_safetensors_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match='tensor odd: type complex128 came'):
        checkpoint.write_part(tmp_path, 'buffer', 0, {'odd': np.zeros(2, complex)}, {})


def test_a_large_buffer_is_written_without_a_copy(tmp_path):
    buffer = np.zeros((1 << 20, 4))
    tracemalloc.start()
    try:
        checkpoint.write_part(tmp_path, 'buffer', 0, {'observation': buffer, 'filled': buffer[:1000]}, {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < buffer.nbytes / 50


@SHARED
@given(data=st.data())
def test_a_part_truncated_anywhere_is_refused(tmp_path, data):
    checkpoint.write_part(tmp_path, 'buffer', 0, tensors(0), {'a': 1})
    path = checkpoint.part_path(tmp_path, 'buffer', 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DamagedFile, match='truncated'):
        checkpoint.read_part(tmp_path, 'buffer', 0)
    with pytest.raises(DamagedFile, match='truncated'):
        tensor_file.verify(path, checkpoint.KIND)


@SHARED
@given(data=st.data())
def test_a_part_with_a_changed_byte_anywhere_is_refused(tmp_path, data):
    checkpoint.write_part(tmp_path, 'buffer', 0, tensors(0), {'a': 1})
    path = checkpoint.part_path(tmp_path, 'buffer', 0)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match='buffer-00000000.safetensors'):
        checkpoint.read_part(tmp_path, 'buffer', 0)
    with pytest.raises(DamagedFile):
        tensor_file.verify(path, checkpoint.KIND)


@SHARED
@given(content=st.binary(max_size=300))
def test_a_foreign_file_is_refused(tmp_path, content):
    tmp_path.joinpath('buffer-00000000.safetensors').write_bytes(content)
    with pytest.raises(DamagedFile, match='no file of hac_ros'):
        checkpoint.read_part(tmp_path, 'buffer', 0)


def test_a_part_appended_to_is_refused(tmp_path):
    checkpoint.write_part(tmp_path, 'buffer', 0, tensors(0), {})
    with open(checkpoint.part_path(tmp_path, 'buffer', 0), 'ab') as file:
        file.write(b'more')
    with pytest.raises(DamagedFile):
        checkpoint.read_part(tmp_path, 'buffer', 0)


def test_a_part_under_anothers_name_is_refused(tmp_path):
    checkpoint.write_part(tmp_path, 'planner_learner', 4, tensors(4), {})
    shutil.copy(checkpoint.part_path(tmp_path, 'planner_learner', 4), checkpoint.part_path(tmp_path, 'recorder', 5))
    with pytest.raises(DamagedFile, match='holds part planner_learner 4, recorder 5 is wanted'):
        checkpoint.read_part(tmp_path, 'recorder', 5)


def test_a_missing_part_is_named(tmp_path):
    with pytest.raises(DamagedFile, match='recorder-00000005.safetensors cannot be read: No such file'):
        checkpoint.read_part(tmp_path, 'recorder', 5)


@pytest.mark.parametrize(('name', 'version'), [('../x', 0), ('', 0), ('Planner', 0), ('manifest', 0), ('a', -1),
                                               ('a', 10**8)])
def test_a_name_or_version_that_cannot_be_one_is_refused(tmp_path, name, version):
    with pytest.raises(ValueError, match='came'):
        checkpoint.write_part(tmp_path, name, version, {}, {})


def test_the_newest_complete_set_is_read(tmp_path):
    write_set(tmp_path, 10)
    write_set(tmp_path, 20)
    manifest = checkpoint.read_manifest(tmp_path)
    assert (manifest.version, manifest.info, manifest.refused) == (20, {'steps': 200}, ())
    assert manifest.parts == dict.fromkeys(PARTS, 20)
    for name, version in manifest.parts.items():
        assert checkpoint.read_part(tmp_path, name, version, manifest.digests[name]).info == {'round': 20}


def test_an_empty_folder_holds_no_checkpoint(tmp_path):
    with pytest.raises(NoCheckpoint, match='holds no complete checkpoint$'):
        checkpoint.read_manifest(tmp_path)


@SHARED
@given(data=st.data())
def test_damage_to_any_file_of_the_newest_set_gives_the_older_one_and_says_so(tmp_path, data):
    write_set(tmp_path, 10)
    write_set(tmp_path, 20)
    path = data.draw(st.sampled_from(sorted(tmp_path.glob('*20.*'))))
    whole = path.read_bytes()
    content = bytearray(whole)
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
    else:
        path.write_bytes(content[:place])
    manifest = checkpoint.read_manifest(tmp_path)
    if manifest.version == 20:   # white space of the manifest, which says the same
        assert path.suffix == '.json' and json.loads(path.read_bytes()) == json.loads(whole)
    else:
        assert manifest.version == 10
        assert path.name in manifest.refused[0]


def test_all_sets_damaged_is_told_with_every_reason(tmp_path):
    write_set(tmp_path, 10)
    write_set(tmp_path, 20)
    for version in (10, 20):
        checkpoint.part_path(tmp_path, 'recorder', version).unlink()
    with pytest.raises(NoCheckpoint, match='checkpoint 20 is not used.*recorder.*checkpoint 10 is not used'):
        checkpoint.read_manifest(tmp_path)


def test_a_manifest_refuses_a_part_swapped_for_another_of_the_same_name(tmp_path):
    write_set(tmp_path, 10)
    write_set(tmp_path, 20)
    checkpoint.write_part(tmp_path, 'normalizer', 20, tensors(99), {'round': 99})
    manifest = checkpoint.read_manifest(tmp_path)
    assert manifest.version == 10
    assert 'normalizer-00000020.safetensors is not the part that the manifest names' in manifest.refused[0]


def test_a_manifest_over_a_missing_part_is_not_written(tmp_path):
    write_set(tmp_path, 10)
    checkpoint.write_part(tmp_path, 'recorder', 20, {}, {})
    with pytest.raises(DamagedFile, match='normalizer-00000020'):
        checkpoint.write_manifest(tmp_path, 20, {'recorder': 20, 'normalizer': 20})
    assert checkpoint.read_manifest(tmp_path).version == 10


@SHARED
@given(order=st.permutations(PARTS), written=st.integers(0, 4), cut=st.integers(0, 2000), manifest=st.booleans())
def test_a_crash_at_any_point_of_writing_leaves_the_set_before(order, written, cut, manifest):
    with tempfile.TemporaryDirectory() as folder:
        crash_and_go_on(Path(folder), order[:written], cut, manifest)


def crash_and_go_on(tmp_path, written, cut, manifest):
    write_set(tmp_path, 10)
    whole = checkpoint.part_path(tmp_path, 'recorder', 10).read_bytes()
    for name in written:
        checkpoint.write_part(tmp_path, name, 20, tensors(20), {'round': 20})
    tmp_path.joinpath('.half-00000020.safetensors.part-1-0').write_bytes(whole[:cut])
    if manifest:
        tmp_path.joinpath('.manifest-00000020.json.part-1-1').write_bytes(b'{"version": 20, ')
    assert checkpoint.read_manifest(tmp_path).version == 10
    write_set(tmp_path, 20)   # and the next one succeeds
    assert checkpoint.read_manifest(tmp_path).version == 20


def test_old_sets_are_removed_and_the_newest_kept(tmp_path):
    for version in (10, 20, 30, 40):
        write_set(tmp_path, version)
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert {name for name in names if name.startswith('manifest')} == {
        'manifest-00000030.json', 'manifest-00000040.json'}
    assert len(names) == 2 * (1 + len(PARTS))


def test_a_part_ahead_of_the_manifest_is_kept_and_removes_nothing(tmp_path):
    write_set(tmp_path, 10)
    for version in (20, 30, 40, 50):
        checkpoint.write_part(tmp_path, 'planner_learner', version, tensors(version), {})
    assert checkpoint.read_manifest(tmp_path).version == 10
    write_set(tmp_path, 20)
    assert checkpoint.part_path(tmp_path, 'planner_learner', 50).exists()


def test_parts_of_different_versions_make_one_set(tmp_path):
    checkpoint.write_part(tmp_path, 'normalizer', 5, tensors(5), {})
    for version in (20, 30):
        checkpoint.write_part(tmp_path, 'recorder', version, tensors(version), {})
        checkpoint.write_manifest(tmp_path, version, {'recorder': version, 'normalizer': 5}, keep=1)
    assert checkpoint.read_manifest(tmp_path).parts == {'recorder': 30, 'normalizer': 5}


# SIGALRM ends a process that does not expect it wherever it is, as SIGKILL does.
ENDLESS = """
import itertools, signal, sys
import numpy as np
from hac_ros.learning import checkpoint
for version in itertools.count(1):
    for name in ('recorder', 'normalizer'):
        checkpoint.write_part(sys.argv[1], name, version, {'x': np.full(50000, float(version))}, {})
    checkpoint.write_manifest(sys.argv[1], version, {'recorder': version, 'normalizer': version})
    print(version, flush=True)
    if version == 3:
        signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
"""


@pytest.mark.parametrize('delay', [1e-6, 0.003, 0.007, 0.012])
def test_a_writer_killed_at_any_moment_leaves_a_set_that_loads(tmp_path, delay):
    killed = subprocess.run([sys.executable, '-c', ENDLESS, str(tmp_path), str(delay)], stdout=subprocess.PIPE, text=True)
    assert killed.returncode == -signal.SIGALRM
    told = [int(line) for line in killed.stdout.splitlines()]
    assert len(told) >= 3
    manifest = checkpoint.read_manifest(tmp_path)
    assert manifest.version >= told[-1]
    assert manifest.refused == ()
    for name in ('recorder', 'normalizer'):
        part = checkpoint.read_part(tmp_path, name, manifest.parts[name], manifest.digests[name])
        assert np.all(part.tensors['x'] == manifest.version)
