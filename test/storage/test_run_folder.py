"""A run has one owner, one set of settings and a name that stays in its folder."""
import json
import os
import re
import subprocess
import sys

import pytest

from hac_ros.run_folder import RunExists, RunFolder, RunInUse, RunMissing, commit, versions

SETTINGS = {'run': {'task': 'reach', 'seed': 3, 'resume': False}, 'planner': {'rates': (1, 2)}}
OWNER = """
import sys
from hac_ros.run_folder import RunFolder
with RunFolder(sys.argv[1], 'first').claim():
    print('owned', flush=True)
    sys.stdin.read()
"""

PLACES = ('.', 'checkpoint', 'checkpoint/journal', 'checkpoint/journal/planner_learner', 'proposals', 'films', 'report')
WRITER = """
import contextlib, signal, sys
from pathlib import Path
from hac_ros import atomic_files
with contextlib.ExitStack() as stack:
    for place in map(Path, sys.argv[1:]):
        stack.enter_context(atomic_files.replacing(place / 'data')).write(b'half')
        folder = stack.enter_context(atomic_files.replacing_folder(place / 'bundle'))
        stack.enter_context(atomic_files.replacing(folder / 'policy')).write(b'half')
    print('writing', flush=True)
    signal.pause()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that owns run ``first`` until its input is closed."""
    process = subprocess.Popen([sys.executable, '-c', OWNER, str(tmp_path)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'owned\n'
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize('name', ['', '..', '../x', 'a/b', '/etc', '1st', '_a', 'a b', 'a-b', 'a__b', 'ä', 'a\n',
                                  'a.b', 'a' * 101, None])
def test_a_name_that_is_no_namespace_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match='run name: .* came'):
        RunFolder(tmp_path, name)


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path, owner):
    with pytest.raises(RunInUse, match=f'run first in .* is in use by process {owner.pid}: .*run:=<name>'):
        with RunFolder(tmp_path, 'first').claim():
            pass


def test_a_run_can_be_claimed_twice_in_no_process_either(tmp_path):
    with RunFolder(tmp_path, 'first').claim(), pytest.raises(RunInUse, match=str(os.getpid())):
        with RunFolder(tmp_path, 'first').claim():
            pass


def test_a_killed_owner_frees_the_run(tmp_path, owner):
    owner.kill()
    owner.wait()
    with RunFolder(tmp_path, 'first').claim() as folder:
        assert folder.path == tmp_path / 'first'


def test_runs_of_different_names_do_not_meet(tmp_path, owner):
    with RunFolder(tmp_path, 'second').claim():
        assert owner.poll() is None


def test_the_config_tells_settings_versions_and_command(tmp_path):
    folder = RunFolder(tmp_path, 'first')
    with folder.claim():
        folder.begin(SETTINGS, ['hac', 'train', 'task:=reach'])
    config = json.loads(folder.config.read_text())
    assert config['settings']['run'] == SETTINGS['run']
    assert config['starts'] == [{'command': ['hac', 'train', 'task:=reach'], 'versions': versions()}]
    assert set(versions()) - {'commit'} == {'python', 'hac_ros', 'numpy', 'torch', 'mujoco', 'gymnasium-robotics', 'rclpy'}
    assert all(path.is_dir() for path in (folder.tensorboard, folder.checkpoint, folder.log))


def test_the_commit_is_told_where_the_package_lies_in_a_repository(tmp_path):
    assert commit(tmp_path) == ''
    git = ['git', '-C', str(tmp_path), '-c', 'user.name=a', '-c', 'user.email=a@b']
    subprocess.run([*git, 'init', '-q'], check=True)
    assert commit(tmp_path) == ''       # nothing is committed yet
    (tmp_path / 'a').write_text('1')
    for words in (['add', 'a'], ['commit', '-q', '-m', 'Begin']):
        subprocess.run([*git, *words], check=True)
    clean = commit(tmp_path)
    assert re.fullmatch('[0-9a-f]{12}', clean)
    (tmp_path / 'a').write_text('2')
    assert commit(tmp_path) == f'{clean}-dirty'


