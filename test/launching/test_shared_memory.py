"""Cleaning of shared memory: dead processes' files go, living ones' stay."""
import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time

import pytest

from hac_ros.launching import shared_memory

# Holds the lock of each file as Fast DDS does, tells so, and goes on until it is killed.
HOLDER = '''
import fcntl, signal, sys
files = [open(path, 'ab') for path in sys.argv[2:]]
for file in files:
    fcntl.flock(file, fcntl.LOCK_EX if sys.argv[1] == 'el' else fcntl.LOCK_SH)
print('held', flush=True)
while True: signal.pause()
'''
SEGMENT, PORT = 'fastrtps_0123456789abcdef', 'fastrtps_port7411'


def make(folder, *names, old=True):
    """Make files, old or new ones, and return their names, sorted."""
    for name in names:
        (folder / name).write_bytes(b'x')
    if old:
        age(folder, names)
    return sorted(names)


def age(folder, names):
    """Have files look as if they had been there for years."""
    for name in names:
        os.utime(folder / name, (1, 1))


def names(folder):
    """Return the names of the files in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def test_files_of_dead_processes_are_removed_and_told(tmp_path):
    made = make(tmp_path, SEGMENT, f'{SEGMENT}_el', PORT, f'{PORT}_el', f'{PORT}_sl', f'sem.{PORT}_mutex')
    assert shared_memory.clean(tmp_path) == made
    assert names(tmp_path) == []


def test_files_of_a_living_process_stay_until_it_is_killed(tmp_path):
    made = make(tmp_path, SEGMENT, f'{SEGMENT}_el', PORT, f'{PORT}_el', f'{PORT}_sl', f'sem.{PORT}_mutex')
    for kind, locks in (('el', [f'{SEGMENT}_el', f'{PORT}_el']), ('sl', [f'{SEGMENT}_el', f'{PORT}_sl'])):
        command = [sys.executable, '-c', HOLDER, kind, *(str(tmp_path / name) for name in locks)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b'held\n'
            assert shared_memory.clean(tmp_path) == []
            assert names(tmp_path) == made
            holder.kill()
    assert shared_memory.clean(tmp_path) == made


def test_files_of_others_and_segments_without_lock_are_not_touched(tmp_path):
    made = make(tmp_path, 'sem.other', 'fastrtps_notes.txt', SEGMENT, 'fastrtps_short_el', 'psm_1234')
    assert shared_memory.clean(tmp_path) == []
    assert names(tmp_path) == made


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert shared_memory.clean(tmp_path / 'no') == []


def test_a_port_without_lock_is_removed_when_nobody_has_it_mapped_any_more(tmp_path, maps):
    made = make(tmp_path, PORT, f'sem.{PORT}_mutex', old=False)
    assert shared_memory.clean(tmp_path) == [], 'it may just be being made'
    mapper = maps(tmp_path / PORT)
    age(tmp_path, made)
    assert shared_memory.clean(tmp_path) == []
    mapper.kill(), mapper.wait()
    assert shared_memory.clean(tmp_path) == made


def test_the_mutex_of_a_port_that_is_gone_is_removed_as_soon_as_it_is_old_and_nobody_has_it(tmp_path, maps):
    made = make(tmp_path, f'sem.{PORT}_mutex', old=False)
    assert shared_memory.clean(tmp_path) == [], 'it may just be being made'
    mapper = maps(tmp_path / made[0])
    assert shared_memory.clean(tmp_path, wait=True) == []
    mapper.kill(), mapper.wait()
    assert shared_memory.clean(tmp_path, wait=True) == made


def test_what_is_younger_than_asked_for_is_left_alone_and_its_locks_are_not_touched(tmp_path):
    made = make(tmp_path, SEGMENT, f'{SEGMENT}_el', PORT, f'{PORT}_el', old=False)
    age(tmp_path, made[1:])
    assert shared_memory.clean(tmp_path, age=30.0) == made[2:], 'one young file is enough to wait'
    age(tmp_path, made[:1])
    assert shared_memory.clean(tmp_path, age=30.0) == made[:2]


def test_what_a_process_that_was_just_killed_leaves_is_removed_by_who_waits(tmp_path):
    made = make(tmp_path, SEGMENT, f'{SEGMENT}_el', old=False)
    assert shared_memory.clean(tmp_path) == []
    assert shared_memory.clean(tmp_path, wait=True) == made


def at_once(folder) -> list[str]:
    """Return what is removed by who would wait for half a minute, and see that nobody did."""
    began = time.monotonic()
    removed = shared_memory.clean(folder, wait=True, age=30.0)
    assert time.monotonic() - began < 30.0
    return removed


def test_who_ended_well_and_has_left_nothing_is_not_waited_for(tmp_path, maps):
    made = make(tmp_path, PORT, f'{PORT}_el', old=False)
    mapper = maps(tmp_path / PORT)
    assert at_once(tmp_path) == [], 'what others use is not waited for either'
    mapper.kill(), mapper.wait()
    for name in made:
        (tmp_path / name).unlink()
    assert at_once(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason='giving files to another user wants root')
def test_what_is_another_users_is_not_waited_for(tmp_path):
    for name in make(tmp_path, SEGMENT, f'{SEGMENT}_el', old=False):
        os.chown(tmp_path / name, 1, 1)
    assert at_once(tmp_path) == [] and len(names(tmp_path)) == 2


@pytest.mark.parametrize('mind', [shared_memory.NEW, shared_memory.STARTED])
def test_a_reader_that_comes_and_goes_can_lock_its_port_whoever_cleans_meanwhile(tmp_path, mind):
    """Fast DDS makes its lock file, locks it once, and removes both when the reader ends (RobustExclusiveLock.hpp)."""
    ended, refused = threading.Event(), []

    def read():
        for _ in range(3000):
            make(tmp_path, PORT, old=False)
            with open(tmp_path / f'{PORT}_el', 'ab') as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    refused.append('refused')
            for name in (f'{PORT}_el', PORT):
                with contextlib.suppress(FileNotFoundError):
                    (tmp_path / name).unlink()
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    while not ended.is_set():
        assert shared_memory.clean(tmp_path, age=mind) == []
    reader.join()
    assert not refused
