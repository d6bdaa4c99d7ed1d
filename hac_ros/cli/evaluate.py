"""`hac evaluate bundle:=... task:=... --json`: measures a bundle in simulation, without ROS."""
import argparse
import json

from hac_ros import shipped, tasks
from hac_ros.cli import Parser, Refused, key_values
from hac_ros.launching.launch_file import Argument

ARGUMENTS = {argument.name: argument for argument in (
    Argument('bundle', '', 'Folder of the bundle, such as runs/reach/bundle; empty: the one that is shipped for the task', ()),
    Argument('control', 'mocap', 'Control mode of the shipped bundle', ('mocap', 'fetch')),
    Argument('task', None, 'What it was trained for', tuple(tasks.TASKS)),
    Argument('episodes', '100', 'Episodes to run', ()),
    Argument('seed', '1000', 'Decides starts and goals; by some of those of its training\'s seed a bundle was chosen', ()),
    Argument('arms', '25', 'Arms stepped as one batch', ()),
)}


def run(words: list[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog='hac evaluate', description='Run deterministic episodes with a trained bundle, its statistics frozen.',
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    report = measure(given)
    print(json.dumps(report) if options.json else '\n'.join(f'{name}: {value}' for name, value in report.items()))
    return 0


def measure(given: dict[str, str]) -> dict:
    """Return the evaluation that ``given`` asks for. Raises ValueError for a bad value or bundle."""
    numbers = {name: number(name, given.get(name, ARGUMENTS[name].default), low)
               for name, low in (('episodes', 1), ('seed', 0), ('arms', 1))}
    from hac_ros.evaluation import evaluate_bundle     # torch and mujoco take seconds: errors above come at once
    return evaluate_bundle(chosen(given), given['task'], **numbers)


def chosen(given: dict[str, str]) -> str:
    """Return the folder of the bundle that ``given`` names, else of the shipped one; raises ValueError if there is none."""
    control = given.get('control', 'mocap')
    if 'bundle' in given and 'control' in given:
        raise Refused(f'control:={control} chooses a shipped bundle; bundle:={given["bundle"]} has its own control mode')
    return given.get('bundle') or str(shipped.default(given['task'], control))


def number(name: str, text: str, low: int) -> int:
    """Return ``text`` as a whole number of at least ``low``; raises Refused."""
    if not text.isascii() or not text.isdigit() or int(text) < low:
        raise Refused(f'{name}:={text}: a whole number from {low} is wanted')
    return int(text)
