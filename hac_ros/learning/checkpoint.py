"""Checkpoints in parts: each process writes its own, the recorder's manifest makes them one.

    checkpoint/<part>-<version>.safetensors     tensors, JSON, digest: written by the process that owns the part
    checkpoint/manifest-<version>.json          which parts with which digests belong together: written last

A version without a manifest does not exist, so a crash anywhere leaves the version before it. Only
``write_manifest`` removes anything, and only what no kept manifest names and what is older than the newest one:
a process that runs ahead of the recorder cannot remove the parts that a resume needs.
"""
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from hac_ros import atomic_files, tensor_file
from hac_ros.tensor_file import DamagedFile

FORMAT = 1
KIND = 'checkpoint part'
_NAME = re.compile(r'[a-z][a-z0-9_]*')
_PART_FILE = re.compile(r'([a-z][a-z0-9_]*)-(\d{8})\.safetensors')
_MANIFEST_FILE = re.compile(r'manifest-(\d{8})\.json')


@dataclass(frozen=True)
class Part:
    """One process's share of a checkpoint: tensors by name and JSON ``info``."""

    name: str
    version: int
    tensors: dict
    info: dict
    digest: str


@dataclass(frozen=True)
class Manifest:
    """A complete set: ``parts`` maps name to version; ``refused`` says why newer sets were not taken."""

    version: int
    parts: dict[str, int]
    digests: dict[str, str]
    info: dict = field(default_factory=dict)
    refused: tuple[str, ...] = ()


class NoCheckpoint(ValueError):
    """A folder holds no complete checkpoint; the message says what was found."""


