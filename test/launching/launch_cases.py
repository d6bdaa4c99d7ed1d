"""Launch files with tricky points, and the processes that they mean: what each process is called, told and given.

The expectations were taken from ``launch`` 3.4.3 and ``launch_ros`` 0.26.6; test_launch_agreement.py asks the real ones
again where they are installed. ``$(env PROBE)`` is the folder in which a case's files lie.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """``files``: name -> content, main.launch.xml first; ``expected``: records as process.records() gives them."""

    main: str
    expected: list
    given: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)


def record(label, *words, parameters=(), env=None):
    """One process: its label, its argv without the program, the parameter files' contents, PROBE_* environment."""
    return {'label': label, 'argv': list(words), 'parameters': list(parameters), 'environment': env or {}}


def ros(*words):
    """The arguments that every node has."""
    return ['--ros-args', *words]


def single(path, **values):
    """The parameter file that <param name value> makes."""
    return {path: {'ros__parameters': values}}


NODE = '<node pkg="hac_probe" exec="probe" {}>{}</node>'
NAMED = ros('-r', '__node:=n')

ROBOT = '<?xml version="1.0"?>\n<robot name="a: $(b)">\n\t<link name="\'1\'"/> # no comment\n</robot>\n'


def typed(text, kind, value):
    """A case with one parameter."""
    attribute = f'type="{kind}"' if kind else ''
    return Case(f'<arg name="v" default="{text}"/>' + NODE.format(
        'name="n" namespace="/a"', f'<param name="p" value="$(var v)" {attribute}/>'),
        [record('probe-1', *NAMED, '-r', '__ns:=/a', '--params-file', '#', parameters=[single('/a/n', p=value)])])


CASES = {
    'no_name_no_namespace': Case(NODE.format('', ''), [record('probe-1', '--ros-args')]),
    'default_uses_earlier_argument': Case(
        '<arg name="task" default="reach"/><arg name="run" default="$(var task)"/>'
        + NODE.format('name="$(var run)"', ''), [record('probe-1', *ros('-r', '__node:=push'))], {'task': 'push'}),
    'given_value_beats_default': Case(
        '<arg name="a" default="x"/>' + NODE.format('name="$(var a)"', ''),
        [record('probe-1', *ros('-r', '__node:=y'))], {'a': 'y'}),
    'let_beats_given_value': Case(
        '<arg name="a" default="x"/><let name="a" value="z"/>' + NODE.format('name="$(var a)"', ''),
        [record('probe-1', *ros('-r', '__node:=z'))], {'a': 'y'}),
    'var_with_default_and_nested_name': Case(
        '<let name="k_b" value="w"/><let name="which" value="b"/>'
        + NODE.format('name="$(var k_$(var which))" exec_name="$(var no label)"', ''),
        [record('label-1', *ros('-r', '__node:=w'))]),
    'unknown_argument_is_ignored': Case(NODE.format('name="n"', ''), [record('probe-1', *NAMED)], {'typo': '1'}),
    'namespaces_nest_and_end_with_their_group': Case(
        '<group><push_ros_namespace namespace="a"/><group><push-ros-namespace namespace="b/"/>'
        + NODE.format('name="n"', '') + NODE.format('name="n" namespace="c"', '')
        + NODE.format('name="n" namespace="/d"', '') + '</group>' + NODE.format('name="n"', '') + '</group>'
        + NODE.format('name="n"', ''),
        [record(f'probe-{i}', *NAMED, *(['-r', f'__ns:={ns}'] if ns else []))
         for i, ns in enumerate(('/a/b', '/a/b/c', '/d', '/a', None), 1)]),
    'group_scopes_variables_and_environment': Case(
        '<arg name="a" default="x"/><group><let name="a" value="y"/><set_env name="PROBE_A" value="1"/>'
        + NODE.format('name="$(var a)"', '') + '</group>' + NODE.format('name="$(var a)"', ''),
        [record('probe-1', *ros('-r', '__node:=y'), env={'PROBE_A': '1'}), record('probe-2', *ros('-r', '__node:=x'))]),
    'group_without_scope_leaks': Case(
        '<group scoped="false"><let name="a" value="y"/></group>' + NODE.format('name="$(var a)"', ''),
        [record('probe-1', *ros('-r', '__node:=y'))]),
    'include_is_not_scoped': Case(
        '<include file="$(env PROBE)/part.launch.xml"><arg name="a" value="y"/></include>'
        + NODE.format('name="$(var a)$(var inner)"', ''),
        [record('probe-1', *ros('-r', '__node:=y')), record('probe-2', *ros('-r', '__node:=yz'))],
        files={'part.launch.xml': '<arg name="a" default="x"/><let name="inner" value="z"/>'
                                  + NODE.format('name="$(var a)"', '')}),
    'include_passes_everything_on': Case(
        '<arg name="a" default="x"/><include file="$(env PROBE)/part.launch.xml"/>',
        [record('probe-1', *ros('-r', '__node:=y'))], {'a': 'y'},
        {'part.launch.xml': '<arg name="a" default="w"/>' + NODE.format('name="$(var a)"', '')}),
    'truth_is_computed': Case(
        '<arg name="k" default="3"/><let name="a" value="$(not-equals $(var k) 1)"/>'
        '<let name="b" value="$(and $(var a) $(not-equals $(var k) 3))"/>'
        + NODE.format('name="n" if="$(var a)"', '') + NODE.format('name="m" if="$(var b)"', ''),
        [record('probe-1', *NAMED)]),
    'dirname_is_of_the_file_being_read': Case(
        '<include file="$(dirname)/sub/part.launch.xml"/>',
        [record('probe-1', '#sub', *NAMED)],
        files={'sub/part.launch.xml': NODE.format('name="n" args="$(dirname)"', '')}),
    'conditions': Case(
        '<arg name="yes" default="True"/>'
        + NODE.format('name="a" if="$(var yes)"', '') + NODE.format('name="b" unless="$(var yes)"', '')
        + NODE.format('name="c" if="0"', '') + NODE.format('name="d" unless=" FALSE "', ''),
        [record('probe-1', *ros('-r', '__node:=a')), record('probe-2', *ros('-r', '__node:=d'))]),
    'arguments_are_split_but_not_what_substitutions_give': Case(
        '<let name="two" value="x y"/>'
        + NODE.format('name="n" args="-a $(var two) b$(var two)c d" ros_args="--log-level $(var two)"', ''),
        [record('probe-1', '-a', 'x y', 'bx yc', 'd', '--ros-args', '--log-level', 'x y', *NAMED)]),
    'environment': Case(
        '<set_env name="PROBE_A" value="$(env PROBE_NONE $(env PROBE_ALSO_NONE d))"/>'
        '<set_env name="PROBE_B" value="1"/>'
        + NODE.format('name="$(env PROBE_A)"', '<env name="PROBE_B" value="2"/>') + NODE.format('', ''),
        [record('probe-1', *ros('-r', '__node:=d'), env={'PROBE_A': 'd', 'PROBE_B': '2'}),
         record('probe-2', '--ros-args', env={'PROBE_A': 'd', 'PROBE_B': '1'})]),
    'remap_after_parameters': Case(
        NODE.format('name="n"', '<remap from="a" to="/b/$(var x c)"/><param name="p" value="1"/>'),
        [record('probe-1', *NAMED, '--params-file', '#', '-r', 'a:=/b/c', parameters=[single('/**', p=1)])]),
    'parameters_keep_their_order': Case(
        NODE.format('name="n" namespace="a"', '<param name="p.q" value="1"/><param from="$(dirname)/f.yaml"/>'
                    '<param name="p.q" value="2" type="str"/>'),
        [record('probe-1', *NAMED, '-r', '__ns:=/a', *['--params-file', '#'] * 3,
                parameters=[{'/a/n': {'ros__parameters': {'p.q': 1}}}, {'/**': {'ros__parameters': {'p': 3}}},
                            {'/a/n': {'ros__parameters': {'p.q': '2'}}}])],
        files={'f.yaml': '/**:\n  ros__parameters:\n    p: 3\n'}),
    'parameter_file_with_substitutions': Case(
        '<arg name="v" default="1"/><arg name="t" default="1e5"/>'
        + NODE.format('name="n"', '<param from="$(dirname)/f.yaml" allow_substs="true"/>'),
        [record('probe-1', *NAMED, '--params-file', '#',
                parameters=[{'/**': {'ros__parameters': {'p': 1, 'q': '1e5', 's': "it's (so)"}}}])],
        files={'f.yaml': '# (x) \'\n/**:\n  ros__parameters:\n    p: $(var v)\n    q: "$(var t)"\n'
                         '    s: "it\'s (so)"\n'}),
    'content_of_a_file_as_text': Case(
        NODE.format('name="n" namespace="/a"',
                    '<param name="p" value="$(file-content $(dirname)/robot.urdf)" type="str"/>'),
        [record('probe-1', *NAMED, '-r', '__ns:=/a', '--params-file', '#', parameters=[single('/a/n', p=ROBOT)])],
        files={'robot.urdf': ROBOT}),
    'integer': typed('1', None, 1),
    'float': typed('1.0', None, 1.0),
    'small_number_is_a_text': typed('8e-5', None, '8e-5'),
    'yes_is_a_bool': typed('yes', None, True),
    'typed_float_from_integer': typed('1', 'float', 1.0),
    'typed_float_small': typed('8e-5', 'float', 8e-5),
    'typed_int_with_zeros': typed('007', 'int', 7),
    'typed_text_of_digits': typed('123', 'str', '123'),
    'typed_bool_from_digit': typed('1', 'bool', True),
    'empty_text': typed('', None, ''),
}

