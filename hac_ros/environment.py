"""What hac_ros needs of the machine: what is there, what is missing, how to mend it.

`hac` runs this file as a script, before anything is installed: standard library only, and nothing
newer than Python 3.7, so that even a Python too old to train is told so in words.

    environment.py check HOME          one line on stderr and status 1 for the first thing that set-up lacks
    environment.py repair              make the ROS wheels of this virtual environment usable
    environment.py doctor [--json] …   everything, with what would mend it; status 0 if training can run
"""

import argparse
import ctypes
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections import namedtuple
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 10), (3, 13)
SETUP_BYTES = 3 * 10**9
RUN_BYTES = 5 * 10**8
HIGHEST_DOMAIN = 101  # above it, DDS ports fall into the range that Linux gives to clients
SHARED_MEMORY = Path('/dev/shm')
REAL_TIME = 22       # the guard's of a deployment: 2 more than the launch file's priority, a test holds it
# What draws films without a screen, by the names under which MuJoCo and PyOpenGL load it; one is enough.
OPENGL = [('EGL', ['libEGL.so.1']), ('OSMesa', ['libOSMesa.so.8', 'libOSMesa.so.6', 'libOSMesa.so'])]
# Of each, one is enough: chromium is Debian's name; Ubuntu has none without snap, but may have Chrome.
BROWSER = [('chromium', 'google-chrome'), ('chromedriver',)]

# What training imports, and the distribution each comes from.
MODULES = [
    ('rclpy', 'ros-rclpy'),
    ('numpy', 'numpy'),
    ('torch', 'torch'),
    ('mujoco', 'mujoco'),
    ('gymnasium_robotics', 'gymnasium-robotics'),
    ('safetensors', 'safetensors'),
]

# Messages that come from packages of their own; the embedded prefix builds them from interfaces/.
MESSAGES = [
    ('hac_ros.msg', ''),
    ('control_msgs.action', 'control-msgs'),
    ('tf2_msgs.msg', 'tf2-msgs'),
]

Finding = namedtuple('Finding', 'name ok found wanted mend required')


def finding(name, ok, found, wanted='', mend='', required=True):
    """One line of the report. A finding that is not `required` never fails it."""
    return Finding(name, bool(ok), found, wanted, '' if ok else mend, required)


# The machine

def find_python():
    """Is this interpreter one that the ROS wheels exist for?"""
    found = 'Python {}.{}.{} ({})'.format(*sys.version_info[:3], sys.executable)
    return finding('python', OLDEST <= sys.version_info[:2] <= NEWEST, found, 'Python 3.10 to 3.13',
                   'install python3.12, or name another: HAC_PYTHON=/path/to/python3 ./hac setup')


def find_venv_module():
    """Can this interpreter make virtual environments?"""
    missing = [name for name in ('venv', 'ensurepip') if importlib.util.find_spec(name) is None]
    return finding('venv', not missing, 'no module ' + ', '.join(missing) if missing else 'venv, ensurepip',
                   'the modules venv and ensurepip', 'sudo apt install ' + apt_python('venv'))


def find_python_header():
    """Are the headers here that the messages are compiled with?"""
    header = Path(sysconfig.get_path('include'), 'Python.h')
    return finding('headers', header.is_file(), str(header) if header.is_file() else 'no {}'.format(header),
                   'Python.h', 'sudo apt install ' + apt_python('dev'))


def apt_python(suffix):
    """Debian's package of this interpreter's version, such as python3.11-dev."""
    return 'python{}.{}-{}'.format(*sys.version_info[:2], suffix)


def find_compiler():
    """The compilers that CMake would take: CC and CXX, else cc and c++ or their usual other names."""
    names = {
        'C': [os.environ['CC'].split()[0]] if os.environ.get('CC', '').strip() else ['cc', 'gcc', 'clang'],
        'C++': [os.environ['CXX'].split()[0]] if os.environ.get('CXX', '').strip() else ['c++', 'g++', 'clang++'],
    }
    found = {language: next(filter(None, map(shutil.which, tried)), None) for language, tried in names.items()}
    missing = ['no {} compiler ({})'.format(language, ', '.join(names[language]))
               for language, path in found.items() if path is None]
    return finding('compiler', not missing, ', '.join(missing or found.values()),
                   'a C and a C++ compiler', 'sudo apt install build-essential')


