"""Turns what a process was given into a record that can be compared with launch_cases.record()."""
import json
import os
import sys
from pathlib import Path

import yaml

PROBE = f'''#!{sys.executable}
import json, os, sys
files = [open(word).read() for flag, word in zip(sys.argv, sys.argv[1:]) if flag == '--params-file']
print(json.dumps({{'argv': sys.argv[1:], 'files': files, 'environment': dict(os.environ)}}), flush=True)
'''


def write_case(folder: Path, main: str | None, files: dict) -> Path:
    """Write a case's launch files, and the package hac_probe; return the path of the main one."""
    contents = {'main.launch.xml': '<node/>' if main is None else f'<launch>{main}</launch>', **files}
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'<launch>{text}</launch>' if name.endswith('.xml') and name != 'main.launch.xml' else text)
    _write_package(folder / 'prefix')
    return folder / 'main.launch.xml'


def _write_package(prefix: Path) -> None:
    marker = prefix / 'share/ament_index/resource_index/packages/hac_probe'
    program = prefix / 'lib/hac_probe/probe'
    for path, text in ((marker, ''), (program, PROBE)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment that a case is read in: the package can be found, PROBE is its folder."""
    prefixes = [str(folder / 'prefix'), *filter(None, [os.environ.get('AMENT_PREFIX_PATH')])]
    return {**os.environ, 'PROBE': str(folder), 'AMENT_PREFIX_PATH': os.pathsep.join(prefixes)}


def of_plan(plan, folder: Path) -> list[dict]:
    """Return the records of NodeProcesses without running them."""
    records = []
    for node in plan:
        words = node.words(folder)
        contents = [Path(file).read_text() for flag, file in zip(words, words[1:]) if flag == '--params-file']
        records.append(_record(node.label, words, contents, node.environment, folder))
    return records


def of_output(label: str, line: str, folder: Path) -> dict:
    """Return the record of a process that printed ``line``."""
    told = json.loads(line)
    return _record(label, told['argv'], told['files'], told['environment'], folder)


def _record(label, argv, files, env, folder) -> dict:
    parameters = [yaml.safe_load(text) for text in files]
    words = ['#' if previous == '--params-file' else word.replace(f'{folder}/', '#')
             for previous, word in zip(['', *argv], argv)]
    probes = {name: value for name, value in env.items() if name.startswith('PROBE_')}
    return {'label': label, 'argv': words, 'parameters': parameters, 'environment': probes}