# What both refuse.
REFUSED = {
    'choice': '<arg name="a" default="$(var b x)"><choice value="y"/></arg>',
    'required': '<arg name="a"/>',
    'unknown_variable': NODE.format('name="$(var nothing)"', ''),
    'unknown_environment': NODE.format('name="$(env PROBE_NONE)"', ''),
    'both_conditions': NODE.format('if="1" unless="1"', ''),
    'no_condition': NODE.format('if="maybe"', ''),
    'float_as_int': NODE.format('', '<param name="p" value="1.5" type="int"/>'),
    'text_as_float': NODE.format('', '<param name="p" value="$(var x abc)" type="float"/>'),
    'number_as_bool': NODE.format('', '<param name="p" value="$(var x 2)" type="bool"/>'),
    'null': NODE.format('', '<param name="p" value="$(var x null)"/>'),
    'bad_name': NODE.format('name="a-b"', ''),
    'bad_namespace': NODE.format('namespace="5"', ''),
    'negative_delay': NODE.format('respawn_delay="-1"', ''),
    'other_exit': NODE.format('on_exit="restart"', ''),
    'unknown_attribute': NODE.format('no_such="1"', ''),
    'unknown_tag': '<no_such/>',
    'unknown_nested_tag': NODE.format('', '<no_such/>'),
    'unknown_substitution': NODE.format('name="$(no-such x)"', ''),
    'unclosed_substitution': NODE.format('name="$(var x"', ''),
    'two_spaces': NODE.format('name="$(var  x)"', ''),
    'name_and_from': NODE.format('', '<param name="p" from="x"/>'),
    'missing_content': NODE.format('', '<param name="p" value="$(file-content $(dirname)/no.urdf)" type="str"/>'),
    'other_root': None,
    'not_xml': '<node',
}
