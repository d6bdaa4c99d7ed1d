"""The reader of launch files: what it makes of tricky points, and what it refuses."""
import os
from pathlib import Path

import pytest
from launch_cases import CASES, REFUSED
from process_records import environment, of_plan, write_case

from hac_ros.launching import launch_file, supported_tags, xml_elements

LAUNCH = Path(__file__).resolve().parents[2] / 'launch'
FILES = sorted(LAUNCH.glob('*.launch.xml'))
TRAIN = LAUNCH / 'train.launch.xml'


def elements(element):
    """Return an element and all below it."""
    return [element, *(inner for child in element.children for inner in elements(child))]


@pytest.mark.parametrize('name', CASES)
def test_reader_gives_processes_what_launch_gives_them(name, tmp_path):
    case = CASES[name]
    path = write_case(tmp_path, case.main, case.files)
    plan = launch_file.plan(path, case.given, environment(tmp_path))
    assert of_plan(plan, tmp_path) == case.expected


@pytest.mark.parametrize('name', REFUSED)
def test_reader_refuses_naming_file_and_line(name, tmp_path):
    path = write_case(tmp_path, REFUSED[name], {})
    with pytest.raises(xml_elements.LaunchFileError, match=f'^{path}:1: '):
        launch_file.plan(path, {}, environment(tmp_path))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_everything_that_our_files_use_is_supported(path):
    assert supported_tags.load(path).tag == 'launch'


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_any_further_attribute_or_tag_in_our_files_is_refused(path, tmp_path):
    lines = path.read_text().splitlines()
    tags = elements(xml_elements.read(path))
    assert len(tags) > 5
    for tag in tags:
        changed = list(lines)
        start = f'<{tag.tag}'
        for replacement in (f'{start} surprise="1"', f'<surprise/>{start}'):
            changed[tag.line - 1] = lines[tag.line - 1].replace(start, replacement, 1)
            copy = tmp_path / path.name
            copy.write_text('\n'.join(changed))
            if tag.tag == 'launch' and replacement.startswith('<surprise'):
                continue        # two roots: not XML
            with pytest.raises(xml_elements.LaunchFileError, match=f'^{copy}:{tag.line}: .*surprise'):
                supported_tags.load(copy)


@pytest.mark.parametrize('text, part', [
    ('<launch>\n\n<frog/>\n</launch>', r':3: <frog>'),
    ('<launch>\n<arg name="a"\n default="1" frog="2"/></launch>', r":2: <arg>: attribute 'frog'"),
    ('<launch>\n<group if="false">\n<node pkg="p" exec="e" machine="m"/></group></launch>', r":3: <node>.*'machine'"),
    ('<launch>frog</launch>', r":1: <launch>: text is not supported: 'frog'"),
])
def test_refusal_names_place_and_culprit_even_where_a_condition_leaves_it_out(text, part, tmp_path):
    path = tmp_path / 'x.launch.xml'
    path.write_text(text)
    with pytest.raises(xml_elements.LaunchFileError, match=part):
        launch_file.plan(path)


def test_missing_file_and_missing_parameter_file_are_refused(tmp_path):
    with pytest.raises(xml_elements.LaunchFileError, match='no.launch.xml: cannot be read'):
        launch_file.plan(tmp_path / 'no.launch.xml')
    path = write_case(tmp_path, '<node pkg="p" exec="e"><param from="$(dirname)/no.yaml"/></node>', {})
    with pytest.raises(xml_elements.LaunchFileError, match='there is no parameter file .*no.yaml'):
        launch_file.plan(path)


def test_reading_changes_neither_environment_nor_disk(tmp_path):
    before = dict(os.environ)
    path = write_case(tmp_path, '<set_env name="PROBE_X" value="1"/><node pkg="p" exec="e">'
                                '<param name="a" value="1"/></node>', {})
    files = sorted(tmp_path.rglob('*'))
    launch_file.plan(path)
    assert dict(os.environ) == before and sorted(tmp_path.rglob('*')) == files


@pytest.mark.parametrize('workers', [1, 2, 3, 4])
def test_train_starts_the_nodes_of_the_design_and_only_the_recorder_ends_the_run(workers):
    plan = launch_file.plan(TRAIN, {'run': 'r', 'workers': str(workers)}, {})
    of_workers = {f'/r/worker_{number}/{kind}': kind for number in range(workers)
                  for kind in ('mujoco_bridge', 'planner', 'controller')}
    assert {node.path: node.executable for node in plan} == {       # nothing that shows: the view costs nothing when off
        '/r/normalizer': 'normalizer', '/r/planner_learner': 'learner', '/r/controller_learner': 'learner',
        '/r/evaluator': 'evaluator', '/r/recorder': 'recorder', **of_workers}
    assert all(node.values()['workers'] == workers for node in plan if '/worker_' not in node.path)
    for node in plan:
        is_recorder = node.executable == 'recorder'
        assert (node.on_exit == 'shutdown') == is_recorder and node.respawn != is_recorder


@pytest.mark.parametrize('bridge', ['mujoco_bridge', 'fetch_bridge'])
def test_a_worker_that_joins_has_a_node_that_ends_it_and_is_never_started_again(bridge):
    plan = launch_file.plan(TRAIN.with_name('worker.launch.xml'), {'run': 'r', 'worker': '4', 'bridge': bridge}, {})
    assert bridge in {node.executable for node in plan}
    ends = [node for node in plan if node.on_exit == 'shutdown']
    assert [(node.path, node.respawn) for node in ends] == [('/r/worker_4/membership', False)]
    assert all(node.respawn for node in plan if node not in ends)


