"""Reads our ROS 2 XML launch files, with the meaning that ``launch`` 3.4 and ``launch_ros`` 0.26 (Jazzy) give them.

Only the tags and attributes in supported_tags.py are read; any other is refused with file and line, even where ``if``
would leave it out. Departures, all stricter: a parameter file that is missing and a value in ``<choice>`` that does not
fit are errors before anything starts.
"""
import os
from dataclasses import dataclass
from pathlib import Path

from hac_ros.launching import command_line, values
from hac_ros.launching.plan import NodeProcess, Text
from hac_ros.launching.ros_names import checked_name, joined
from hac_ros.launching.substitutions import Context, SubstitutionError, substitute
from hac_ros.launching.supported_tags import load
from hac_ros.launching.xml_elements import Element, LaunchFileError


@dataclass(frozen=True)
class Argument:
    """A declared argument. ``default`` is None where one must be given; it may hold substitutions."""

    name: str
    default: str | None
    description: str
    choices: tuple[str, ...]

    def check(self, value: str) -> str:
        """Return ``value``; raises ValueError if it is not one of the choices."""
        if self.choices and value not in self.choices:
            raise ValueError(f'{self.name}:={value}: one of {", ".join(self.choices)} is wanted')
        return value


def arguments(path: str | Path) -> dict[str, Argument]:
    """Return the arguments that a launch file and those that it includes declare, by name, in order.

    As for ``ros2 launch --show-args``, an included file counts if its path needs no argument. What ``<include>`` itself
    sets cannot be given from outside and is left out.
    """
    result = {}
    for declared in _declarations(load(path)):
        result.setdefault(declared.name, declared)
    return result


def _declarations(parent: Element):
    for child in parent.children:
        if child.tag == 'arg':
            yield _argument(child)
        elif child.tag == 'group':
            yield from _declarations(child)
        elif child.tag == 'include':
            yield from _included_declarations(child)


def _included_declarations(element: Element):
    try:
        path = substitute(element.attributes['file'], Context(environment=dict(os.environ)))
    except SubstitutionError:
        return
    fixed = {child.attributes['name'] for child in element.children}
    yield from (declared for declared in _declarations(load(path)) if declared.name not in fixed)


def _argument(element: Element) -> Argument:
    return Argument(element.attributes['name'], element.attributes.get('default'),
                    element.attributes.get('description', ''),
                    tuple(choice.attributes['value'] for choice in element.only('choice')))


def plan(path: str | Path, given: dict[str, str] | None = None, environment=None) -> list[NodeProcess]:
    """Return the processes that the launch file at ``path`` starts with arguments ``given``, in order.

    Starts nothing and writes nothing. Unknown arguments are ignored, as ``ros2 launch`` does (the command line refuses
    them); ``environment`` is os.environ unless given. Raises LaunchFileError naming file, line and tag.
    """
    context = Context(dict(given or {}), dict(os.environ if environment is None else environment))
    return _Reader(context).read(Path(path))


