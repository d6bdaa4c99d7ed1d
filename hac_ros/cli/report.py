"""`hac report RUN ...`: a page of figures and warnings from one run, or from several of the same task."""
import argparse
from pathlib import Path

from hac_ros.cli import Parser, Refused, key_values
from hac_ros.launching.launch_file import Argument
from hac_ros.run_folder import RunFolder

ARGUMENTS = {argument.name: argument for argument in (
    Argument('folder', 'runs', 'Folder in which runs are looked for by name', ()),
    Argument('out', '', 'Folder for the page and figures; by default report/ in the run, or beside several runs', ()),
)}


def run(words: list[str]) -> int:
    """Run the verb."""
    parser = Parser(prog='hac report', description='Make one HTML page, and PNGs, of runs: their curves, where the '
                    'planner sent the gripper, and what is wrong in plain words. Several runs become median and worst.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('runs', nargs='+', metavar='RUN', help='name of a run, or its folder; and key:=value')
    given = parser.parse_intermixed_args(words).runs
    pairs = key_values.read([word for word in given if ':=' in word], ARGUMENTS)
    for line in report([word for word in given if ':=' not in word], pairs.get('folder', 'runs'), pairs.get('out')):
        print(line)
    return 0


def report(names: list[str], folder: str = 'runs', out: str | None = None) -> list[str]:
    """Write the report of the runs; return what to tell: the warnings and where the page is. Raises ValueError."""
    if not names:
        raise Refused('no run came: name one, such as `hac report reach`')
    places = [place(name, folder) for name in names]
    from hac_ros import run_history     # numpy, matplotlib: errors above come at once
    from hac_ros.diagnosis import diagnose
    from hac_ros.report import page
    runs = [run_history.read(each) for each in places]
    if len({each.task.name for each in runs}) > 1:
        came = ', '.join(f'{each.name} is of {each.task.name}' for each in runs)
        raise Refused(f'runs of one task are wanted; {came}')
    path = page.write(out or (runs[0].path if len(runs) == 1 else runs[0].path.parent) / 'report', runs)
    warnings = [f'{each.name}: {found.text}' for each in runs for found in diagnose(each)]
    return [*(warnings or ['Nothing is wrong by the rules of docs/report.md.']), f'{path}']


def place(name: str, folder: str) -> RunFolder:
    """Return the run called ``name`` in ``folder``, or the one whose folder ``name`` is; raises Refused for neither."""
    path = Path(name)
    found = RunFolder(path.parent, path.name) if path.is_dir() and (path / 'config.json').is_file() else None
    found = found or RunFolder(folder, name) if '/' not in name else found
    if found is None or not found.config.is_file():
        raise Refused(f'there is no run {name!r}, neither as a folder nor in {folder}/')
    return found
