"""Every setting of every node is a declared, described, ranged, read-only parameter, and refuses what does not fit."""
import dataclasses
import importlib
import itertools
import math

import pytest

from hac_ros import config, parameters, reference
from rcl_interfaces.msg import ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter

CLASSES = {'mujoco_bridge': 'MujocoBridge', 'fetch_emulator': 'FetchEmulator', 'planner': 'PlannerNode',
           'controller': 'ControllerNode', 'normalizer': 'Normalizer', 'fetch_bridge': 'FetchBridge',
           'guard': 'Guard', 'gripper_relay': 'GripperRelay',
           'planner_learner': 'LearnerNode', 'controller_learner': 'LearnerNode',
           'evaluator': 'EvaluatorNode', 'recorder': 'Recorder', 'marker_publisher': 'MarkerPublisher',
           'browser_view': 'BrowserView', 'membership': 'MembershipNode'}
TYPES = {bool: ParameterType.PARAMETER_BOOL, int: ParameterType.PARAMETER_INTEGER,
         float: ParameterType.PARAMETER_DOUBLE, str: ParameterType.PARAMETER_STRING,
         (int,): ParameterType.PARAMETER_INTEGER_ARRAY, (float,): ParameterType.PARAMETER_DOUBLE_ARRAY}
SECTIONS = list(dict.fromkeys(itertools.chain.from_iterable(reference.DECLARED.values())))
ROS_OWN = {'use_sim_time', 'start_type_description_service'}
SETTINGS = [pytest.param(prefix, kind, field, id=f'{kind.__name__}.{field.name}')
            for prefix, kind in SECTIONS for field in dataclasses.fields(kind)]


def test_each_section_is_checked_as_what_the_nodes_declare_it_to_be():
    declared = {prefix: kind for prefix, kind in SECTIONS if prefix}
    assert declared == {name: kind for name, kind in config.SECTIONS.items() if name}


@pytest.fixture(params=reference.DECLARED)
def started(request, tmp_path):
    """Each of the nodes, in this process."""
    name = request.param
    overrides = [Parameter('folder', value=str(tmp_path)), Parameter('arms', value=1)]
    if name.endswith('_learner'):
        overrides.append(Parameter('level', value=name.removesuffix('_learner')))
    module = importlib.import_module(f'hac_ros.nodes.{"learner" if name.endswith("_learner") else name}')
    node = getattr(module, CLASSES[name])(namespace='/parameters', parameter_overrides=overrides)
    yield name, node
    node.close()
    node.destroy_node()


def type_of(value):
    return (type(value[0]),) if isinstance(value, tuple) else type(value)


def settings(sections):
    return {f'{prefix}.{field.name}' if prefix else field.name: field
            for prefix, kind in sections for field in dataclasses.fields(kind)}


def test_a_node_declares_the_settings_of_its_sections_and_no_others(started):
    name, node = started
    own = {declared for declared in node._parameters if declared not in ROS_OWN}
    assert own == set(settings(reference.DECLARED[name]))


def test_every_parameter_is_described_ranged_and_read_only_unless_it_is_live(started):
    name, node = started
    for full, field in settings(reference.DECLARED[name]).items():
        declared, meta = node.describe_parameter(full), field.metadata
        assert declared.read_only != meta['live'] and declared.description == meta['description'] != '', full
        assert not meta['live'] or 'any time' in meta['description'], full
        assert declared.type == TYPES[type_of(field.default)], full
        ranges = [*declared.floating_point_range, *declared.integer_range]
        ranged = not isinstance(field.default, tuple) and (meta['low'] is not None or meta['high'] is not None)
        assert len(ranges) == ranged, full
        for bounds in ranges:
            assert meta['low'] is None or bounds.from_value == meta['low'], full
            assert meta['high'] is None or bounds.to_value == meta['high'], full
        for choice in meta['choices'] or ():
            assert str(choice) in declared.additional_constraints, full


def test_a_parameter_cannot_be_set_while_the_node_runs(started):
    _, node = started
    seed = node.get_parameter('seed').value
    assert not node.set_parameters([Parameter('seed', value=seed + 1)])[0].successful
    assert node.get_parameter('seed').value == seed


@pytest.fixture
def declared():
    """Declare ``kind`` on a bare node that was given one value."""
    made = []

    def declare(prefix, kind, field, value):
        name = f'{prefix}.{field.name}' if prefix else field.name
        made.append(Node('bare', namespace='/parameters', parameter_overrides=[Parameter(name, value=value)],
                         start_parameter_services=False, enable_rosout=False))
        return parameters.declare(made[-1], kind, prefix)
    yield declare
    for node in made:
        node.destroy_node()


def refusal(declared, prefix, kind, field, value) -> str:
    """Return the one line with which ``value`` is refused; it names the parameter and the value."""
    with pytest.raises(ValueError) as caught:
        declared(prefix, kind, field, value)
    text = str(caught.value)
    assert '\n' not in text and field.name in text, text
    shown = f'{value[0]}' if isinstance(value, list) else f'{value}'
    assert shown in text, text
    return text


@pytest.mark.parametrize('prefix, kind, field', SETTINGS)
def test_a_value_of_the_wrong_type_is_refused(declared, prefix, kind, field):
    wrong = 7 if isinstance(field.default, (str, float, bool)) else 'seven'
    text = refusal(declared, prefix, kind, field, wrong)
    accepted = field.metadata['choices'] or [type(field.default).__name__]
    assert all(str(word) in text for word in accepted), text


def beyond(field):
    """Return values just outside of a setting's range, and no number where it is a number."""
    step = {float: lambda bound, way: math.nextafter(bound, way * math.inf)}.get(
        type(field.default), lambda bound, way: bound + way)
    low, high = field.metadata['low'], field.metadata['high']
    values = [step(kind(bound), way) for bound, way in ((low, -1), (high, 1)) if bound is not None
              for kind in [float if isinstance(field.default, float) else int]]
    values += [math.nan] if isinstance(field.default, float) and values else []
    return [[value] for value in values] if isinstance(field.default, tuple) else values


@pytest.mark.parametrize('prefix, kind, field', [case for case in SETTINGS if beyond(case.values[2])])
def test_a_value_out_of_range_is_refused(declared, prefix, kind, field):
    for value in beyond(field):
        text = refusal(declared, prefix, kind, field, value)
        bounds = [field.metadata[key] for key in ('low', 'high') if field.metadata[key] is not None]
        assert all(str(bound) in text for bound in bounds), text


@pytest.mark.parametrize('prefix, kind, field', [case for case in SETTINGS if case.values[2].metadata['choices']])
def test_an_unknown_choice_is_refused(declared, prefix, kind, field):
    text = refusal(declared, prefix, kind, field, 'no_such_choice')
    assert all(str(choice) in text for choice in field.metadata['choices']), text


def alone(kind, field):
    """Return a dataclass of one setting only: others may limit it further."""
    single = dataclasses.field(default=field.default, metadata=field.metadata)
    return dataclasses.make_dataclass(kind.__name__, [(field.name, field.type, single)], bases=(config.Checked,))


@pytest.mark.parametrize('prefix, kind, field', SETTINGS)
def test_the_bounds_and_the_default_are_accepted(declared, prefix, kind, field):
    bounds = [bound for bound in (field.metadata['low'], field.metadata['high']) if bound is not None]
    values = [type(field.default)((bound,)) if isinstance(field.default, tuple) else type(field.default)(bound)
              for bound in bounds] + [field.default]
    for value in values:
        made = declared(prefix, alone(kind, field), field, list(value) if isinstance(value, tuple) else value)
        assert getattr(made, field.name) == value
