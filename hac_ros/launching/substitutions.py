"""Substitutions of launch files: ``$(var x)``, ``$(env X default)``, ``$(find-pkg-share p)``, ``$(dirname)``,
``$(file-content path)``, ``$(not-equals a b)``, ``$(and a b)``.

They mean what they mean to ``launch`` 3.4; quotes and backslashes, which it also knows, are refused.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_-]*')
_WORD = re.compile(r'(?:[^ \'"\\$()]|\$(?!\())+')
_TEXT = re.compile(r'(?:[^$]|\$(?!\())+')
_REPOSITORY = Path(__file__).resolve().parents[2]


class SubstitutionError(ValueError):
    """A substitution that cannot be read or has no value."""


@dataclass
class Context:
    """What substitutions look at, and what tags change."""

    configurations: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str | None = None     # of the launch file that is being read


@dataclass(frozen=True)
class Call:
    """``$(name argument ...)``; an argument is a tuple of texts and calls."""

    name: str
    arguments: tuple[tuple, ...]


def substitute(text: str, context: Context) -> str:
    """Return ``text`` with its substitutions performed. Raises SubstitutionError."""
    return perform(parse(text), context)


def parse(text: str) -> tuple:
    """Return the texts and calls that ``text`` consists of."""
    if '\\' in text:
        raise SubstitutionError(f'a backslash is not supported: {text!r}')
    parts, position = [], 0
    while position < len(text):
        part, position = _part(text, position, _TEXT)
        parts.append(part)
    return tuple(parts)


def _part(text: str, position: int, plain: re.Pattern):
    if text.startswith('$(', position):
        return _call(text, position + 2)
    match = plain.match(text, position)
    if match is None:
        raise SubstitutionError(f'cannot read {text[position:]!r} in {text!r}')
    return match.group(), match.end()


def _call(text: str, position: int):
    name = _NAME.match(text, position)
    if name is None:
        raise SubstitutionError(f'no name of a substitution after "$(" in {text!r}')
    arguments, position = [], name.end()
    while text.startswith(' ', position):
        argument, position = _argument(text, position + 1)
        arguments.append(argument)
    if not text.startswith(')', position):
        raise SubstitutionError(f'")" is missing, or a quote or a second space came, in {text!r}')
    return Call(name.group(), tuple(arguments)), position + 1


def _argument(text: str, position: int):
    parts = []
    while not parts or (position < len(text) and text[position] not in ' )'):
        part, position = _part(text, position, _WORD)
        parts.append(part)
    return tuple(parts), position


def perform(parts: tuple, context: Context) -> str:
    """Return what ``parse`` found, performed. Raises SubstitutionError."""
    return ''.join(part if isinstance(part, str) else _value(part, context) for part in parts)


def _value(call: Call, context: Context) -> str:
    if call.name not in _MEANINGS:
        raise SubstitutionError(f'substitution $({call.name} ...) is not supported; these are: {", ".join(_MEANINGS)}')
    meaning, least, most = _MEANINGS[call.name]
    if not least <= len(call.arguments) <= most:
        raise SubstitutionError(f'$({call.name} ...) takes {least} to {most} arguments, got {len(call.arguments)}')
    return meaning(context, *(perform(argument, context) for argument in call.arguments))


def _variable(context: Context, name: str, default: str | None = None) -> str:
    value = context.configurations.get(name, default)
    if value is None:
        raise SubstitutionError(f'$(var {name}): there is no argument or variable of this name')
    return value


def _environment(context: Context, name: str, default: str | None = None) -> str:
    value = context.environment.get(name, default)
    if value is None:
        raise SubstitutionError(f'$(env {name}): no such environment variable, and no default is given')
    return value


def _share(_context: Context, package: str) -> str:
    return str(share_folder(package))


def _folder(context: Context) -> str:
    if context.folder is None:
        raise SubstitutionError('$(dirname) outside a launch file')
    return context.folder


def _content(_context: Context, path: str) -> str:
    try:
        return Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise SubstitutionError(f'$(file-content {path}): {error}') from error


def _different(_context: Context, left: str, right: str) -> str:
    # launch compares numbers and truth values by value ('1' equals '1.0'): we leave such comparisons to it
    if left != right and _loose(left) == _loose(right):
        raise SubstitutionError(f'$(not-equals {left} {right}): write both in the same way')
    return str(left != right).lower()


def _loose(text: str) -> float | str:
    truth = {'true': 1.0, 'false': 0.0}
    try:
        return truth[text.lower()] if text.lower() in truth else float(text)
    except ValueError:
        return text


def _both(_context: Context, left: str, right: str) -> str:
    for text in (left, right):
        if text not in ('true', 'false'):
            raise SubstitutionError(f'$(and {left} {right}): true and false are supported')
    return str(left == right == 'true').lower()


_MEANINGS = {'not-equals': (_different, 2, 2), 'and': (_both, 2, 2), 'var': (_variable, 1, 2), 'env': (_environment, 1, 2),
             'find-pkg-share': (_share, 1, 1), 'file-content': (_content, 1, 1), 'dirname': (_folder, 0, 0)}


def share_folder(package: str) -> Path:
    """Return the share folder of ``package``; of hac_ros, where it is not installed, the source folder."""
    try:
        from ament_index_python.packages import get_package_share_directory
        return Path(get_package_share_directory(package))
    except (ImportError, LookupError, OSError) as error:
        if package == 'hac_ros' and (_REPOSITORY / 'launch').is_dir():
            return _REPOSITORY
        raise SubstitutionError(f'$(find-pkg-share {package}): this package is not installed') from error
