"""`hac view key:=value ...`: serves a page on which a run can be watched: view.launch.xml with other defaults."""
import argparse
import sys
from pathlib import Path

from hac_ros.cli import Refused, key_values, launch
from hac_ros.launching import launch_file, shared_memory
from hac_ros.launching.supervisor import Supervisor
from hac_ros.launching.terminal import Terminal
from hac_ros.run_folder import RunFolder, RunInUse, RunMissing

FILE = 'view.launch.xml'
HERE = {'rviz': 'false', 'browser': 'true'}    # the embedded ROS 2 has no RViz


def run(words: list[str]) -> int:
    """Run the verb."""
    path = launch.find(FILE)
    parser = launch.parser_for('view', 'Watch a run in the browser, while it trains. Without run:= the one that runs.')
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = 'arguments:\n' + key_values.table(launch_file.arguments(path))
    options = parser.parse_intermixed_args(words)
    if options.show_args:
        return launch.show_arguments(path)
    given = completed(key_values.read(options.arguments, launch_file.arguments(path)))
    plan, _ = launch.planned(path, [f'{key}:={value}' for key, value in given.items()])
    shared_memory.clean()
    log = RunFolder(given['folder'], given['run']).log / 'view'
    if given['browser'] == 'true':
        print(f'Watching {given["run"]} at http://{given["host"]}:{given["port"]} (Ctrl-C ends)', flush=True)
    return Supervisor(plan, log, Terminal(sys.stderr, options.verbose)).run()


def completed(given: dict[str, str]) -> dict[str, str]:
    """Return the arguments with what the run itself says: its name, task, arms and control mode."""
    given = {'folder': 'runs', 'host': '127.0.0.1', 'port': '8080', **HERE, **given}
    if 'run' not in given:
        given['run'] = running(Path(given['folder']))
    return {**settings(RunFolder(given['folder'], given['run'])), **given}


def settings(folder: RunFolder) -> dict[str, str]:
    """Return task, arms and control mode of a run as launch arguments; nothing where its folder is not on this machine."""
    try:
        config = folder.read_config()['settings']['run']
        return {key: str(config[key]) for key in ('task', 'arms', 'control')}
    except (RunMissing, KeyError):
        return {}


def running(root: Path) -> str:
    """Return the name of the run in ``root`` that a process owns; raises Refused if it is not exactly one."""
    found = [path.parent.name for path in sorted(root.glob('*/config.json')) if _is_running(root, path.parent.name)]
    if len(found) != 1:
        raise Refused(f'{" and ".join(found) or "no run"} in {root} is training; name one with run:=<name>, '
                      f'or start one with ./hac train')
    return found[0]


def _is_running(root: Path, name: str) -> bool:
    try:
        with RunFolder(root, name).claim():
            return False
    except RunInUse:
        return True
