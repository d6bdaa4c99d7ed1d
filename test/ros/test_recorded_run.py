"""A training through real nodes leaves what its report is made of, and films where they are asked for."""
import sys
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest
from training_run import SHORT, TrainingRun

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
from in_process import Training  # noqa: E402

from hac_ros import run_history, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.diagnosis import diagnose
from hac_ros.learning import td3
from hac_ros.learning.bundle import level_config
from hac_ros.report import page
from hac_ros.report.figures import PLOTS
from hac_ros.run_folder import RunFolder
from hac_ros.simulation import offscreen
from hac_ros.simulation.simulation import Simulation


@pytest.fixture(scope='module')
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp('recorded')
    run = TrainingRun(root, 'recorded', render_every=6)
    try:
        assert run.wait() == 0, run.printed()
    finally:
        run.stop()
    return run_history.read(RunFolder(root, 'recorded'))


def test_every_evaluation_keeps_its_proposals(history):
    evaluated = history.rounds('evaluation/success_rate').tolist()
    assert [proposed.round for proposed in history.proposals] == evaluated and len(evaluated) >= 2
    diversity = [proposed.action_diversity for proposed in history.proposals]
    assert diversity == pytest.approx(history.measured('evaluation/action_diversity')[1])


def test_critics_and_evaluations_are_measured_on_one_scale(history):
    for column in ('planner/q_start', 'evaluation/return_start'):
        values = history.measured(column)[1]
        assert len(values) and (values <= 1.0).all() and (values >= -13.0).all()


def test_the_statistics_of_each_round_are_recovered(history):
    counted = history.columns['normalizer/count'][-1]
    assert len(history.statistics.rounds) == len(history.columns['round'])
    assert counted > 0 and np.isfinite(history.statistics.recent_mean).all()


def test_its_report_has_every_figure(history, tmp_path):
    text = page.write(tmp_path, [history]).read_text(encoding='utf-8')
    assert all(f'id="figure-{plot.name}"' in text for plot in PLOTS)
    assert all(found.text in text or found.text.replace("'", '&#x27;') in text for found in diagnose(history))


def test_rounds_are_timed(history):
    seconds, speed = (history.measured(name)[1] for name in ('wall/round', 'wall/steps_per_s'))
    assert len(seconds) >= 5 and (seconds > 0.0).all()
    assert np.round(seconds * speed).tolist() == [200.0] * len(seconds)


def test_what_the_controllers_critics_expect_and_what_came_is_measured(history):
    low, high = (history.measured(f'evaluation/controller_return_{end}')[1] for end in ('low', 'high'))
    lowest = -1.0 / (1.0 - history.setting('controller', 'gamma', 0.0))
    assert len(low) == len(high) >= 2
    assert (lowest <= low + 1e-9).all() and (low <= high).all() and (high <= 0.0).all()
    assert np.isfinite(history.measured('controller/q_start')[1]).any()


def test_without_nodes_the_same_settings_give_the_same_rounds_to_the_bit(history):
    td3.prepare(1)      # as a learner: other numbers of threads add in another order
    task, arms, seed = tasks.by_name(SHORT['task']), SHORT['arms'], SHORT['seed']
    planner, controller = (
        level_config(kind, history.config['settings'][level])
        for level, kind in (('planner', PlannerConfig), ('controller', ControllerConfig)))
    training = Training(task, lambda count, purpose: Simulation(task, count, seed, purpose=purpose), arms, seed, planner,
                        controller)
    for row in range(len(history.columns['round'])):
        training.run_round(row)
        measured = {name: value for name, value in training.metrics.items() if name in history.columns}
        assert {'planner/q_mean', 'controller/critic_loss', 'planner/success', 'controller/accuracy'} <= set(measured)
        for name, value in measured.items():
            assert np.array_equal(value, history.columns[name][row], equal_nan=True), (row, name)


def test_versions_tell_what_messages_went_through(history):
    versions = history.config['starts'][0]['versions']
    assert versions['rmw'].startswith('rmw_') and versions['rclpy'][0].isdigit()


def test_a_film_is_made_at_the_first_evaluation_after_so_many_rounds(history):
    try:
        offscreen.backend()
    except offscreen.NoOpenGL as error:
        pytest.skip(str(error))
    films = sorted((history.path / 'films').iterdir())
    assert [proposed.round for proposed in history.proposals] == [4, 7]
    assert [path.name for path in films] == ['round-00000007.mp4']
    frames = imageio.mimread(films[-1], memtest=False)
    assert len(frames) > 50 and np.abs(frames[0].astype(int) - frames[10]).max() > 40