class _Reader:
    """Visits tags in order, as launch does, and collects the processes."""

    def __init__(self, context: Context):
        self.context, self.processes = context, []

    def read(self, path: Path) -> list[NodeProcess]:
        root = load(path)
        self.context.folder = str(path.absolute().parent)
        self._visit(root)
        return self.processes

    def _visit(self, parent: Element) -> None:
        for child in parent.children:
            try:
                if self._holds(child):
                    getattr(self, '_' + child.tag.replace('-', '_'))(child)
            except LaunchFileError:
                raise
            except ValueError as error:
                raise child.error(str(error)) from error

    def _text(self, element: Element, name: str, default: str | None = None) -> str | None:
        text = element.attributes.get(name)
        return default if text is None else substitute(text, self.context)

    def _holds(self, element: Element) -> bool:
        if 'if' in element.attributes:
            return values.condition(self._text(element, 'if'))
        return 'unless' not in element.attributes or not values.condition(self._text(element, 'unless'))

    def _arg(self, element: Element) -> None:
        argument, configurations = _argument(element), self.context.configurations
        if argument.name not in configurations:
            if argument.default is None:
                raise ValueError(f'argument {argument.name!r} must be given: {argument.description}')
            configurations[argument.name] = substitute(argument.default, self.context)
        argument.check(configurations[argument.name])

    def _let(self, element: Element) -> None:
        self.context.configurations[self._text(element, 'name')] = self._text(element, 'value')

    def _set_env(self, element: Element) -> None:
        self.context.environment[self._text(element, 'name')] = self._text(element, 'value')

    def _push_ros_namespace(self, element: Element) -> None:
        outer = self.context.configurations.get('ros_namespace')
        self.context.configurations['ros_namespace'] = joined(outer, self._text(element, 'namespace'))

    def _include(self, element: Element) -> None:
        """Visit another file. As in launch nothing is scoped: its arguments stay set, and $(dirname) stays its own."""
        path = Path(self._text(element, 'file'))
        root = load(path)
        self.context.folder = str(path.absolute().parent)
        for child in element.children:
            if 'value' not in child.attributes:
                raise child.error('attribute "value" is missing')
            self._let(child)
        self._visit(root)

    def _group(self, element: Element) -> None:
        if not values.coerce(element.attributes.get('scoped', 'true'), 'bool'):
            self._visit(element)
            return
        outer = dict(self.context.configurations), dict(self.context.environment)
        self._visit(element)
        self.context.configurations, self.context.environment = outer

    def _node(self, element: Element) -> None:
        name = self._text(element, 'name')
        executable = self._text(element, 'exec')
        label = self._text(element, 'exec_name', executable)
        outer = self.context.configurations.get('ros_namespace')
        ros_arguments = element.attributes.get('ros_args')
        self.processes.append(NodeProcess(
            package=self._text(element, 'pkg'),
            executable=executable,
            label=f'{label}-{len(self.processes) + 1}',
            name=None if name is None else checked_name(name),
            namespace=joined(outer, self._text(element, 'namespace')),
            arguments=command_line.split(element.attributes.get('args', ''), self.context),
            ros_arguments=None if ros_arguments is None else command_line.split(ros_arguments, self.context),
            parameters=tuple(self._parameter(param) for param in element.only('param')),
            remappings=tuple((self._text(remap, 'from'), self._text(remap, 'to')) for remap in element.only('remap')),
            environment=self._environment(element),
            output=self._text(element, 'output', 'log'),
            **self._ending(element)))

    def _environment(self, element: Element) -> dict[str, str]:
        added = {self._text(env, 'name'): self._text(env, 'value') for env in element.only('env')}
        return {**self.context.environment, **added}

    def _ending(self, element: Element) -> dict:
        delay = values.coerce(element.attributes.get('respawn_delay', '0.0'), 'float')
        on_exit = element.attributes.get('on_exit')
        if not delay >= 0:
            raise ValueError(f'respawn_delay={delay}: a number of seconds, not below 0, is wanted')
        if on_exit not in (None, 'shutdown'):
            raise ValueError(f'on_exit={on_exit!r}: only "shutdown" is supported')
        respawn = values.coerce(self._text(element, 'respawn', 'false'), 'bool')
        return {'respawn': respawn, 'respawn_delay': delay, 'on_exit': on_exit}

    def _parameter(self, element: Element):
        if 'from' in element.attributes:
            return self._parameter_file(element)
        unknown = {'allow_substs'} & set(element.attributes)
        if unknown or not {'name', 'value'} <= set(element.attributes):
            raise element.error('either "name" and "value", or "from", is wanted')
        kind = element.attributes.get('type')
        if kind not in (None, *values.KINDS):
            raise element.error(f'type={kind!r} is not supported; supported: {", ".join(values.KINDS)}')
        name = self._text(element, 'name')
        try:
            return {name: values.coerce(self._text(element, 'value'), kind)}
        except ValueError as error:
            raise element.error(f'{name}: {error}') from error

    def _parameter_file(self, element: Element):
        if {'name', 'value', 'type'} & set(element.attributes):
            raise element.error('"from" stands alone, or with "allow_substs"')
        path = Path(self._text(element, 'from'))
        if not path.is_file():
            raise element.error(f'there is no parameter file {path}')
        if not values.coerce(self._text(element, 'allow_substs', 'false'), 'bool'):
            return path
        try:
            return Text(substitute(path.read_text(), self.context))
        except SubstitutionError as error:
            raise LaunchFileError(f'{path}: {error}') from error