def find_disk(home, wanted):
    """Free space where `home` is or will be."""
    place = Path(home).resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(str(place)).free
    return finding('disk', free >= wanted, '{:.1f} GB free at {}'.format(free / 1e9, place),
                   '{:.1f} GB'.format(wanted / 1e9),
                   'free some space, or choose another place: HAC_HOME=/path/with/space ./hac setup')


def machine_findings(home, disk_wanted):
    """What a machine must have before set-up, in the order in which to mend it."""
    return [find_python(), find_venv_module(), find_python_header(), find_compiler(), find_disk(home, disk_wanted)]


# The embedded prefix

def site_packages(venv):
    """The folder of modules of a virtual environment, or None."""
    return next(iter(sorted(Path(venv).glob('lib/python3.*/site-packages'))), None)


def installed_versions(folder):
    """{canonical distribution name: version}, read from the names of the dist-info folders.

    Not from importlib.metadata: the ROS wheels also carry egg-info whose names (rclpy, std_msgs) are
    those of other projects on PyPI.
    """
    found = {}
    for path in Path(folder).glob('*.dist-info'):
        name, _, version = path.name[:-len('.dist-info')].partition('-')
        found[canonical(name)] = version
    return found


def canonical(name):
    """The name of a distribution, as PEP 503 normalises it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def locked_versions(lock, version=None):
    """{canonical name: pinned version} of a lock, for Python `version` (default: this one).

    The version is '' where the lock leaves a choice, as it does for torch. Only the markers
    `python_version < "3.x"` and `>=` are understood: no other is in the lock.
    """
    pins = {}
    for line in Path(lock).read_text(encoding='utf-8').splitlines():
        requirement, _, marker = line.split('#')[0].partition(';')
        if requirement.strip() and admits(marker, version):
            name, pin = re.fullmatch(r'([A-Za-z0-9._-]+)(?:==|[<>~!]=?)(\S+)', requirement.strip()).groups()
            pins[canonical(name)] = pin if '==' in requirement else ''
    return pins


def admits(marker, version=None):
    """Does a marker such as `python_version < "3.11"` hold for `version` (default: this Python)?"""
    if not marker.strip():
        return True
    match = re.fullmatch(r'\s*python_version\s*(<|>=)\s*"3\.(\d+)"\s*', marker)
    if match is None:
        raise ValueError('a lock marker is python_version < or >= "3.x", got ' + repr(marker.strip()))
    minor = (version or sys.version_info)[1]
    return minor < int(match.group(2)) if match.group(1) == '<' else minor >= int(match.group(2))


def find_prefix(home):
    """Virtual environment, wheels and built package under `home`."""
    home = Path(home)
    mend = './hac setup'
    packages = site_packages(home / 'venv')
    wanted = locked_versions(REPOSITORY / 'requirements' / 'lock.txt')
    present = installed_versions(packages) if packages else {}
    missing = [name for name, pin in wanted.items() if name not in present or pin not in ('', present[name])]
    ros_missing = [name for name in missing if name.startswith('ros-')]
    built = home / 'install' / 'hac_ros' / 'share' / 'hac_ros' / 'package.xml'
    return [
        finding('environment', packages, str(home / 'venv') if packages else 'no virtual environment in {}'.format(home),
                'a virtual environment', mend),
        finding('ros wheels', not ros_missing, describe_missing(ros_missing, wanted, 'ros-'),
                'every ROS wheel of requirements/lock.txt', mend),
        finding('python packages', len(missing) == len(ros_missing),
                describe_missing(sorted(set(missing) - set(ros_missing)), wanted, ''),
                'every package of requirements/lock.txt', mend),
        finding('hac_ros build', built.is_file(), str(built.parent) if built.is_file() else 'not built',
                'hac_ros built by colcon', mend),
    ]


def describe_missing(missing, wanted, prefix):
    """How many distributions with `prefix` are installed, or the first of those that are not."""
    if not missing:
        return '{} installed'.format(sum(name.startswith(prefix) for name in wanted))
    shown = ', '.join(missing[:3])
    return '{} missing or of another version: {}{}'.format(len(missing), shown, ', …' if len(missing) > 3 else '')


# What Python imports

IMPORTS = '''
import importlib, json, sys
report = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        report[name] = [True, str(getattr(module, "__version__", ""))]
    except Exception as error:
        report[name] = [False, "{}: {}".format(type(error).__name__, error)]
try:
    import rclpy
    report["rmw"] = [True, rclpy.get_rmw_implementation_identifier()]
except Exception as error:
    report["rmw"] = [False, str(error)]
print(json.dumps(report))
'''


def find_modules(python):
    """Import, in `python`, what training imports. A module that is installed but broken is found out."""
    names = [name for name, _ in MODULES + MESSAGES]
    report = run_imports(python, names)
    findings = []
    for name, distribution in MODULES + MESSAGES:
        ok, text = report.get(name, (False, 'not tried'))
        findings.append(finding(name, ok, text or 'imports', 'import ' + name, mend_module(distribution)))
    ok, text = report.get('rmw', (False, 'not tried'))
    findings.append(finding('rmw', ok, text, 'an RMW implementation', 'ros-jazzy-rmw-fastrtps-cpp is needed'))
    return findings


def run_imports(python, names):
    """{name: [imports, version or error]}; a crash of the interpreter counts against every name."""
    if not Path(python).exists():
        return {name: (False, 'not installed') for name in names + ['rmw']}
    done = subprocess.run([str(python), '-c', IMPORTS] + names, cwd=str(REPOSITORY), universal_newlines=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ['status {}'.format(done.returncode)])[-1]
        return {name: (False, last) for name in names + ['rmw']}


def mend_module(distribution):
    """What mends an import of `distribution`, in the present world."""
    if os.environ.get('HAC_WORLD') == 'sourced':
        if distribution in ('ros-rclpy', ''):
            return 'colcon build, then source install/setup.bash (docs/install.md)'
        if distribution.endswith('-msgs'):
            return 'sudo apt install ros-jazzy-{}'.format(distribution)
        return 'pip install -r requirements/python.txt'
    return './hac setup'


# Fast DDS

def find_shared_memory(folder=SHARED_MEMORY):
    """Segments that a killed process left behind: nobody maps them and nobody holds their lock."""
    segments = {}
    for path in Path(folder).glob('*fastrtps_*'):
        try:
            segments[path] = path.stat()
        except OSError:  # its process has just ended
            continue
    mapped, locked = mapped_files(folder), locked_inodes()
    used = {owner(path) for path, status in segments.items() if str(path) in mapped or status.st_ino in locked}
    dead = [path for path in segments if owner(path) not in used]
    size = sum(segments[path].st_size for path in dead)
    found = '{} files of Fast DDS, {} left behind ({:.1f} MB)'.format(len(segments), len(dead), size / 1e6)
    return finding('shared memory', not dead, found, 'nothing left behind', './hac shell fastdds shm clean',
                   required=False)


def owner(path):
    """A segment and its locks belong together: fastrtps_port7410_el -> fastrtps_port7410."""
    name = re.sub(r'^sem\.', '', path.name)
    return re.sub(r'(_el|_sl|_mutex)$', '', name)


def mapped_files(folder):
    """Paths below `folder` that some process has mapped."""
    found = set()
    for maps in Path('/proc').glob('[0-9]*/maps'):
        try:
            text = maps.read_text(errors='replace')
        except OSError:  # it has ended, or belongs to someone else
            continue
        found.update(re.findall(re.escape(str(folder)) + r'/\S+', text))
    return found


def locked_inodes():
    """Inodes that some process holds a lock on."""
    try:
        text = Path('/proc/locks').read_text()
    except OSError:
        return set()
    return {int(inode) for inode in re.findall(r'[0-9a-f]+:[0-9a-f]+:(\d+) ', text)}


def find_domain():
    """Is ROS_DOMAIN_ID one that Fast DDS can use?"""
    text = os.environ.get('ROS_DOMAIN_ID', '0')
    ok = text.isdigit() and int(text) <= HIGHEST_DOMAIN
    return finding('domain', ok, 'ROS_DOMAIN_ID={}'.format(text), '0 to {}'.format(HIGHEST_DOMAIN),
                   'unset ROS_DOMAIN_ID')


def find_discovery_range():
    """Is ROS_AUTOMATIC_DISCOVERY_RANGE one that ROS knows?"""
    text = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    allowed = ('LOCALHOST', 'SUBNET', 'SYSTEM_DEFAULT')
    return finding('discovery', text in allowed, 'ROS_AUTOMATIC_DISCOVERY_RANGE={}'.format(text),
                   ', '.join(allowed), 'unset ROS_AUTOMATIC_DISCOVERY_RANGE')


# What training can do without

def find_opengl(libraries=OPENGL):
    """Does the system have a library that films are drawn with? Whether it draws, ./hac render finds out."""
    found = [name for name, files in libraries if any(map(loads, files))]
    return finding('opengl', found, ', '.join(found) or 'no ' + ', no '.join(name for name, _ in libraries),
                   'a library for films (./hac render)', 'sudo apt install libegl1 libgl1-mesa-dri', required=False)


def loads(library):
    """Can the dynamic linker load `library`?"""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def find_browser(programs=BROWSER):
    """Is there the browser that the page of ./hac view is tested in? To look at the page, any will do."""
    found = [next(filter(shutil.which, names), None) for names in programs]
    missing = [' or '.join(names) for names, name in zip(programs, found) if name is None]
    return finding('browser', not missing, 'no ' + ', no '.join(missing) if missing else ', '.join(found),
                   'Chromium for the tests of ./hac view', 'sudo apt install chromium chromium-driver', required=False)


def find_real_time(priority=REAL_TIME):
    """May nodes take the real-time priority that a deployment asks for? Tried, and taken back."""
    policy, usual = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return finding('real-time', False, 'not permitted', 'real-time priority for deployments (./hac deploy)',
                       'docs/deploy.md tells how to permit it', required=False)
    os.sched_setscheduler(0, policy, usual)
    return finding('real-time', True, 'permitted', 'real-time priority for deployments', '', required=False)


# Repair

def repair():
    """Make the ROS wheels of the running virtual environment usable. Safe to repeat.

    1. The CMake exports name the Python and the numpy of the machine that built the wheels.
    2. Nothing sets the environment: colcon chains to local_setup.sh and .bash if they exist.
    """
    prefix = Path(sys.prefix)
    if prefix == Path(sys.base_prefix):
        raise SystemExit('repair wants the interpreter of a virtual environment, got {}'.format(sys.executable))
    changed = sum(repair_export(path) for path in sorted(prefix.glob('share/*/cmake/*.cmake')))
    setup = local_setup(prefix)
    for name in ('local_setup.sh', 'local_setup.bash'):
        (prefix / name).write_text(setup, encoding='utf-8')
    print('{} CMake exports mended, local_setup written'.format(changed))


def repair_export(path):
    """Put this interpreter's include folders into one CMake file; True if it named foreign ones."""
    text = path.read_text(encoding='utf-8')
    numpy_include = Path(importlib.util.find_spec('numpy').origin).parent / '_core' / 'include'
    if not numpy_include.is_dir():  # numpy 1.26
        numpy_include = numpy_include.parents[1] / 'core' / 'include'
    mended = re.sub(r'/opt/python/[^;"]*/numpy/_?core/include', numpy_include.as_posix(), text)
    mended = re.sub(r'/opt/python/[^;"/]*/include/python3\.\d+', sysconfig.get_path('include'), mended)
    if mended == text:
        return False
    path.write_text(mended, encoding='utf-8')
    return True


