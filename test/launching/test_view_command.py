"""`hac view`: finds the run, and takes from it what the user need not say."""
import json

import pytest

from hac_ros.cli import Refused, launch, main, view
from hac_ros.run_folder import RunFolder


@pytest.fixture
def begun(tmp_path):
    """Begin runs: their folders, as a recorder leaves them."""
    def begin(name, task='push', arms=8):
        folder = RunFolder(tmp_path, name)
        folder.path.mkdir()
        folder.config.write_text(json.dumps({'settings': {'run': {'task': task, 'arms': arms, 'control': 'fetch'}}}))
        return folder
    return begin


def test_the_run_that_is_training_is_watched_with_its_task_arms_and_control_mode(begun, tmp_path):
    begun('ended', task='reach')
    with begun('under_way').claim():
        given = view.completed({'folder': str(tmp_path)})
    assert (given['run'], given['task'], given['arms'], given['control']) == ('under_way', 'push', '8', 'fetch')
    assert (given['rviz'], given['browser'], given['host']) == ('false', 'true', '127.0.0.1')


def test_what_the_user_says_goes_before_what_the_run_says(begun, tmp_path):
    begun('ended', arms=8)
    given = view.completed({'folder': str(tmp_path), 'run': 'ended', 'arms': '4', 'rviz': 'true'})
    assert (given['arms'], given['task'], given['rviz']) == ('4', 'push', 'true')


def test_a_run_of_another_machine_can_be_watched_by_name(tmp_path):
    given = view.completed({'folder': str(tmp_path), 'run': 'elsewhere', 'task': 'slide'})
    assert (given['run'], given['task']) == ('elsewhere', 'slide') and 'arms' not in given


@pytest.mark.parametrize('names, words', [((), 'no run in'), (('one', 'two'), 'one and two in')])
def test_no_run_or_several_are_refused_by_name(begun, tmp_path, names, words):
    claims = [begun(name).claim() for name in names]
    for claim in claims:
        claim.__enter__()
    with pytest.raises(Refused, match=words) as refusal:
        view.completed({'folder': str(tmp_path)})
    assert 'run:=' in str(refusal.value) and './hac train' in str(refusal.value)
    for claim in claims:
        claim.__exit__(None, None, None)


@pytest.mark.parametrize('words, message', [
    (['port:=0'], 'page.port: 0 came, a whole number from 1 to 65535'), (['arm:=-2'], 'view.arm: -2 came'),
    (['rate:=1000'], 'view.rate: 1000.0 came'), (['browser:=maybe'], 'browser:=maybe'), (['prot:=1'], "'prot'")])
def test_what_does_not_fit_is_refused_before_anything_starts(begun, tmp_path, capsys, words, message):
    begun('ended')
    assert main(['view', f'folder:={tmp_path}', 'run:=ended', *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'ended' / 'log').exists()


def test_the_browser_has_the_worker_to_itself_and_fetch_needs_to_be_asked_for():
    path = launch.find('view.launch.xml')
    plan, _ = launch.planned(path, ['rviz:=false', 'browser:=true', 'run:=r', 'worker:=2', 'arm:=-1'])
    assert [node.path for node in plan] == ['/r/worker_2/marker_publisher', '/r/worker_2/browser_view']
    assert plan[0].values()['view.arm'] == -1 and not plan[0].respawn
    shown, _ = launch.planned(path, [])
    assert [node.package for node in shown] == ['hac_ros', 'rviz2']
    assert dict(shown[1].remappings) == {'/tf': 'tf', '/tf_static': 'tf_static'}
