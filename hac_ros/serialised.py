"""A message in the form in which DDS carries it, whose numbers are overwritten or read in place: for the hot paths.

Turning a message object into this form anew, or back, takes a good part of a tenth of a millisecond at each control step of
the simulation. Strings and lengths of arrays stay as they are when the message is serialised.
Source of the layout: OMG DDS-RTPS 2.2, 10.5 (CDR): a header of 4 bytes, then every value aligned to its own size.
"""
from array import array
from collections.abc import Iterator

import numpy as np

from rclpy.serialization import serialize_message

HEADER = 4
_TEXT = np.dtype('S1')     # of what is no number of the message: strings, lengths of strings and arrays
_TYPES = {'boolean': '?', 'octet': 'u1', 'float': 'f4', 'double': 'f8',
          **{f'{sign}int{8 * size}': f'{sign or "i"}{size}' for sign in ('', 'u') for size in (1, 2, 4, 8)}}


class Serialised:
    """``data``: the bytes of one message. ``numbers``: path -> view of the numbers in it, an array of one dimension."""

    def __init__(self, message):
        self.data = bytearray(serialize_message(message))
        self.numbers = {path: np.frombuffer(self.data, dtype, count, offset)
                        for path, offset, dtype, count in places(message)}


class Layout:
    """How messages that differ from ``message`` in numbers only look once they are serialised.

    offset: path -> where a number or array begins [bytes]. ``fits`` tells whether data is such a message; numbers that
    shall be the same, too, are named by their paths, ``same``.
    """

    def __init__(self, message, same: tuple[str, ...] = ()):
        data = bytes(serialize_message(message))
        self.size, self.offset, parts = len(data), {}, [slice(0, 2)]     # of the header: the encoding
        for path, offset, dtype, count in _walk(message, '', 0):
            if dtype is not _TEXT:
                self.offset[path] = offset
            if dtype is _TEXT or path in same:
                parts.append(slice(offset, offset + count * dtype.itemsize))
        self.constant = [(part, data[part]) for part in parts]

    def fits(self, data: bytes) -> bool:
        """Return whether strings and lengths of arrays in ``data`` are those of this layout. Padding may be anything."""
        return len(data) == self.size and all(data[part] == mine for part, mine in self.constant)


def places(message) -> Iterator[tuple[str, int, np.dtype, int]]:
    """Yield (path, offset [bytes], type, count) of every number and array in ``message`` once it is serialised.

    Paths name fields with dots between: ``header.stamp.sec``. Raises ValueError for a field of another kind.
    """
    return (place for place in _walk(message, '', 0) if place[2] is not _TEXT)


def _walk(message, prefix: str, at: int) -> Iterator[tuple[str, int, np.dtype, int]]:
    """As ``places``, and what is _TEXT, too; returns where the message ends."""
    for name, kind in message.get_fields_and_field_types().items():
        value, path = getattr(message, name), prefix + name
        if hasattr(value, 'get_fields_and_field_types'):
            at = yield from _walk(value, f'{path}.', at)
        elif kind == 'string':
            at = yield from _text(path, _aligned(at, 4), 4 + len(value.encode()) + 1)
        else:
            dtype, count = _numbers(path, kind, value)
            if isinstance(value, array):
                at = yield from _text(path, _aligned(at, 4), 4)
            at = _aligned(at, dtype.itemsize) if count else at
            yield path, HEADER + at, dtype, count
            at += dtype.itemsize * count
    return at


def _text(path: str, at: int, size: int) -> Iterator[tuple[str, int, np.dtype, int]]:
    yield path, HEADER + at, _TEXT, size
    return at + size


def _numbers(path: str, kind: str, value) -> tuple[np.dtype, int]:
    if isinstance(value, array):
        return np.dtype(value.typecode), len(value)
    if kind not in _TYPES:
        raise ValueError(f'{path}: a field of type {kind} came; numbers, arrays of them, strings and messages are wanted')
    return np.dtype(_TYPES[kind]), 1


def _aligned(at: int, size: int) -> int:
    return -(-at // size) * size