def local_setup(prefix):
    """The shell text that puts `prefix` into the environment, each folder once."""
    modules = Path(sysconfig.get_path('purelib'))
    libraries = [prefix / 'lib'] + sorted(modules.glob('ros_*.libs'))
    lines = ['# Written by hac: puts the embedded ROS 2 into the environment.',
             '_hac_prepend() {',
             '  eval "_hac_value=\\${$1:-}"',
             '  case ":$_hac_value:" in',
             '    *":$2:"*) ;;',
             '    *) export "$1=$2${_hac_value:+:$_hac_value}" ;;',
             '  esac',
             '}']
    for name, folders in [('LD_LIBRARY_PATH', reversed(libraries)), ('PATH', [prefix / 'bin']),
                          ('AMENT_PREFIX_PATH', [prefix]), ('CMAKE_PREFIX_PATH', [prefix])]:
        lines += ["_hac_prepend {} '{}'".format(name, folder) for folder in folders]
    lines += ["export VIRTUAL_ENV='{}'".format(prefix),
              'export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3',
              '# Without this, a .pth file of the wheels starts every Python a second time.',
              'export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1',
              'unset -f _hac_prepend; unset _hac_value']
    return '\n'.join(lines) + '\n'


# Commands

def check(home):
    """Say the first thing that set-up lacks and return 1, or return 0."""
    for item in machine_findings(home, SETUP_BYTES):
        if not item.ok:
            print('hac: found {0.found}; {0.wanted} is needed. {0.mend}'.format(item), file=sys.stderr)
            return 1
    return 0