def test_what_only_the_caller_knows_is_told_too(tmp_path):
    folder = RunFolder(tmp_path, 'first')
    for resume in (False, True):
        folder.begin(SETTINGS, ['hac'], resume, {'rmw': 'rmw_of_a_test'})
    assert [start['versions']['rmw'] for start in folder.read_config()['starts']] == ['rmw_of_a_test'] * 2


def test_a_begun_run_is_refused_without_resume_and_left_as_it_was(tmp_path):
    folder = RunFolder(tmp_path, 'first')
    folder.begin(SETTINGS, ['hac'])
    before = folder.config.read_bytes()
    with pytest.raises(RunExists, match='exists already; to go on with it add resume:=true'):
        folder.begin(SETTINGS, ['hac'])
    assert folder.config.read_bytes() == before


def test_a_resumed_run_records_both_commands(tmp_path):
    folder = RunFolder(tmp_path, 'first')
    folder.begin(SETTINGS, ['hac', 'one'])
    config = folder.begin({**SETTINGS, 'run': {**SETTINGS['run'], 'resume': True}}, ['hac', 'two'], resume=True)
    assert [start['command'][1] for start in config['starts']] == ['one', 'two']
    assert folder.read_config() == json.loads(json.dumps(config))


def test_a_resumed_run_cannot_change_what_it_learns(tmp_path):
    folder = RunFolder(tmp_path, 'first')
    folder.begin(SETTINGS, ['hac'])
    with pytest.raises(ValueError, match='cannot go on with other settings: run.seed was 3, 4 came'):
        folder.begin({**SETTINGS, 'run': {**SETTINGS['run'], 'seed': 4}}, ['hac'], resume=True)


def test_resume_without_a_run_says_what_to_do(tmp_path):
    with pytest.raises(RunMissing, match='was never begun.*start it without resume:=true'):
        RunFolder(tmp_path, 'first').begin(SETTINGS, ['hac'], resume=True)


@pytest.fixture
def writer(tmp_path):
    """Another process that has begun to write a file and a folder in each place of run ``first``."""
    for place in PLACES:
        (tmp_path / 'first' / place).mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, '-c', WRITER, *(str(tmp_path / 'first' / place) for place in PLACES)],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'writing\n'
    yield process
    process.kill()
    process.communicate()


def parts(folder: RunFolder) -> list[str]:
    return sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob('.*.part-*'))


def test_what_a_crash_left_is_swept_at_the_next_start_and_not_before(tmp_path, writer):
    folder = RunFolder(tmp_path, 'first')
    begun = parts(folder)
    assert len(begun) == 3 * len(PLACES)
    folder.begin(SETTINGS, ['hac'])
    assert parts(folder) == begun, 'its process lives'
    writer.kill()
    writer.wait()
    (folder.proposals / 'round-00000004.safetensors').write_bytes(b'whole')
    folder.begin(SETTINGS, ['hac'], resume=True)
    assert parts(folder) == []
    assert (folder.proposals / 'round-00000004.safetensors').read_bytes() == b'whole'


def test_a_film_that_was_never_finished_is_swept(tmp_path, child):
    folder = RunFolder(tmp_path, 'first')
    folder.films.mkdir(parents=True)
    film = folder.films / f'.round-00000008.part-{child.pid}.mp4'
    film.write_bytes(b'half')
    folder.begin(SETTINGS, ['hac'])
    assert film.exists()
    child.kill()
    child.wait()
    folder.begin(SETTINGS, ['hac'], resume=True)
    assert not film.exists()


def test_a_process_that_has_the_number_of_one_that_crashed_keeps_nothing(tmp_path, child):
    folder = RunFolder(tmp_path, 'first')
    folder.journal.mkdir(parents=True)
    left = folder.journal / f'.planner_0.json.part-{child.pid}-0'
    left.write_bytes(b'half')
    os.utime(left, (1e9, 1e9))      # long before that process began
    folder.begin(SETTINGS, ['hac'])
    assert not left.exists()
