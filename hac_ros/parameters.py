"""Settings (config.py) as declared, ranged ROS parameters: read-only, but for those that are ``live``."""
import dataclasses

from hac_ros import config

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

_INTEGER_MAX = 2**63 - 1


def declare(node, kind: type, prefix: str = ''):
    """Declare every field of dataclass ``kind`` on ``node`` and return the instance that its parameters give.

    ``prefix`` and a dot stand before each name. Raises ValueError, naming parameter, value and what is accepted,
    for a value of the wrong type, out of range, or unfit together with another.
    """
    values = {field.name: _value(node, field, f'{prefix}.{field.name}' if prefix else field.name)
              for field in dataclasses.fields(kind)}
    return kind(**values)


def declare_levels(node, policy: str) -> dict[str, config.LevelConfig]:
    """Declare the sections of both levels, and return the settings that RunConfig.policy makes of them."""
    return config.levels(policy, declare(node, config.PlannerConfig, 'planner'),
                         declare(node, config.ControllerConfig, 'controller'), declare(node, config.FlatConfig, 'flat'))


def _value(node, field, name: str):
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    try:
        value = node.declare_parameter(name, default, descriptor(field)).value
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise ValueError(f'parameter {name}: {_accepted(field)} is wanted ({error})') from error
    choices = field.metadata.get('choices')
    if choices is not None and value not in choices:    # ROS knows ranges, but no choices
        raise ValueError(f'parameter {name}: {value!r} came, {_accepted(field)} is wanted')
    return tuple(value) if isinstance(field.default, tuple) else value


def _accepted(field) -> str:
    meta = field.metadata
    if meta.get('choices') is not None:
        return 'one of ' + ', '.join(map(str, meta['choices']))
    kind = type(field.default).__name__
    bounds = [f'{word} {meta[key]}' for word, key in (('from', 'low'), ('to', 'high')) if meta.get(key) is not None]
    return ' '.join([f'a {kind}', *bounds])


def descriptor(field) -> ParameterDescriptor:
    """Return the descriptor of dataclass ``field``: description, range, read-only unless it is live."""
    meta = field.metadata
    result = ParameterDescriptor(read_only=not meta.get('live', False))
    result.description = meta['description']
    if meta.get('choices') is not None:
        result.additional_constraints = _accepted(field)
    low, high = meta.get('low'), meta.get('high')
    if isinstance(field.default, tuple) or (low is None and high is None):
        return result
    if isinstance(field.default, float):
        result.floating_point_range = [FloatingPointRange(
            from_value=float('-inf') if low is None else float(low),
            to_value=float('inf') if high is None else float(high))]
    elif isinstance(field.default, int):
        result.integer_range = [IntegerRange(from_value=-_INTEGER_MAX if low is None else int(low),
                                             to_value=_INTEGER_MAX if high is None else int(high), step=1)]
    return result