def doctor(home, python, as_json, stale):
    """Print every finding; return 0 if training can run."""
    sourced = os.environ.get('HAC_WORLD') == 'sourced'
    findings = [find_python()] if sourced else machine_findings(home, RUN_BYTES if not stale else SETUP_BYTES)
    if not sourced:
        findings += find_prefix(home)
        findings.append(finding('set-up', not stale, 'to do: ' + ', '.join(stale) if stale else 'up to date',
                                'every step done with the present inputs', './hac setup'))
    findings += find_modules(python) + [find_shared_memory(), find_domain(), find_discovery_range()]
    findings += [find_opengl(), find_browser(), find_real_time()]
    ready = all(item.ok for item in findings if item.required)
    if as_json:
        print(json.dumps({'ready': ready, 'world': 'sourced' if sourced else 'embedded',
                          'findings': [item._asdict() for item in findings]}, indent=1))
    else:
        print_report(findings, ready)
    return 0 if ready else 1


def print_report(findings, ready):
    """Print the findings as text, each that fails with what would mend it."""
    for item in findings:
        mark = 'ok     ' if item.ok else 'MISSING' if item.required else 'note   '
        print('{}  {:18} {}'.format(mark, item.name, item.found))
        if not item.ok:
            print('{:27}wanted: {}; {}'.format('', item.wanted, item.mend))
    print('training can run' if ready else 'training cannot run yet')


def as_far_as_read(run):
    """Return the exit status of ``run()``, or that of SIGPIPE where whoever reads its output, as `head`, has read enough."""
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def main(argv=None):
    """Run the command that `argv` names and return the exit status."""
    parser = argparse.ArgumentParser(prog='environment.py', description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest='command')
    commands.required = True
    commands.add_parser('check').add_argument('home')
    commands.add_parser('repair')
    report = commands.add_parser('doctor', prog='hac doctor',
                                 description='What is there, what is missing, how to mend it.')
    report.add_argument('--json', action='store_true', help='print one JSON object')
    report.add_argument('--home', default=str(REPOSITORY / '.hac'), help=argparse.SUPPRESS)
    report.add_argument('--python', default=sys.executable, help=argparse.SUPPRESS)
    report.add_argument('--stale', default='', help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.command == 'check':
        return check(options.home)
    if options.command == 'repair':
        return repair()
    return as_far_as_read(lambda: doctor(options.home, options.python, options.json, options.stale.split()))


if __name__ == '__main__':
    sys.exit(main())