def write_part(folder, name: str, version: int, tensors: dict, info: dict) -> str:
    """Write one part atomically and durably; return its digest. It counts once a manifest names it.

    ``tensors``: numpy arrays or CPU torch tensors, written from where they lie if contiguous. A part of the same
    name and version is replaced. Raises ValueError for a bad name or version, WriteFailed for a disk that is full.
    """
    path = part_path(folder, name, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {'format': FORMAT, 'name': name, 'version': version, 'info': info}
    return tensor_file.write(path, KIND, tensors, content)


def read_part(folder, name: str, version: int, digest: str | None = None) -> Part:
    """Return a verified part; the tensors are views of one buffer. Raises DamagedFile in plain words.

    ``digest``: what the manifest says of it, if the caller has one.
    """
    path = part_path(folder, name, version)
    file = tensor_file.read(path, KIND)
    _check_identity(path, file, name, version, digest)
    return Part(name, version, file.tensors, file.content['info'], file.digest)


def read_info(folder, name: str, version: int) -> dict:
    """Return what a part says beside its tensors, which are not read. Raises DamagedFile in plain words."""
    path = part_path(folder, name, version)
    file = tensor_file.head(path, KIND)
    _check_identity(path, file, name, version, None)
    return file.content['info']


def write_manifest(folder, version: int, parts: dict[str, int], info: dict | None = None, keep: int = 2):
    """Declare ``parts`` (name -> version), all of which must lie there, to be checkpoint ``version``.

    The newest ``keep`` manifests and what they name are kept. Raises DamagedFile, and writes nothing, if a part
    is missing, too short or another's.
    """
    if keep < 1:
        raise ValueError(f'keep: {keep} came, at least 1 is wanted')
    folder = Path(folder)
    digests = {name: _part_digest(folder, name, parts[name]) for name in sorted(parts)}
    content = {'format': FORMAT, 'version': version, 'info': info or {},
               'parts': {name: {'version': parts[name], 'digest': digests[name]} for name in digests}}
    atomic_files.write_json(_manifest_path(folder, version), {**content, 'digest': _digest(content)})
    _remove_old(folder, version, keep)


def read_manifest(folder) -> Manifest:
    """Return the newest checkpoint all of whose parts verify; ``refused`` tells what is wrong with newer ones.

    Raises NoCheckpoint, with the reasons, if there is none.
    """
    refused = []
    for version in sorted(_manifests(folder), reverse=True):
        try:
            manifest = _verified(Path(folder), version)
            return Manifest(manifest.version, manifest.parts, manifest.digests, manifest.info, tuple(refused))
        except DamagedFile as error:
            refused.append(f'checkpoint {version} is not used: {error}')
    raise NoCheckpoint('; '.join([f'{folder} holds no complete checkpoint', *refused]))


def oldest(folder) -> int | None:
    """Return the version of the oldest checkpoint that is kept, None if there is none."""
    return min(_manifests(folder), default=None)


def part_path(folder, name: str, version: int) -> Path:
    """Return where a part lies; raises ValueError for a name or version that cannot be one."""
    if not _NAME.fullmatch(name) or name == 'manifest':
        raise ValueError(f'part name: {name!r} came, lower-case letters, digits and underscores are wanted')
    if not 0 <= version < 10**8:
        raise ValueError(f'version of part {name}: {version} came, 0 to 99999999 is wanted')
    return Path(folder) / f'{name}-{version:08d}.safetensors'


def _manifest_path(folder: Path, version: int) -> Path:
    return folder / f'manifest-{version:08d}.json'


def _manifests(folder) -> list[int]:
    names = (_MANIFEST_FILE.fullmatch(entry.name) for entry in Path(folder).glob('manifest-*'))
    return [int(name[1]) for name in names if name]


def _part_digest(folder: Path, name: str, version: int) -> str:
    path = part_path(folder, name, version)
    file = tensor_file.head(path, KIND)
    _check_identity(path, file, name, version, None)
    return file.digest


def _check_identity(path, file, name: str, version: int, digest: str | None):
    content = file.content
    if content.get('format') != FORMAT:
        raise DamagedFile(f'{path} has format {content.get("format")}, this hac_ros reads {FORMAT}')
    if (content['name'], content['version']) != (name, version):
        raise DamagedFile(f'{path} holds part {content["name"]} {content["version"]}, {name} {version} is wanted')
    if digest not in (None, file.digest):
        raise DamagedFile(f'{path} is not the part that the manifest names')


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _verified(folder: Path, version: int) -> Manifest:
    manifest = _load_manifest(_manifest_path(folder, version), version)
    for name, part_version in manifest.parts.items():
        path = part_path(folder, name, part_version)
        _check_identity(path, tensor_file.verify(path, KIND), name, part_version, manifest.digests[name])
    return manifest


def _load_manifest(path: Path, version: int) -> Manifest:
    try:
        content = json.loads(path.read_bytes())
        digest = content.pop('digest')
        if digest != _digest(content) or (content['format'], content['version']) != (FORMAT, version):
            raise ValueError('its content does not match its digest, format or name')
        parts = content['parts']
        return Manifest(version, {name: parts[name]['version'] for name in parts},
                        {name: parts[name]['digest'] for name in parts}, content['info'])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedFile(f'{path} is truncated, damaged or no manifest: {error}') from error


def _remove_old(folder: Path, newest: int, keep: int):
    """Remove older manifests beyond ``keep``, then the parts that only they named; the order survives a crash."""
    older = sorted((version for version in _manifests(folder) if version <= newest), reverse=True)
    for version in older[keep:]:
        _manifest_path(folder, version).unlink(missing_ok=True)
    atomic_files.sync_folder(folder)
    named, first_wanted = set(), {}
    for version in _manifests(folder):
        try:
            manifest = _load_manifest(_manifest_path(folder, version), version)
        except DamagedFile:
            continue
        named.update(manifest.parts.items())
        if version == newest:
            first_wanted = manifest.parts
    for entry in folder.glob('*.safetensors'):
        found = _PART_FILE.fullmatch(entry.name)
        if found and (found[1], int(found[2])) not in named and int(found[2]) < first_wanted.get(found[1], 0):
            entry.unlink(missing_ok=True)
