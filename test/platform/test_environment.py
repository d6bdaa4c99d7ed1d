"""What the doctor sees, and what it repairs."""

import fcntl
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from privileges import GIVE_UP_REAL_TIME

from hac_ros import environment

REPO = Path(__file__).resolve().parents[2]


def test_too_little_disk_is_reported_with_what_is_there_and_what_is_wanted(tmp_path):
    item = environment.find_disk(tmp_path / 'not' / 'yet', wanted=10**18)
    assert not item.ok
    assert str(tmp_path) in item.found
    assert item.wanted == '1000000000.0 GB'
    assert 'HAC_HOME' in item.mend


def test_enough_disk_is_no_complaint(tmp_path):
    item = environment.find_disk(tmp_path, wanted=1)
    assert item.ok and item.mend == ''


def test_a_cmake_export_is_fitted_to_this_python_once(tmp_path):
    export = tmp_path / 'export.cmake'
    export.write_text('INCLUDES "/opt/python/cp311-cp311/include/python3.11;/opt/python/cp311-cp311/lib/python3.11/'
                      'site-packages/numpy/_core/include"\n')
    assert environment.repair_export(export)
    python, numpy = export.read_text().split('"')[1].split(';')
    assert python == sysconfig.get_path('include')
    assert (Path(numpy) / 'numpy' / 'arrayobject.h').is_file()
    assert not environment.repair_export(export)


def test_local_setup_puts_each_folder_into_the_environment_once(tmp_path):
    setup = tmp_path / 'local_setup.sh'
    setup.write_text(environment.local_setup(tmp_path))
    script = f'set -u; . {setup}; . {setup}; printf "%s\\n" "$AMENT_PREFIX_PATH" "$PATH" "$_ROS_WHEELS_BOOTSTRAP_COMPLETE"'
    done = subprocess.run(['sh', '-c', script], env={'PATH': '/usr/bin:/bin'}, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(tmp_path), f'{tmp_path}/bin:/usr/bin:/bin', '1']


def test_shared_memory_of_the_dead_is_told_from_that_of_the_living(tmp_path):
    for name in ('fastrtps_dead', 'fastrtps_dead_el', 'fastrtps_alive', 'fastrtps_alive_el', 'sem.fastrtps_alive_mutex'):
        (tmp_path / name).write_bytes(b'x' * 1000)
    with open(tmp_path / 'fastrtps_alive_el') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        item = environment.find_shared_memory(tmp_path)
        assert not item.ok and not item.required
        assert item.found == '5 files of Fast DDS, 2 left behind (0.0 MB)'
    assert environment.find_shared_memory(tmp_path).found.startswith('5 files of Fast DDS, 5 left behind')


def test_what_only_films_and_browser_tests_want_is_a_note():
    for item in (environment.find_opengl([('EGL', ['libno-such.so.1'])]), environment.find_browser([('no-such-browser', 'nor-this')])):
        assert not item.ok and not item.required and item.found.startswith('no ') and 'sudo apt install' in item.mend
    assert 'libegl1' in environment.find_opengl([('EGL', ['libno-such.so.1'])]).mend


UNPRIVILEGED = f"""
from hac_ros import environment
{GIVE_UP_REAL_TIME}
before = os.sched_getscheduler(0)
print(environment.find_real_time().found, os.sched_getscheduler(0) == before)
"""


def test_real_time_priority_is_tried_and_taken_back_and_is_a_note_where_it_is_not_permitted():
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    item = environment.find_real_time()
    assert not item.required and item.found == ('permitted' if item.ok else 'not permitted')
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
    printed = subprocess.run([sys.executable, '-c', UNPRIVILEGED], capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed == 'not permitted True\n'


def test_one_library_for_films_is_enough():
    item = environment.find_opengl([('EGL', ['libno-such.so.1']), ('C', ['libno-such.so.1', 'libc.so.6'])])
    assert item.ok and item.found == 'C'
    assert environment.find_browser([('no-such-browser', 'sh'), ('env',)]).found == 'sh, env'


def test_a_crash_while_importing_counts_against_every_module(tmp_path):
    crash = tmp_path / 'python'
    crash.write_text('#!/bin/sh\necho dying >&2\nexit 139\n')
    crash.chmod(0o755)
    report = environment.run_imports(crash, ['numpy'])
    assert report == {'numpy': (False, 'dying'), 'rmw': (False, 'dying')}


def test_imports_are_really_tried():
    report = environment.run_imports(sys.executable, ['json', 'no_such_module_here'])
    assert report['json'][0] is True
    assert report['no_such_module_here'] == [False, "ModuleNotFoundError: No module named 'no_such_module_here'"]
