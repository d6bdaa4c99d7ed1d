"""What a launch file asks for: processes, each with the command line that ``launch_ros`` would give it."""
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from hac_ros import atomic_files


@dataclass(frozen=True)
class Text:
    """Content of a parameter file in which substitutions have been performed."""

    content: str


@dataclass(frozen=True)
class NodeProcess:
    """One node's process.

    ``parameters`` are in the order in which the node reads them, the last one wins: a Path is a parameter file; Text is
    the content of one; a mapping names single parameters, and applies to this node only.
    """

    package: str
    executable: str
    label: str                    # in logs: "planner-3"
    name: str | None
    namespace: str | None         # absolute
    arguments: tuple[str, ...] = ()
    ros_arguments: tuple[str, ...] | None = None
    parameters: tuple[Path | Text | Mapping, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] | None = None
    respawn: bool = False
    respawn_delay: float = 0.0    # [s]
    on_exit: str | None = None    # 'shutdown' ends everything
    output: str = 'log'

    @property
    def path(self) -> str | None:
        """Fully qualified node name, None where name or namespace is left to the node."""
        if self.name is None or self.namespace is None:
            return None
        return f'{self.namespace.rstrip("/")}/{self.name}'

    def command(self, folder: Path) -> list[str]:
        """Return the command line. Parameters that are no file yet are written to ``folder``, which must exist.

        Raises WriteFailed if the disk does not take them.
        """
        return [*program(self.package, self.executable), *self.words(folder)]

    def words(self, folder: Path) -> list[str]:
        """Return the command line without the program; writes as ``command`` does."""
        files = [str(self._parameter_file(folder, number)) for number in range(len(self.parameters))]
        extra = [] if self.ros_arguments is None else ['--ros-args', *self.ros_arguments]
        named = [] if self.name is None else ['-r', f'__node:={self.name}']
        spaced = [] if self.namespace is None else ['-r', f'__ns:={self.namespace}']
        parameters = [word for file in files for word in ('--params-file', file)]
        remappings = [word for old, new in self.remappings for word in ('-r', f'{old}:={new}')]
        return [*self.arguments, *extra, '--ros-args', *named, *spaced, *parameters, *remappings]

    def _parameter_file(self, folder: Path, number: int) -> Path:
        item = self.parameters[number]
        if isinstance(item, Path):
            return item
        # Labels of workers that are launched one by one into the same run are alike.
        path = folder / f'{self.label}{(self.path or "").replace("/", ".")}-{number}.yaml'
        text = (item.content if isinstance(item, Text) else
                yaml.dump({self.path or '/**': {'ros__parameters': dict(item)}}, default_flow_style=False))
        if not path.is_file() or path.read_bytes() != text.encode():    # who comes back needs no room on a full disk
            atomic_files.write_bytes(path, text.encode())     # whoever reads the file meanwhile reads a whole one
        return path

    def values(self) -> dict:
        """Return name -> value of every parameter that this process is given. Raises ValueError for a bad file."""
        result, special = {}, {}
        for item in self.parameters:
            if isinstance(item, Mapping):
                special.update(item)
            else:
                result.update(_from_file(item))
        return {**result, **special}    # rcl: a fully qualified name wins over /**, whatever the order


def _from_file(item: Path | Text) -> dict:
    source = item if isinstance(item, Path) else 'parameter file'
    try:
        content = yaml.safe_load(item.read_text() if isinstance(item, Path) else item.content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{source}: not YAML: {" ".join(str(error).split())}') from error
    if not isinstance(content, dict) or set(content) != {'/**'} or set(content['/**'] or ()) != {'ros__parameters'}:
        raise ValueError(f'{source}: one entry "/**" with "ros__parameters" is wanted')
    return dict(_flat(content['/**']['ros__parameters'] or {}))


def _flat(parameters: dict, prefix: str = ''):
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', value


def program(package: str, executable: str) -> list[str]:
    """Return the command that starts ``executable``: the installed one, else the module hac_ros.nodes.<executable>."""
    try:
        from ament_index_python.packages import get_package_prefix
        path = Path(get_package_prefix(package), 'lib', package, executable)
        if path.is_file():
            return [str(path)]
    except (ImportError, LookupError, OSError):
        pass
    if package != 'hac_ros':
        raise ValueError(f'there is no executable {executable!r} in package {package!r}')
    return [sys.executable, '-m', f'hac_ros.nodes.{executable}']
