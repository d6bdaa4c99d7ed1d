"""What README and docs promise, read from their text without running it: links, files, commands, arguments."""
import functools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from hac_ros.cli import resuming
from hac_ros.launching import launch_file
from hac_ros.launching.launch_file import Argument

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [REPOSITORY / 'README.md', REPOSITORY / 'CONTRIBUTING.md', *sorted((REPOSITORY / 'docs').glob('*.md'))]
CLI = REPOSITORY / 'hac_ros' / 'cli'
PLACEHOLDERS = {'name', 'Name'}     # file names that a reader replaces by one of his own

_FENCE = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r'`([^`]+)`')
_LINK = re.compile(r'\]\(([^)\s]+)\)')
_HEADING = re.compile(r'^#+ +(.+)$', re.MULTILINE)
_FILE = re.compile(r'(?:hac_ros|test|benchmarks|launch|docs|dds|requirements|interfaces|msg|srv)/[\w./-]+\.\w+')
_ARGUMENT = re.compile(r"\bArgument\(\s*'(\w+)'")


class Command(NamedTuple):
    """A command that a document shows: the verb of `hac`, or the launch file for ros2, and the words behind it."""

    verb: str
    words: list[str]


# Links and files

def broken_links(text: str, folder: Path) -> list[str]:
    """Return the links of a document in ``folder`` that lead to no file, or to no heading of it."""
    return [link for link in _LINK.findall(_FENCE.sub('', text))
            if not re.match(r'[a-z]+:', link) and not _leads_somewhere(link, text, folder)]


def _leads_somewhere(link: str, text: str, folder: Path) -> bool:
    name, _, heading = link.partition('#')
    path = folder / name
    if not path.exists():
        return False
    return not heading or heading in anchors(path.read_text(encoding='utf-8') if name else text)


def anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown document's headings get."""
    headings = _HEADING.findall(_FENCE.sub('', text))
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def missing_files(text: str, root: Path = REPOSITORY) -> list[str]:
    """Return the files of this repository that ``text`` names in code and that are not there."""
    named = [word for span in [*_SPAN.findall(_FENCE.sub('', text)), *_FENCE.findall(text)] for word in span.split()]
    return [name for name in named if _FILE.fullmatch(name) and Path(name).stem not in PLACEHOLDERS
            and not name.startswith('interfaces/') and not (root / name).exists()]


# Commands

def commands(text: str) -> list[Command]:
    """Return the commands of ``text`` that call hac or launch a file of hac_ros, in fences and in code spans."""
    lines = [line for fence in _FENCE.findall(text) for line in fence.replace('\\\n', ' ').splitlines()]
    spans = [' '.join(span.split()) for span in _SPAN.findall(_FENCE.sub('', text))]
    parts = [part for line in lines + spans for part in re.split(r'&&|;|\|', re.sub(r'(^|\s)#.*', '', line))]
    return [found for part in parts if (found := _command(part.strip().removeprefix('$ ').removeprefix('sudo ')))]


def _command(text: str) -> Command | None:
    if match := re.match(r'(?:\./|\S*/)?hac ([a-z]\w*)(?: +(.*))?$', text):
        return Command(match[1], _words(match[2] or ''))
    if match := re.match(r'ros2 launch hac_ros (\S+)(?: +(.*))?$', text):
        return Command('launch', [match[1], *_words(match[2] or '')])
    return None


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:      # a quote that a split at | or ; has cut
        return text.split()


@functools.cache
def verbs() -> set[str]:
    """Return the verbs of the script hac and of hac_ros.cli."""
    cases = re.search(r'case \$verb in\n(.*?)esac', (REPOSITORY / 'hac').read_text(encoding='utf-8'), re.DOTALL)[1]
    source = (CLI / '__init__.py').read_text(encoding='utf-8')
    ours = re.search(r'^VERBS = \{\n(.*?)^\}', source, re.MULTILINE | re.DOTALL)[1]
    return {*re.findall(r'^ +([a-z]+)(?= \||\))', cases, re.MULTILINE), *re.findall(r"^ +'(\w+)':", ours, re.MULTILINE)}


