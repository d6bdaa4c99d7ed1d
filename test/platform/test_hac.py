"""`hac` as a user meets it: clear lines where something is missing, and no second set-up."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
HAC = REPO / 'hac'
TOOLS = ['bash', 'cat', 'cut', 'dirname', 'env', 'find', 'flock', 'mkdir', 'mktemp', 'python3', 'readlink', 'realpath',
         'rm', 'rmdir', 'sed', 'sha256sum', 'sort', 'tail', 'xargs']

embedded = pytest.mark.skipif(os.environ.get('HAC_WORLD') != 'embedded', reason='needs the embedded environment')

# What a sourced ROS 2 adds; a fresh machine has none of it.
ROS_VARIABLES = ['AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'COLCON_PREFIX_PATH', 'LD_LIBRARY_PATH', 'PYTHONPATH',
                 'ROS_DISTRO', 'ROS_VERSION', 'ROS_PYTHON_VERSION', 'VIRTUAL_ENV', 'HAC_WORLD', 'HAC_PYTHON',
                 '_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'CC', 'CXX', 'ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE']


@pytest.fixture
def home(tmp_path):
    """An HAC_HOME that does not exist yet."""
    return tmp_path / 'home'


@pytest.fixture
def bare(home):
    """The environment of a shell on a machine without ROS, with an empty HAC_HOME."""
    variables = {name: value for name, value in os.environ.items() if name not in ROS_VARIABLES}
    return {**variables, 'HAC_HOME': str(home)}


def hac(environment, *arguments, timeout=120, script=HAC):
    return subprocess.run([str(script), *arguments], env=environment, capture_output=True, text=True, timeout=timeout)


def only_line(done):
    """The one line that a failed `hac` says."""
    assert done.returncode != 0
    assert done.stdout == ''
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_scripts_are_sound():
    for script in (HAC, REPO / '.ci' / 'run'):
        assert os.access(script, os.X_OK)
        subprocess.run(['bash', '-n', str(script)], check=True)


@pytest.mark.skipif(shutil.which('shellcheck') is None, reason='needs shellcheck')
def test_scripts_pass_shellcheck():
    subprocess.run(['shellcheck', str(HAC), str(REPO / '.ci' / 'run')], check=True)


@pytest.mark.parametrize('verb', ['setup', 'doctor', 'train'])
def test_a_python_that_does_not_exist_is_named_in_one_line(bare, home, verb):
    line = only_line(hac({**bare, 'HAC_PYTHON': '/nowhere/python3'}, verb))
    assert 'HAC_PYTHON=/nowhere/python3' in line
    assert '3.10 to 3.13' in line
    assert not home.exists()


def test_a_missing_compiler_is_named_in_one_line(bare, home, tmp_path):
    tools = tmp_path / 'bin'
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name))
    line = only_line(hac({**bare, 'PATH': str(tools)}, 'setup'))
    assert 'no C compiler (cc, gcc, clang)' in line
    assert 'no C++ compiler (c++, g++, clang++)' in line
    assert 'sudo apt install build-essential' in line
    assert not home.exists()


def test_a_named_compiler_that_is_missing_is_the_one_reported(bare):
    line = only_line(hac({**bare, 'CXX': 'no-such-compiler'}, 'setup'))
    assert 'no C++ compiler (no-such-compiler)' in line


def test_doctor_names_what_is_missing_before_anything_is_installed(bare, home):
    done = hac(bare, 'doctor', '--json')
    report = json.loads(done.stdout)
    found = {item['name']: item for item in report['findings']}
    assert done.returncode == 1
    assert report['ready'] is False
    for name in ('environment', 'ros wheels', 'python packages', 'hac_ros build', 'torch', 'mujoco', 'rmw'):
        assert not found[name]['ok'], name
        assert found[name]['mend'], name
    assert found['python']['ok']
    assert found['disk']['ok']
    assert not home.exists()


@embedded
def test_doctor_finds_that_training_can_run():
    done = hac(dict(os.environ), 'doctor', '--json')
    report = json.loads(done.stdout)
    assert [item for item in report['findings'] if item['required'] and not item['ok']] == []
    assert report['ready'] is True
    assert done.returncode == 0


@embedded
def test_the_installed_doctor_looks_at_the_ros_that_it_runs_in():
    variables = {name: value for name, value in os.environ.items() if name != 'HAC_WORLD'}
    done = subprocess.run([sys.executable, '-m', 'hac_ros.cli', 'doctor', '--json'], env=variables, capture_output=True,
                          text=True)
    report = json.loads(done.stdout)
    assert (report['world'], report['ready'], done.returncode) == ('sourced', True, 0)
    assert not {'environment', 'ros wheels', 'set-up'} & {item['name'] for item in report['findings']}


def test_doctor_reports_a_domain_that_dds_cannot_use(bare):
    done = hac({**bare, 'ROS_DOMAIN_ID': '500'}, 'doctor', '--json')
    domain = next(item for item in json.loads(done.stdout)['findings'] if item['name'] == 'domain')
    assert not domain['ok']
    assert '500' in domain['found'] and '101' in domain['wanted']


@embedded
def test_a_second_start_takes_well_under_a_second():
    def start():
        began = time.monotonic()
        done = hac(dict(os.environ), 'shell', 'true')
        assert (done.returncode, done.stderr) == (0, '')
        return time.monotonic() - began
    hac(dict(os.environ), 'setup')
    assert min(start() for _ in range(3)) < 0.7


@embedded
def test_a_sourced_ros_is_used_as_it_is(home):
    sourced = {name: value for name, value in os.environ.items() if name not in ('HAC_WORLD', 'HAC_PYTHON')}
    done = hac({**sourced, 'HAC_HOME': str(home)}, 'shell', 'bash', '-c', 'echo $HAC_WORLD')
    assert done.stdout.split() == ['sourced']
    assert not home.exists()


@embedded
def test_environment_keeps_what_the_user_chose_and_else_stays_on_the_machine():
    command = ['shell', 'bash', '-c', 'echo $ROS_AUTOMATIC_DISCOVERY_RANGE $(basename $FASTRTPS_DEFAULT_PROFILES_FILE)']
    names = ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
    plain = {name: value for name, value in os.environ.items() if name not in names}
    for unchosen in ({}, {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}):
        assert hac({**plain, **unchosen}, *command).stdout.split() == ['SYSTEM_DEFAULT', 'loopback.xml']
    inner = ['shell', 'env', 'ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET', str(HAC), *command]
    assert hac(plain, *inner).stdout.split() == ['SUBNET', 'fastdds.xml'], 'our profile would keep it to this machine'
    chosen = {**plain, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET', 'FASTRTPS_DEFAULT_PROFILES_FILE': 'mine.xml'}
    assert hac(chosen, *command).stdout.split() == ['SUBNET', 'mine.xml']


@pytest.fixture
def offline(bare, tmp_path):
    """Without any package index, so that set-up gets as far as pip."""
    return {**bare, 'PIP_CONFIG_FILE': os.devnull, 'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': str(tmp_path)}


def test_a_failed_step_shows_the_end_of_its_log_and_is_taken_up_again(offline, home):
    first = hac(offline, 'setup')
    lines = first.stderr.splitlines()
    assert first.returncode != 0
    assert lines[0] == 'hac: making a virtual environment'
    log = REPO / re.search(r'The whole log: (\S+)', lines[-1]).group(1)
    end = log.read_text().splitlines()[-15:]
    assert lines[-1 - len(end):-1] == end
    assert any(line.startswith('ERROR: ') for line in lines)
    second = hac(offline, 'setup')
    assert second.returncode != 0
    assert 'hac: making a virtual environment' not in second.stderr
    assert sorted(path.name for path in (home / 'stamps').iterdir()) == ['venv']


def test_an_installation_that_was_killed_is_begun_anew(offline, home, tmp_path):
    never_written = tmp_path / 'constraints'
    os.mkfifo(never_written)
    with subprocess.Popen([str(HAC), 'setup'], env={**offline, 'PIP_CONSTRAINT': str(never_written)},
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as first:
        while 'installing' not in first.stderr.readline():
            assert first.poll() is None
        (home / 'venv' / 'half_installed').touch()
        os.killpg(first.pid, signal.SIGKILL)
    assert 'installing' in hac(offline, 'setup').stderr
    assert (home / 'venv' / 'bin' / 'python').exists()
    assert not (home / 'venv' / 'half_installed').exists()


def write_wheel(folder, name, files):
    """Write a wheel whose description comes before its `files`, {name: content}: pip installs them in this order."""
    about = f'{name}-1.0.dist-info'
    files = {f'{about}/METADATA': f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n',
             f'{about}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
             **{file.format(about=about): content for file, content in files.items()}}
    with zipfile.ZipFile(folder / f'{name}-1.0-py3-none-any.whl', 'w', zipfile.ZIP_DEFLATED) as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
        wheel.writestr(f'{about}/RECORD', ''.join(f'{file},,\n' for file in [*files, f'{about}/RECORD']))


def write_clone(folder, requirement):
    """Write a clone that consists of `hac`, what it reads, and a single requirement."""
    for name in ('hac', 'hac_ros/environment.py'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    files = {'requirements/ros.txt': requirement, 'requirements/python.txt': '',
             'requirements/lock.txt': f'{requirement}==1.0', 'interfaces/control_msgs/package.xml': '', 'msg/Said.msg': '',
             'CMakeLists.txt': '', 'package.xml': '', 'setup.py': '', 'hac_ros/__init__.py': ''}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_an_installation_that_found_the_disk_full_is_begun_anew(offline, home, tmp_path):
    size = 9 * 2**20
    write_wheel(tmp_path, 'large', {'large.bin': bytes(size)})
    script = write_clone(tmp_path / 'clone', 'large') / 'hac'

    def set_up_with_files_up_to(kilobytes):
        return subprocess.run(['bash', '-c', f'ulimit -f {kilobytes}; exec "$0" setup', str(script)], env=offline,
                              capture_output=True, text=True, timeout=120).stderr

    assert 'File too large' in set_up_with_files_up_to(8 * 2**10)
    [halved] = home.glob('venv/lib/python3*/site-packages/large.bin')
    assert halved.stat().st_size < size
    assert 'hac: failed' in set_up_with_files_up_to(100)      # pip itself is not installed whole
    hac(offline, 'setup', script=script)
    assert (home / 'stamps' / 'wheels').exists()
    assert halved.stat().st_size == size


# Stands in for colcon, which takes half a minute: what it builds tells which clone it was built from.
COLCON = '''
import os
from pathlib import Path


def main():
    Path('install').mkdir(exist_ok=True)
    if os.path.islink('src/hac_ros/package.xml'):
        clone = os.path.dirname(os.readlink('src/hac_ros/package.xml'))
        Path('install/setup.bash').write_text(f"export BUILT_FROM='{clone}'")
'''


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """A clone, set up, and the environment of a shell in which that is so."""
    folder = tmp_path_factory.mktemp('built')
    write_wheel(folder, 'colcon', {'colcon.py': COLCON,
                                   '{about}/entry_points.txt': '[console_scripts]\ncolcon = colcon:main\n'})
    clone = write_clone(folder / 'clone', 'colcon')
    variables = {name: value for name, value in os.environ.items() if name not in ROS_VARIABLES}
    variables |= {'HAC_HOME': str(folder / 'home'), 'PIP_CONFIG_FILE': os.devnull, 'PIP_NO_INDEX': '1',
                  'PIP_FIND_LINKS': str(folder)}
    done = hac(variables, 'setup', script=clone / 'hac')
    assert done.returncode == 0, done.stderr
    return clone, variables


def test_each_of_two_clones_with_one_environment_runs_its_own_code(built, tmp_path):
    clone, variables = built
    second = shutil.copytree(clone, tmp_path / 'second')
    for folder in (clone, second, clone):
        done = hac(variables, 'shell', 'printenv', 'BUILT_FROM', script=folder / 'hac')
        assert done.stdout.split() == [str(folder)]


def test_an_open_editor_builds_nothing_and_a_new_module_does(built):
    clone, variables = built
    hac(variables, 'setup', script=clone / 'hac')
    for folder in ('hac_ros', 'msg', 'interfaces'):
        for name in ('.guard.py.swp', 'guard.py~', '#guard.py#'):
            (clone / folder / name).touch()
    assert hac(variables, 'setup', script=clone / 'hac').stderr == ''
    (clone / 'hac_ros' / 'guard.py').touch()
    assert hac(variables, 'setup', script=clone / 'hac').stderr == 'hac: building hac_ros with colcon (half a minute)\n'


def test_clean_removes_what_set_up_made(built, home):
    clone, variables = built
    shutil.copytree(variables['HAC_HOME'], home, symlinks=True)
    assert hac({**variables, 'HAC_HOME': str(home)}, 'clean', script=clone / 'hac').returncode == 0
    assert not home.exists()


def test_two_set_ups_do_not_run_at_once(bare, home):
    home.mkdir()
    (home / 'made_by_hac').touch()
    with subprocess.Popen(['flock', str(home / 'lock'), 'cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        holder.stdin.write('held\n')
        holder.stdin.flush()
        assert holder.stdout.readline() == 'held\n'
        with subprocess.Popen([str(HAC), 'setup'], env=bare, stderr=subprocess.PIPE, text=True,
                              start_new_session=True) as second:
            assert second.stderr.readline() == 'hac: waiting for another hac that is setting up\n'
            os.killpg(second.pid, signal.SIGTERM)
        holder.stdin.close()
    assert not (home / 'venv').exists()


@pytest.mark.parametrize('marks', [['made_by_hac'], ['stamps/venv', 'lock']], ids=['marked', 'older than the mark'])
def test_clean_removes_only_what_hac_made(bare, home, marks):
    for name in [*marks, 'venv/pyvenv.cfg', 'notes.txt', 'src/mine/package.xml']:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
    (home / 'src' / 'hac_ros').mkdir()
    (home / 'src' / 'hac_ros' / 'package.xml').symlink_to(REPO / 'package.xml')
    assert hac(bare, 'clean').returncode == 0
    assert sorted(str(path.relative_to(home)) for path in home.rglob('*')) == [
        'notes.txt', 'src', 'src/mine', 'src/mine/package.xml']


@pytest.mark.parametrize('verb', ['setup', 'clean'])
@pytest.mark.parametrize('name', ['src', 'install', 'venv'])
def test_a_workspace_that_hac_did_not_make_is_left_as_it_is(offline, home, verb, name):
    (home / name).mkdir(parents=True)
    (home / name / 'mine.txt').write_text('mine')
    line = only_line(hac(offline, verb))
    assert f'{home} holds {name}' in line and 'HAC_HOME' in line
    assert sorted(str(path.relative_to(home)) for path in home.rglob('*')) == [name, f'{name}/mine.txt']


@embedded
def test_a_run_without_tests_fails(tmp_path):
    done = hac(dict(os.environ), 'test', str(REPO / 'test' / 'platform'), '-k', 'no_test_is_named_like_this')
    assert done.returncode != 0
    assert 'hac: 0 tests ran' in done.stderr


@embedded
def test_a_run_whose_tests_are_all_skipped_fails(tmp_path):
    (tmp_path / 'test_skipped.py').write_text("import pytest\n\n\ndef test_never():\n    pytest.skip('no reason')\n")
    done = hac(dict(os.environ), 'test', str(tmp_path))
    assert done.returncode != 0
    assert 'hac: 0 tests ran, 1 were skipped' in done.stderr


@embedded
def test_what_a_test_leaves_in_shared_memory_is_removed(tmp_path):
    shutil.copy(HAC, tmp_path / 'hac')
    (tmp_path / 'test').mkdir()
    left = [Path('/dev/shm') / f'fastrtps_{tmp_path.stat().st_ino:016x}{end}' for end in ('', '_el')]
    (tmp_path / 'test' / 'test_left.py').write_text(
        f"from pathlib import Path\n\n\ndef test_left():\n    for name in {[str(path) for path in left]}:\n"
        "        Path(name).touch()\n")
    sourced = {name: value for name, value in os.environ.items() if name not in ('HAC_WORLD', 'HAC_PYTHON')}
    done = subprocess.run([tmp_path / 'hac', 'test', 'test/test_left.py'], env=sourced, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(path.exists() for path in left)


@embedded
def test_the_parts_that_run_side_by_side_are_counted_together_and_each_can_fail(tmp_path):
    shutil.copy(HAC, tmp_path / 'hac')
    sourced = {name: value for name, value in os.environ.items() if name not in ('HAC_WORLD', 'HAC_PYTHON')}
    computing, training = (re.search(rf'^{name}=\((.*?)\)', HAC.read_text(), re.MULTILINE).group(1).split()
                           for name in ('COMPUTING', 'TRAINING'))
    assert all((REPO / 'test' / name).exists() for name in (*computing, *training))
    files = [*(name if name.endswith('.py') else f'{name}/test_{name}.py' for name in computing), *training, 'ros/test_nodes.py']
    for name in files:
        path = tmp_path / 'test' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import os\n\n\ndef test_named():\n    assert os.environ['FAILING'] != '{name}'\n")
    for failing in ('none', files[0], training[0], files[-1]):
        done = subprocess.run([tmp_path / 'hac', 'test'], env={**sourced, 'FAILING': failing}, capture_output=True,
                              text=True)
        assert f'hac: {len(files)} tests ran, 0 were skipped' in done.stderr
        assert done.returncode == (failing != 'none')
        assert re.findall(r'FAILED test/(\S+)::', done.stdout) == [failing] * (failing != 'none')
