"""Tensors and JSON in one safetensors file, written without copying, verified by a digest inside.

Any reader of safetensors opens these files. They are written here rather than by that library because it first
turns every tensor to bytes in memory, which doubles a large replay buffer, and because the digest is patched into
the header after the only pass over the data. Format: https://github.com/huggingface/safetensors, "Format".
"""
import hashlib
import json
import struct
from dataclasses import dataclass

import numpy as np

from hac_ros import atomic_files

_TYPES = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'I64': '<i8', 'I32': '<i4', 'I16': '<i2', 'I8': '|i1',
          'U64': '<u8', 'U32': '<u4', 'U16': '<u2', 'U8': '|u1', 'BOOL': '|b1'}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items()}
_START = b'{"__metadata__":{"digest":"'   # after the 8 bytes of the header's length: the digest's place is fixed
_DIGEST = slice(8 + len(_START), 8 + len(_START) + 64)
_CHUNK = 1 << 20
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError)


class DamagedFile(ValueError):
    """A tensor file is missing, truncated, changed, or not of the kind that is wanted; the message says which."""


@dataclass(frozen=True)
class TensorFile:
    """What a file holds: tensors by name, JSON content, its kind and its digest (hexadecimal)."""

    kind: str
    content: dict
    tensors: dict[str, np.ndarray]
    digest: str


def write(path, kind: str, tensors: dict, content: dict) -> str:
    """Write ``tensors`` (numpy arrays or CPU torch tensors) and JSON ``content`` atomically; return the digest.

    Contiguous tensors are written from where they lie. Raises ValueError for a type that safetensors lacks,
    WriteFailed (and leaves the old file) where the disk does not take it.
    """
    arrays = {name: _array(name, tensors[name]) for name in tensors}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))   # largest items first: all aligned
    header = _header(kind, content, {name: arrays[name] for name in names})
    digest = hashlib.sha256(header)
    with atomic_files.replacing(path) as file:
        file.write(header)
        for name in names:
            data = memoryview(arrays[name].reshape(-1).view(np.uint8))
            digest.update(data)
            file.write(data)
        file.seek(_DIGEST.start)
        file.write(digest.hexdigest().encode())
    return digest.hexdigest()


def read(path, kind: str) -> TensorFile:
    """Read and verify a whole file; the tensors are views of one buffer. Raises DamagedFile."""
    data = _load(path)
    with memoryview(data) as view:
        _verify(path, view[:_DIGEST.stop].tobytes(), [view[_DIGEST.stop:]], len(data))
    try:
        header, start = _parse(data)
        tensors = {name: _view(data, start, entry) for name, entry in header.items() if name != '__metadata__'}
        return _described(path, kind, header['__metadata__'], tensors)
    except _MALFORMED as error:
        raise error if isinstance(error, DamagedFile) else DamagedFile(f'{path} is malformed: {error}') from error


def verify(path, kind: str) -> TensorFile:
    """Verify a file in little memory and return it without its tensors. Raises DamagedFile."""
    with _open(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        beginning = file.read(_DIGEST.stop)
        _verify(path, beginning, iter(lambda: file.read(_CHUNK), b''), size)
    return head(path, kind)


def head(path, kind: str | None = None) -> TensorFile:
    """Return what a file says of itself, without its tensors; checks its size, not its digest. Raises DamagedFile."""
    with _open(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        beginning = file.read(8)
        length = struct.unpack('<Q', beginning)[0] if len(beginning) == 8 else 0
        data = beginning + file.read(min(length, size))
    try:
        header, start = _parse(data)
        wanted = start + _data_length(header)
        if size != wanted:
            raise DamagedFile(f'{path} is truncated: {size} bytes came, {wanted} are wanted')
        return _described(path, kind, header['__metadata__'], {})
    except _MALFORMED as error:
        raise error if isinstance(error, DamagedFile) else _foreign(path, size) from error


def _array(name: str, tensor) -> np.ndarray:
    array = np.ascontiguousarray(tensor)
    array = array if np.ndim(tensor) else array.reshape(())   # ascontiguousarray makes a scalar a row
    if array.dtype.newbyteorder('<') not in _NAMES:
        raise ValueError(f'tensor {name}: type {array.dtype} came, one of {", ".join(_TYPES)} is wanted')
    return array.astype(array.dtype.newbyteorder('<'), copy=False)


def _header(kind: str, content: dict, arrays: dict) -> bytes:
    metadata = {'digest': '0' * 64, 'kind': kind, 'content': json.dumps(content, sort_keys=True)}
    entries, offset = {'__metadata__': metadata}, 0
    for name, array in arrays.items():
        entries[name] = {'dtype': _NAMES[array.dtype], 'shape': list(array.shape),
                         'data_offsets': [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(entries, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)   # the data begins at a multiple of 8 bytes
    return struct.pack('<Q', len(text)) + text


def _open(path):
    try:
        return open(path, 'rb')
    except OSError as error:
        raise DamagedFile(f'{path} cannot be read: {error.strerror}') from error


def _load(path) -> np.ndarray:
    with _open(path) as file:
        data = np.empty(file.seek(0, 2), dtype=np.uint8)
        file.seek(0)
        file.readinto(memoryview(data))
    return data


def _verify(path, beginning: bytes, rest, size: int):
    if beginning[8:_DIGEST.start] != _START or len(beginning) < _DIGEST.stop:
        raise _foreign(path, size)
    digest = hashlib.sha256(beginning[:_DIGEST.start] + b'0' * 64)
    for chunk in rest:
        digest.update(chunk)
    if digest.hexdigest().encode() != beginning[_DIGEST]:
        head(path)   # says so where the file is too short
        raise DamagedFile(f'{path} is damaged: its content does not match the digest inside')


def _foreign(path, size: int) -> DamagedFile:
    return DamagedFile(f'{path} ({size} bytes) is truncated, damaged or no file of hac_ros')


def _parse(data) -> tuple[dict, int]:
    length = struct.unpack('<Q', bytes(data[:8]))[0] if len(data) >= 8 else 0
    text = bytes(data[8:8 + length])
    if not text or len(text) != length:
        raise ValueError('the header is cut off')
    return json.loads(text), 8 + length


def _data_length(header: dict) -> int:
    return max((entry['data_offsets'][1] for name, entry in header.items() if name != '__metadata__'), default=0)


def _view(data: np.ndarray, start: int, entry: dict) -> np.ndarray:
    low, high = entry['data_offsets']
    return data[start + low:start + high].view(_TYPES[entry['dtype']]).reshape(entry['shape'])


def _described(path, kind: str | None, metadata: dict, tensors: dict) -> TensorFile:
    if kind not in (None, metadata['kind']):
        raise DamagedFile(f'{path} holds a {metadata["kind"]!r}, a {kind!r} is wanted')
    return TensorFile(metadata['kind'], json.loads(metadata['content']), tensors, metadata['digest'])
