"""`hac launch FILE key:=value ...`: runs a launch file as `ros2 launch hac_ros FILE` does."""
import sys
from pathlib import Path

from hac_ros.cli import Parser, Refused, key_values, settings
from hac_ros.launching import launch_file, shared_memory
from hac_ros.launching.plan import NodeProcess
from hac_ros.launching.substitutions import share_folder
from hac_ros.launching.supervisor import Supervisor
from hac_ros.launching.terminal import Terminal
from hac_ros.run_folder import RunFolder


def run(words: list[str]) -> int:
    """Run the verb."""
    parser = parser_for('launch', 'Run one of the launch files of this package.',
                        file=f'one of {", ".join(files())}, or a path')
    options = parser.parse_intermixed_args(words)
    path = find(options.file)
    if options.show_args:
        return show_arguments(path)
    plan, _ = planned(path, options.arguments)
    return supervise(plan, options.verbose)


def parser_for(verb: str, description: str, file: str = '') -> Parser:
    """Return a parser of what every verb that launches takes; with ``file``, its help, a file comes first."""
    parser = Parser(prog=f'hac {verb}', description=description)
    if file:
        parser.add_argument('file', help=file)
    parser.add_argument('-s', '--show-args', action='store_true', help='list the arguments and end')
    parser.add_argument('-v', '--verbose', action='store_true', help='show everything that the nodes print')
    parser.add_argument('arguments', nargs='*', metavar='key:=value', help='arguments of the launch file')
    return parser


def folder() -> Path:
    """Return the folder of our launch files."""
    return share_folder('hac_ros') / 'launch'


def files() -> list[str]:
    """Return the names of our launch files that start something."""
    return sorted(path.name for path in folder().glob('*.launch.xml') if path.name != 'arguments.launch.xml')


def find(name: str) -> Path:
    """Return the path of a launch file; raises Refused if there is none."""
    for path in (folder() / name, Path(name)):
        if path.is_file():
            return path
    raise Refused(f'there is no launch file {name!r}; these are here: {", ".join(files())}')


def show_arguments(path: Path) -> int:
    """Print what a launch file accepts."""
    print(key_values.table(launch_file.arguments(path)))
    return 0


def planned(path: Path, words: list[str]) -> tuple[list[NodeProcess], dict[str, str]]:
    """Return the plan of a launch file, checked, and the arguments that were given. Raises ValueError."""
    given = key_values.read(words, launch_file.arguments(path))
    if 'run' in given:
        RunFolder('', given['run'])     # its error says more than that of a namespace
    plan = launch_file.plan(path, given)
    settings.check(plan)
    return plan, given


def run_folder_of(plan: list[NodeProcess]) -> RunFolder:
    """Return the run folder that a plan's nodes are told to use; raises ValueError for a bad name."""
    values = {name: value for node in reversed(plan) for name, value in node.values().items()}
    if 'run' not in values:
        raise Refused('no node of this launch file has the parameter "run"')
    return RunFolder(values.get('folder', 'runs'), values['run'])


def supervise(plan: list[NodeProcess], verbose: bool = False, terminal: Terminal | None = None) -> int:
    """Run a plan, cleaning shared memory of dead processes before and after; return the exit status."""
    log_folder = run_folder_of(plan).log
    shared_memory.clean()
    try:
        return Supervisor(plan, log_folder, terminal or Terminal(sys.stderr, verbose)).run()
    finally:
        shared_memory.clean(wait=True)
