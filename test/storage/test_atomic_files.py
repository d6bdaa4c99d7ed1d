"""A file is the old one or the new one."""
import itertools
import json
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from hac_ros import atomic_files
from hac_ros.atomic_files import WriteFailed


ENDLESS = """
import itertools, sys
from hac_ros import atomic_files
for number in itertools.count():
    with atomic_files.replacing_folder(sys.argv[1]) as folder:
        atomic_files.write_bytes(folder / 'number', str(number).encode())
    print(number, flush=True)
"""


@contextmanager
def disk_that_takes(size: int):
    """Let this process write no file beyond ``size`` bytes: the kernel then refuses as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / 'config.json'
    atomic_files.write_json(path, {'kept': True})
    with disk_that_takes(1000), pytest.raises(WriteFailed, match='config.json could not be written.*untouched'):
        atomic_files.write_bytes(path, bytes(5000))
    assert json.loads(path.read_text()) == {'kept': True}
    assert [entry.name for entry in tmp_path.iterdir()] == ['config.json']


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / 'data'
    atomic_files.write_bytes(path, b'old')
    with pytest.raises(KeyboardInterrupt), atomic_files.replacing(path) as file:
        file.write(b'new')
        raise KeyboardInterrupt
    assert path.read_bytes() == b'old'
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WriteFailed, match='absent/data could not be written: No such file'):
        atomic_files.write_bytes(tmp_path / 'absent' / 'data', b'')


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / 'bundle'
    for content in ({'a': b'1', 'b': b'1'}, {'a': b'2'}):
        with atomic_files.replacing_folder(path) as folder:
            for name, data in content.items():
                atomic_files.write_bytes(folder / name, data)
        assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == content
    assert [entry.name for entry in tmp_path.iterdir()] == ['bundle']


def test_a_folder_that_is_replaced_is_never_missing(tmp_path):
    path = tmp_path / 'bundle'
    process = subprocess.Popen([sys.executable, '-c', ENDLESS, str(path)], stdout=subprocess.PIPE, text=True)
    for line in itertools.islice(process.stdout, 20):   # 20 replacements, with looks in between
        assert all(path.is_dir() for _ in range(200))
    process.kill()
    process.communicate()
    assert int((path / 'number').read_bytes()) >= int(line) == 19


def test_a_failed_replacement_keeps_the_old_folder(tmp_path):
    path = tmp_path / 'bundle'
    with atomic_files.replacing_folder(path) as folder:
        atomic_files.write_bytes(folder / 'a', b'1')
    with pytest.raises(WriteFailed), disk_that_takes(1000), atomic_files.replacing_folder(path) as folder:
        atomic_files.write_bytes(folder / 'a', bytes(5000))
    assert (path / 'a').read_bytes() == b'1'
    assert [entry.name for entry in tmp_path.iterdir()] == ['bundle']


def test_a_folder_moved_aside_by_a_crash_comes_back(tmp_path):
    path = tmp_path / 'bundle'
    with atomic_files.replacing_folder(path) as folder:
        atomic_files.write_bytes(folder / 'a', b'1')
    path.rename(tmp_path / '.bundle.previous')   # the instant between the two renames
    atomic_files.recover_folder(path)
    assert (path / 'a').read_bytes() == b'1'


def test_leftovers_of_a_crash_are_removed_and_nothing_else(tmp_path):
    atomic_files.write_bytes(tmp_path / 'data', b'kept')
    atomic_files.temporary_name(tmp_path / 'data').write_bytes(b'half')
    atomic_files.temporary_name(tmp_path / 'bundle').mkdir()
    atomic_files.remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ['data']
