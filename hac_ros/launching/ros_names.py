"""Names of nodes and namespaces, by the rules of ROS 2 and launch_ros."""
import re

_NODE_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


def checked_name(name: str) -> str:
    """Return a node's name; raises ValueError if ROS does not accept it."""
    if not _NODE_NAME.fullmatch(name):
        raise ValueError(f'{name!r} is no name: letters, digits and _ are, not beginning with a digit')
    return name


def joined(outer: str | None, inner: str | None) -> str | None:
    """Return namespace ``inner`` within ``outer``, absolute; None where there is neither. Raises ValueError."""
    if inner is None and outer is None:
        return None
    absolute = inner is None or not outer or inner.startswith('/')
    name = (outer if inner is None else inner) if absolute else f'{outer.rstrip("/")}/{inner}'
    name = (name.rstrip('/') or '/') if name.startswith('/') else f'/{name.rstrip("/")}'
    for part in name.split('/')[1:] if name != '/' else ():
        checked_name(part)
    return name
