"""`resume:=RUN`: go on with a run by its name or folder alone, with the arguments that it was begun with."""
import json
from pathlib import Path

from hac_ros import atomic_files
from hac_ros.cli import Refused
from hac_ros.run_folder import RunFolder

SWITCH = ('true', 'false')      # what the launch files take
PLACE = ('run', 'folder', 'resume')


def remember(folder: RunFolder, given: dict[str, str]) -> None:
    """Keep the arguments of a run that begins; raises WriteFailed if the disk does not take them."""
    atomic_files.make_folder(folder.path)
    atomic_files.write_json(folder.arguments, {key: value for key, value in given.items() if key not in PLACE})


def expanded(words: list[str]) -> list[str]:
    """Return ``words`` with resume:=RUN replaced by run, folder and arguments of that run, and resume:=true.

    RUN is a name in folder:= (runs, if it is not given) or the run's folder. What ``words`` give otherwise holds: a resumed
    run may end later, and refuses what would change what it learns. Raises Refused if that run does not say how it was begun.
    """
    given = dict(word.partition(':=')[::2] for word in words)
    asked = given.get('resume', 'true')
    if asked in SWITCH or not asked or 'run' in given:
        return words
    folder = _folder(asked, given.get('folder', 'runs'))
    kept = [word for word in words if word.partition(':=')[0] not in PLACE]
    before = [f'{key}:={value}' for key, value in _read(folder).items() if key not in given]
    return [*kept, *before, f'run:={folder.run}', f'folder:={folder.root}', 'resume:=true']


def _folder(asked: str, root: str) -> RunFolder:
    path = Path(asked)
    try:
        return RunFolder(root, asked) if path.name == asked else RunFolder(path.parent, path.name)
    except ValueError as error:
        raise Refused(f'resume:={asked}: true, false, a run\'s name or its folder is wanted; {error}') from error


def _read(folder: RunFolder) -> dict[str, str]:
    try:
        content = json.loads(folder.arguments.read_bytes())
    except FileNotFoundError as error:
        why = ('it was not begun by `hac train`: give its arguments again, with resume:=true' if folder.config.exists()
               else 'there is no such run')
        raise Refused(f'resume: {folder.arguments} is not there; {why}') from error
    except ValueError as error:
        raise Refused(f'resume: {folder.arguments} cannot be read ({error}): give the run\'s arguments again, with '
                      'resume:=true') from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise Refused(f'resume: {folder.arguments} holds a {type(content).__name__}, arguments by name are wanted: give '
                      'them again, with resume:=true')
    return content
