"""`hac deploy task:=... robot:=emulator episodes:=100 --json`: a bundle drives a Fetch, and what came of it."""
import argparse
import json
import sys
from pathlib import Path

from hac_ros import shipped, tasks
from hac_ros.cli import Parser, Refused, key_values, launch
from hac_ros.cli.evaluate import number
from hac_ros.launching import launch_file
from hac_ros.launching.launch_file import Argument

FILE = 'deploy.launch.xml'
OWN = (Argument('episodes', '100', 'Episodes on the emulator', ()),
       Argument('replay', '', 'Folder of a deployment\'s episodes: run the policy on them, without a robot', ()))
DERIVED = ('clock', 'autostart')     # follow from robot and pace


def accepted() -> dict[str, Argument]:
    """Return what the verb accepts: its own arguments and the launch file's."""
    given = launch_file.arguments(launch.find(FILE))
    given['bundle'] = Argument('bundle', '', given['bundle'].description, ())
    return {argument.name: argument for argument in OWN} | {
        name: argument for name, argument in given.items() if name not in DERIVED}


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 0 where all episodes were driven, or replayed to the same commands."""
    arguments = accepted()
    parser = Parser(prog='hac deploy', description='Drive a Fetch, emulated or real, with a trained bundle.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(arguments))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('-v', '--verbose', action='store_true', help='show everything that the nodes print')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, arguments)
    value = complete(given)
    if value['replay']:
        return tell(replayed(value), options.json)
    if value['robot'] == 'fetch':
        return drive_robot(value, given, options.verbose)
    check(value)
    from hac_ros.cli.deploy_emulated import Deployment      # ROS takes a second: errors above come at once
    return tell(Deployment(value, number('episodes', value['episodes'], 1)).report(), options.json)


def complete(given: dict[str, str]) -> dict[str, str]:
    """Return all arguments, with defaults for those that are not ``given``. Raises ValueError if no bundle is shipped."""
    value = {name: given.get(name, argument.default) for name, argument in accepted().items()}
    control = 'mocap' if value['allow_control_mismatch'] == 'true' else 'fetch'
    return {**value, 'bundle': value['bundle'] or str(shipped.default(value['task'], control))}


def tell(report: dict, as_json: bool) -> int:
    """Print a report; return the exit status."""
    print(json.dumps(report) if as_json else '\n'.join(f'{name}: {value}' for name, value in report.items()))
    return 0 if report.get('same', report.get('complete', True)) else 1


def check(value: dict[str, str]) -> None:
    """Raise BundleRefused for a bundle that does not fit, before anything starts."""
    from hac_ros.learning.bundle import read_bundle
    mismatch = value['allow_control_mismatch'] == 'true' and value['robot'] == 'emulator'
    tasks.by_name(value['task'], 'fetch')
    read_bundle(value['bundle'], value['task'], None if mismatch else 'fetch')


def replayed(value: dict[str, str]) -> dict:
    """Return what a replay shows."""
    from hac_ros.deployment_replay import replay
    from hac_ros.learning.bundle import read_bundle
    return {'replay': value['replay'], **replay(Path(value['replay']), read_bundle(value['bundle'], value['task']))}


def drive_robot(value: dict[str, str], given: dict[str, str], verbose: bool) -> int:
    """Launch everything but a robot, and leave it to the operator to activate the bridge."""
    if given.keys() & {'episodes', 'seed', 'pace'}:
        raise Refused('robot:=fetch takes no episodes, seed or pace: they are the emulator\'s')
    if value['allow_control_mismatch'] == 'true':
        raise Refused('allow_control_mismatch:=true is for robot:=emulator only: a real arm is not driven by a policy '
                      'that was trained in mocap')
    if value['watched'] == 'false' and value['shadow'] == 'false':
        raise Refused('watched:=false is for robot:=emulator, or for a dry run (shadow:=true): no real arm is moved without a guard')
    check(value)
    words = [f'{key}:={item}' for key, item in {**given, 'robot': 'fetch', 'bundle': value['bundle']}.items()]
    plan, _ = launch.planned(launch.find(FILE), words)
    bridge = next(node.path for node in plan if node.executable == 'fetch_bridge')
    print(f'The arm does not move yet. Where all is clear: ros2 lifecycle set {bridge} configure, then activate. '
          'Step by step: docs/deploy.md', file=sys.stderr)
    return launch.supervise(plan, verbose)
