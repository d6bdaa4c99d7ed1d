"""Checks the parameters of a plan against hac_ros/config.py before anything starts."""
import dataclasses

from hac_ros import config
from hac_ros.cli import Refused
from hac_ros.launching.plan import NodeProcess



def check(plan: list[NodeProcess]) -> None:
    """Raise Refused for the first parameter that nodes would not accept: wrong type, out of range, unknown.

    Parameters without section that RunConfig does not have are a node's own, and are left to it.
    """
    for node in plan:
        for name, value in node.values().items():
            section, _, item = name.rpartition('.')
            if section in config.SECTIONS:
                _check(config.SECTIONS[section], name, item, value)


def _check(kind: type, name: str, item: str, value) -> None:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if item not in fields:
        if name != item:
            raise Refused(f'{name}: there is no such setting; {kind.__name__} has {", ".join(fields)}')
        return
    wanted = type(fields[item].default)
    value = tuple(value) if isinstance(value, list) else value
    if type(value) is not wanted:
        raise Refused(f'{name}: {value!r} came, {_described(fields[item])} is wanted')
    try:
        config.check(fields[item], value, kind.__name__)
    except ValueError as error:
        raise Refused(f'{name}: {value!r} came, {_described(fields[item])} is wanted') from error


def _described(field) -> str:
    meta = field.metadata
    if meta['choices'] is not None:
        return 'one of ' + ', '.join(map(str, meta['choices']))
    words = {int: 'a whole number', float: 'a number with a point', str: 'a text', bool: 'true or false',
             tuple: 'a list of numbers'}
    bounds = ''.join(f' {word} {meta[key]}' for word, key in (('from', 'low'), ('to', 'high')) if meta[key] is not None)
    return words[type(field.default)] + bounds
