"""config.json tells all that changes what a run learns, and the real recorder refuses to go on with anything else."""
import json

import pytest

from hac_ros import config
from hac_ros.nodes.recorder import Recorder
from hac_ros.run_folder import RunFolder
from rclpy.parameter import Parameter

RUN = 'recorded'
ONLY_OF_FETCH = {'fetch', 'randomization'}


@pytest.fixture
def started(tmp_path):
    """Start the recorder of a run with some parameters and end it; return what config.json then tells of the settings."""
    def start(**parameters):
        given = {'run': RUN, 'folder': str(tmp_path), 'task': 'reach', **parameters}
        node = Recorder(namespace=f'/{RUN}', parameter_overrides=[
            Parameter(name.replace('__', '.'), value=value) for name, value in given.items()])
        node.close()
        node.destroy_node()
        return RunFolder(tmp_path, RUN).read_config()['settings']
    return start


def test_how_a_fetch_moves_and_differs_is_told_of_the_runs_that_it_changes(started):
    told = started(control='fetch', fetch__speed=0.2, randomization__action_gain=[1.0, 1.0])
    assert told['fetch']['speed'] == 0.2 and told['randomization']['action_gain'] == [1.0, 1.0]
    assert told['randomization']['joint_noise'] == config.RandomizationConfig().joint_noise


def test_of_a_run_in_mocap_only_what_means_something_is_told(started):
    assert not ONLY_OF_FETCH & started().keys()


@pytest.mark.parametrize('name, value, words', [
    ('fetch__speed', 0.2, r'fetch\.speed was 0\.1, 0\.2 came'),
    ('randomization__object_delay', [0, 3], r'randomization\.object_delay was \[0, 2\], \[0, 3\] came')])
def test_a_run_does_not_go_on_with_another_fetch(started, name, value, words):
    started(control='fetch')
    with pytest.raises(ValueError, match=f'cannot go on with other settings: {words}$'):
        started(control='fetch', resume=True, **{name: value})
    started(control='fetch', resume=True)


def test_a_run_goes_on_with_another_device_and_tells_it(started):
    assert started(device='cpu')['learners'] == {'device': 'cpu', 'threads': 1}
    assert started(device='auto', threads=2, resume=True)['learners'] == {'device': 'auto', 'threads': 2}


@pytest.mark.parametrize('control', ['mocap', 'fetch'])
def test_a_run_that_was_begun_before_these_were_told_goes_on_only_where_they_mean_nothing(started, tmp_path, control):
    started(control=control)
    path = RunFolder(tmp_path, RUN).config
    before = json.loads(path.read_bytes())
    for section in (*ONLY_OF_FETCH, 'learners'):
        before['settings'].pop(section, None)
    path.write_text(json.dumps(before))
    if control == 'mocap':
        assert started(control=control, resume=True)['learners']['device'] == 'cpu'
    else:
        with pytest.raises(ValueError, match=r'fetch\.speed was None, 0\.1 came.*randomization\.object_mass was None'):
            started(control=control, resume=True)
