"""Which tags and attributes of launch files are understood; anything else is refused, naming its place."""
from pathlib import Path

from hac_ros.launching.xml_elements import Element, read

_CONDITION = ('if', 'unless')

# parent -> tag -> attributes
_ACTIONS = {
    'arg': ('name', 'default', 'description'),
    'let': ('name', 'value', *_CONDITION),
    'include': ('file', *_CONDITION),
    'group': ('scoped', *_CONDITION),
    'push_ros_namespace': ('namespace', *_CONDITION),
    'push-ros-namespace': ('namespace', *_CONDITION),
    'set_env': ('name', 'value', *_CONDITION),
    'node': ('pkg', 'exec', 'name', 'namespace', 'exec_name', 'args', 'ros_args', 'output', 'respawn', 'respawn_delay',
             'on_exit', *_CONDITION),
}
SUPPORTED = {
    'launch': _ACTIONS,
    'group': _ACTIONS,
    'arg': {'choice': ('value',)},
    'include': {'arg': ('name', 'value')},
    'node': {'param': ('name', 'value', 'type', 'from', 'allow_substs'), 'remap': ('from', 'to'),
             'env': ('name', 'value')},
}
_REQUIRED = {'let': ('name', 'value'), 'set_env': ('name', 'value'), 'env': ('name', 'value'), 'choice': ('value',),
             'include': ('file',), 'push_ros_namespace': ('namespace',), 'push-ros-namespace': ('namespace',),
             'node': ('pkg', 'exec'), 'remap': ('from', 'to'), 'arg': ('name',)}


def load(path: str | Path) -> Element:
    """Return the root of a launch file in which everything is supported. Raises LaunchFileError."""
    root = read(path)
    if root.tag != 'launch':
        raise root.error('the root tag must be <launch>')
    _check_attributes(root, ())
    _check_children(root)
    return root


def _check_children(parent: Element) -> None:
    supported = {} if parent.tag == 'arg' and 'value' in parent.attributes else SUPPORTED.get(parent.tag, {})
    for child in parent.children:
        if child.tag not in supported:
            raise child.error(f'this tag is not supported in <{parent.tag}>; '
                              f'supported: {", ".join(supported) or "none"}')
        _check_attributes(child, supported[child.tag])
        _check_children(child)


def _check_attributes(element: Element, supported) -> None:
    for name in element.attributes:
        if name not in supported:
            raise element.error(f'attribute {name!r} is not supported; '
                                f'supported: {", ".join(supported) or "none"}')
    for name in _REQUIRED.get(element.tag, ()):
        if name not in element.attributes:
            raise element.error(f'attribute {name!r} is missing')
    if all(name in element.attributes for name in _CONDITION):
        raise element.error('"if" and "unless" exclude each other')