def accepted(command: Command) -> dict[str, Argument] | None:
    """Return the key:=value that a command accepts; None if the launch file or part of bench it names is not there."""
    name, file = command.verb, ''
    if name == 'launch':
        file = command.words[0] if command.words else 'FILE'
    elif name == 'bench' and command.words and re.fullmatch(r'[a-z]\w*', command.words[0]):
        name = f'bench_{command.words[0]}'
    if not (CLI / f'{name}.py').is_file():
        return None
    source = (CLI / f'{name}.py').read_text(encoding='utf-8')
    if match := re.search(r"^FILE = '(.+)'", source, re.MULTILINE):
        file = match[1]
    if file.isupper():      # a placeholder
        return everything()
    path = REPOSITORY / 'launch' / file
    if file and not path.is_file():
        return None
    return _own(source) | (_launch_arguments(path) if file else {})


@functools.cache
def _launch_arguments(path: Path) -> dict[str, Argument]:
    return launch_file.arguments(path)


def _own(source: str) -> dict[str, Argument]:
    """Return the arguments that a verb's module, or a module of hac_ros.cli that it imports whole, declares."""
    imported = re.findall(r'^from hac_ros\.cli import (.+)$', source, re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(',')}
    sources = [source, *((CLI / f'{name}.py').read_text(encoding='utf-8') for name in sorted(names)
                         if (CLI / f'{name}.py').is_file())]
    return {name: Argument(name, '', '', ()) for text in sources for name in _ARGUMENT.findall(text)}


@functools.cache
def everything() -> dict[str, Argument]:
    """Return the arguments of all launch files and verbs: choices are those of one of them."""
    found = {}
    for path in sorted((REPOSITORY / 'launch').glob('*.launch.xml')):
        found |= _launch_arguments(path)
    for path in sorted(CLI.glob('*.py')):
        found |= {name: Argument(name, '', '', ()) for name in _ARGUMENT.findall(path.read_text(encoding='utf-8'))
                  if name not in found}
    return found


def wrong_commands(text: str) -> list[str]:
    """Return a sentence for each command of ``text`` that hac would refuse, as far as its words tell."""
    return [why for command in commands(text) for why in _wrong(command)]


def _wrong(command: Command) -> list[str]:
    if command.verb not in verbs():
        return [f'there is no verb {command.verb!r}']
    if command.verb in ('help', 'clean', 'setup', 'doctor', 'test', 'shell'):
        return []
    known = accepted(command)
    if known is None:
        return [f'hac {command.verb} {command.words[0]}: there is no such thing']
    words = [word for word in command.words if not _names_a_run(command, word)]
    return [f'hac {command.verb}: {why}' for word in words if (why := _why_not(word, known))]


def _names_a_run(command: Command, word: str) -> bool:
    """Whether the word is resume:=<run>, for which `hac train` puts what that run was begun with."""
    key, _, value = word.partition(':=')
    return command.verb == 'train' and key == 'resume' and value not in resuming.SWITCH


def _why_not(word: str, known: dict[str, Argument]) -> str:
    key, separator, value = word.partition(':=')
    if not separator or not re.fullmatch(r'[\w.]+', key):
        return ''
    if key not in known:
        return f'there is no argument {key!r}'
    choices = known[key].choices
    if choices and value.isalnum() and value not in choices:
        return f'{word}: one of {", ".join(choices)} is wanted'
    return ''


def unknown_pairs(text: str) -> list[str]:
    """Return the code spans key:=value, standing alone, whose key no verb and no launch file accepts."""
    known = everything()
    return [span for span in _SPAN.findall(_FENCE.sub('', text)) if ':=' in span and ' ' not in span
            and re.fullmatch(r'[a-z][\w.]*', key := span.partition(':=')[0]) and key not in known and key != 'key']