@pytest.mark.parametrize('given, node, name, value', [
    ({'pace': '1'}, 'mujoco_bridge', 'bridge.pace', 1.0),
    ({'bar': '1'}, 'recorder', 'evaluation.bar', 1.0),
    ({'task': 'slide'}, 'recorder', 'evaluation.usual_bar', 0.8),
    ({'task': 'slide'}, 'evaluator', 'evaluation.bar', 0.0),
    ({'arms': '4'}, 'planner', 'arms', 4),
    ({'folder': '123'}, 'recorder', 'folder', '123'),
    ({'run': 'e5'}, 'evaluator', 'run', 'e5'),
    ({'task': 'push'}, 'controller', 'run', 'push'),
    ({'resume': 'true'}, 'recorder', 'resume', True),
    ({'max_steps': '800'}, 'evaluator', 'evaluation.limit', 800),
    ({'preset': 'post_2020'}, 'learner', 'planner.learning_rate', 8e-5),
    ({'device': 'auto'}, 'learner', 'device', 'auto'),
    ({'device': 'auto'}, 'recorder', 'device', 'auto'),
    ({'pace': '1.0'}, 'recorder', 'bridge.pace', 1.0),
    ({'patience': '7'}, 'recorder', 'normalizer.patience', 7.0),
    ({'bridge': 'fetch_bridge', 'preset': 'post_2020'}, 'fetch_emulator', 'planner.learning_rate', 8e-5),
    ({'bridge': 'fetch_bridge', 'preset': 'post_2020'}, 'fetch_bridge', 'planner.learning_rate', 8e-5),
])
def test_argument_of_train_arrives_with_the_type_that_the_node_declares(given, node, name, value):
    plan = [process for process in launch_file.plan(TRAIN, given, {}) if process.executable == node]
    found = [process.values()[name] for process in plan]
    assert found == [value] * len(plan) and {type(item) for item in found} == {type(value)}


def test_workers_that_are_launched_one_by_one_into_a_run_leave_each_others_files_alone(tmp_path):
    def written(worker):
        for node in launch_file.plan(LAUNCH / 'worker.launch.xml', {'run': 'r', 'worker': worker}, {}):
            node.words(tmp_path)
        return {path.name: path.read_text() for path in tmp_path.iterdir()}

    first = written('3')
    both = written('4')
    assert first and len(both) == 2 * len(first) and first.items() <= both.items()


def test_a_node_that_is_started_again_has_its_parameter_files_already(tmp_path):
    node = launch_file.plan(LAUNCH / 'worker.launch.xml', {'run': 'r', 'worker': '3'}, {})[0]
    (first, before), (second, after) = ((node.words(tmp_path), {path: path.stat().st_ino for path in tmp_path.iterdir()})
                                        for _ in range(2))
    assert first == second and before and before == after       # a full disk does not keep it from coming back


def test_a_parameter_file_that_cannot_be_written_leaves_nothing_beside_it(tmp_path):
    node = launch_file.plan(LAUNCH / 'worker.launch.xml', {'run': 'r', 'worker': '3'}, {})[0]
    node.words(tmp_path)
    path = next(tmp_path.iterdir())
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match=path.name):
        node.words(tmp_path)
    assert not list(tmp_path.glob('.*'))


def test_worker_can_be_started_alone_with_another_number():
    plan = launch_file.plan(LAUNCH / 'worker.launch.xml', {'run': 'r', 'worker': '3'}, {})
    assert {node.namespace for node in plan} == {'/r/worker_3'}
    assert {node.values()['worker'] for node in plan} == {3}


def test_preset_choices_are_the_parameter_files():
    choices = set(launch_file.arguments(TRAIN)['preset'].choices)
    assert choices == {path.stem for path in (LAUNCH / 'params').glob('*.yaml')} - {'default', 'run', 'deploy', 'emulator'}


def test_every_argument_is_described():
    for path in FILES:
        assert all(argument.description for argument in launch_file.arguments(path).values())


def test_what_an_include_sets_is_no_argument():
    assert 'worker' in launch_file.arguments(LAUNCH / 'worker.launch.xml')
    assert 'worker' not in launch_file.arguments(TRAIN)


def test_the_robot_that_is_shown_comes_from_wherever_its_description_is(tmp_path, monkeypatch):
    pytest.importorskip('ament_index_python', reason='ROS 2 is not in this environment')
    marker = tmp_path / 'share/ament_index/resource_index/packages/fetch_description'
    description = tmp_path / 'share/fetch_description/robots/fetch.urdf'
    for path, text in ((marker, ''), (description, '<robot name="fetch"/>\n')):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    with pytest.raises(xml_elements.LaunchFileError, match='fetch_description.* is not installed'):
        launch_file.plan(LAUNCH / 'view.launch.xml', {'robot': 'true'})
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join([str(tmp_path), os.environ.get('AMENT_PREFIX_PATH', '')]))
    plan = {node.executable: node for node in launch_file.plan(LAUNCH / 'view.launch.xml', {'robot': 'true'})}
    publisher = plan['robot_state_publisher']
    assert plan['marker_publisher'].values()['view.robot'] is True, 'no second arm is drawn'
    assert publisher.values() == {'robot_description': '<robot name="fetch"/>\n'} and not publisher.arguments
