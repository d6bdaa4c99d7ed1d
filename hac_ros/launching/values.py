"""How the text of an attribute becomes a value: the rules of ``launch`` (YAML 1.1, unless a type is given)."""
import yaml

KINDS = ('str', 'int', 'float', 'bool')
_CONDITIONS = {'true': True, '1': True, 'false': False, '0': False}


def coerce(text: str, kind: str | None = None):
    """Return ``text`` as ``kind`` (str, int, float, bool), or as YAML reads it where ``kind`` is None.

    As YAML, ``1`` is an integer, ``1.0`` a float and ``8e-5`` a string. Raises ValueError where the text does not fit.
    """
    if kind == 'str' or (kind is None and text == ''):
        return text
    if kind in ('int', 'float'):
        return _number(text, {'int': int, 'float': float}[kind])
    value = _from_yaml({'1': 'true', '0': 'false'}.get(text, text) if kind == 'bool' else text)
    if kind == 'bool' and not isinstance(value, bool):
        raise ValueError(f'{text!r} is not a bool')
    return value


def _number(text: str, kind: type):
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f'{text!r} is not {"an int" if kind is int else "a float"}') from None


def _from_yaml(text: str):
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{text!r} is not YAML') from error
    if not isinstance(value, (str, int, float, bool)):
        raise ValueError(f'{text!r} is neither text nor a number nor a bool; lists are not supported')
    return value


def condition(text: str) -> bool:
    """Return what ``if`` and ``unless`` make of ``text``: true, 1, false or 0, in any case. Raises ValueError."""
    word = text.strip().lower()
    if word not in _CONDITIONS:
        raise ValueError(f'{text!r} is no condition; true, 1, false or 0 is wanted')
    return _CONDITIONS[word]
