"""Arguments of the form key:=value, as `ros2 launch` takes them; but unknown keys are refused."""
import textwrap

from hac_ros.cli import Refused
from hac_ros.launching.launch_file import Argument


def read(words: list[str], accepted: dict[str, Argument]) -> dict[str, str]:
    """Return key -> value of ``words``; raises Refused for what is not accepted, naming what is."""
    result = {}
    for word in words:
        key, separator, value = word.partition(':=')
        if not separator or not key:
            raise Refused(f'{word!r} came, key:=value is wanted{_meant(word, accepted)}')
        if key not in accepted:
            raise Refused(f'unknown argument {key!r}; these are accepted:\n{table(accepted)}')
        if key in result:
            raise Refused(f'{key} is given twice: {result[key]!r} and {value!r}')
        if not value:
            raise Refused(f'{key}:= has no value; leave it out for its default')
        result[key] = _checked(accepted[key], value)
    _check_complete(result, accepted)
    return result


def _checked(argument: Argument, value: str) -> str:
    try:
        return argument.check(value)
    except ValueError as error:
        raise Refused(str(error)) from error


def _check_complete(given: dict, accepted: dict[str, Argument]) -> None:
    for argument in accepted.values():
        if argument.default is None and argument.name not in given:
            raise Refused(f'{argument.name}:=... must be given: {argument.description}')


def _meant(word: str, accepted: dict[str, Argument]) -> str:
    key, separator, value = word.lstrip('-').partition('=')
    return f': {key}:={value}' if separator and key in accepted else ''


def table(accepted: dict[str, Argument]) -> str:
    """Return a table of arguments for a terminal: name and default, then description and choices."""
    return '\n'.join(_entry(argument) for argument in accepted.values())


def _entry(argument: Argument) -> str:
    default = 'must be given' if argument.default is None else f'default {argument.default or "empty"}'
    choices = f' One of {", ".join(argument.choices)}.' if argument.choices else ''
    text = textwrap.fill(f'{argument.description}.{choices}', 100, initial_indent=' ' * 6, subsequent_indent=' ' * 6)
    return f'  {argument.name}:=  ({default})\n{text}'
