"""`hac train key:=value ...`: launches train.launch.xml and tells what came of it.

A launch file can end a run with its recorder or start that again, not both: so it ends, and a recorder that was killed is
gone on from here, as with resume:=true.
"""
import argparse
import json
import shlex
import sys

from hac_ros import domain_names
from hac_ros.cli import Refused, key_values, launch, resuming, seeds
from hac_ros.launching import launch_file, stop_signals
from hac_ros.metrics_table import read_rows
from hac_ros.run_folder import RunExists, RunFolder, RunInUse, RunMissing

FILE = 'train.launch.xml'
FAILED = 1
TRIES = 3       # times that a run is gone on with without a further row: more would not help
_STOPPED = {128 + number for number in stop_signals.STOPPERS}


def run(words: list[str]) -> int:
    """Run the verb."""
    path = launch.find(FILE)
    parser = launch.parser_for('train', 'Train both levels on a task until its bar is reached.')
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = 'arguments:\n' + key_values.table(launch_file.arguments(path) | seeds.ARGUMENTS)
    options = parser.parse_intermixed_args(words)
    if options.show_args:
        return launch.show_arguments(path)
    own, arguments = split(resuming.expanded(options.arguments))
    if own:
        return train_seeds(path, own, arguments)
    plan, given = launch.planned(path, arguments)
    values = plan[0].values()
    folder = RunFolder(values['folder'], values['run'])
    check_free(folder, values['resume'])
    if not values['resume']:
        resuming.remember(folder, given)
    status = supervise(path, plan, given, folder, options.verbose)
    if status == 0 and read_result(folder) is None:
        status = FAILED        # the recorder was told to end, or lost its folder
    for line in outcome(folder, values['task'], status):
        print(line)
    return status


def supervise(path, plan, given: dict[str, str], folder: RunFolder, verbose: bool) -> int:
    """Run the plan, and again with resume:=true when its recorder was killed; return the last exit status."""
    status, rows, tries = launch.supervise(plan, verbose), _rows(folder), 0
    while was_killed(status) and tries < TRIES and folder.config.exists():
        tries += 1
        print(f'The recorder was killed (exit status {status}) after {rows} rows: the run goes on from there.',
              file=sys.stderr, flush=True)
        words = [f'{key}:={value}' for key, value in {**given, 'resume': 'true'}.items()]
        status, before = launch.supervise(launch.planned(path, words)[0], verbose), rows
        rows = _rows(folder)
        tries = 0 if rows > before else tries
    return status


def was_killed(status: int) -> bool:
    """Whether an exit status is that of a recorder that a signal ended, which nobody sent to `hac`."""
    return status > 128 and status not in _STOPPED


def _rows(folder: RunFolder) -> int:
    return folder.metrics.read_bytes().count(b'\n') - 1 if folder.metrics.exists() else 0


def split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the arguments that speak of several runs, and the words that are a run's own. Raises Refused."""
    several = [word for word in words if word.partition(':=')[0] in seeds.ARGUMENTS]
    own = key_values.read(several, seeds.ARGUMENTS)
    rest = [word for word in words if word not in several]
    if 'side_by_side' in own and 'seeds' not in own:
        raise Refused('side_by_side:= came without seeds:=, such as seeds:=0..4')
    if 'seeds' in own and any(word.startswith('seed:=') for word in rest):
        raise Refused('seed:= and seeds:= came, one of them is wanted')
    return own, rest


def train_seeds(path, own: dict[str, str], words: list[str]) -> int:
    """Run `hac train` for each seed, tell what came of all of them, and return the first exit status that is not 0."""
    numbers, at_once = seeds.numbers(own['seeds']), own.get('side_by_side', '1')
    if not (at_once.isascii() and at_once.isdigit() and int(at_once) > 0):
        raise Refused(f'side_by_side:={at_once}: a whole number from 1 is wanted')
    values = launch.planned(path, words)[0][0].values()
    folders = {seed: RunFolder(values['folder'], f'{values["run"]}_{seed}') for seed in numbers}
    goes_on = {seed: values['resume'] and folder.config.exists() for seed, folder in folders.items()}
    for seed, folder in folders.items():
        check_free(folder, goes_on[seed])
    commands = {folder.run: seeds.command(words, folder.run, seed, goes_on[seed]) for seed, folder in folders.items()}
    ended = seeds.train(commands, int(at_once), lambda line: print(line, flush=True))
    found = seeds.summary(values['task'], {seed: (folder.run, ended[folder.run], read_result(folder))
                                           for seed, folder in folders.items()},
                          {seed: read_rows(folder.metrics) for seed, folder in folders.items() if folder.metrics.exists()})
    written = seeds.write(values['folder'], values['run'], found)
    for line in [*seeds.table(found), f'Summary: {written}']:
        print(line)
    return next((status for status in ended.values() if status), 0)


def check_free(folder: RunFolder, resume: bool) -> None:
    """Raise Refused if the run is in use, was begun before, or, with ``resume``, was not.

    The recorder checks again when it takes the run; here it costs nothing to find out.
    """
    try:
        if resume:
            folder.read_config()
        if folder.path.exists():
            with folder.claim():    # only to find out: the recorder takes it
                pass
        domain_names.claim(f'{folder.run}.recorder').close()
        if not resume and folder.config.exists():
            raise RunExists(f'run {folder.run} exists already in {folder.root}: to go on with it add resume:=true, '
                            'to begin another add run:=<another name>')
    except (RunInUse, RunExists, RunMissing) as error:
        raise Refused(str(error)) from error


def outcome(folder: RunFolder, task: str, status: int) -> list[str]:
    """Return what to tell the user after a run: its result, where its folder is, and what to type next."""
    result = read_result(folder)
    if result is None or status != 0:
        lines = [f'The run ended before its result (exit status {status}). Logs: {folder.log}']
        return lines + [f'To go on: ./hac train resume:={shlex.quote(str(folder.path))}'] * folder.config.exists()
    return [sentence(result), f'Run folder: {folder.path}',
            *[f'Next: ./hac evaluate bundle:={folder.bundle} task:={task}'] * folder.bundle.exists()]


def read_result(folder: RunFolder) -> dict | None:
    """Return result.json as the recorder wrote it; None if there is none."""
    try:
        return json.loads((folder.path / 'result.json').read_bytes())
    except (OSError, ValueError):
        return None


def sentence(result: dict) -> str:
    """Return the result in words."""
    reached, effort = result['reached'], f'{int(result["environment_steps"])} steps, {result["seconds"]:.0f} s'
    if reached is None:
        return f'{result["task"]} has not reached its bar of {result["bar"]:g} ({effort}).'
    return (f'{result["task"]} has reached its bar of {result["bar"]:g}: success {reached["success_rate"]:.3f}, '
            f'confirmed {reached["confirmed"]:.3f}, with {int(reached["environment_steps"])} steps ({effort} in all).')
