"""Films are real films of real episodes, and what the planner wants is to be seen in them."""
import dataclasses
import os
import subprocess
import sys

import imageio.v2 as imageio
import numpy as np
import pytest

from hac_ros import films, records, shipped, tasks
from hac_ros.cli import main, render
from hac_ros.cli.evaluate import chosen
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.evaluation import Evaluator, evaluate
from hac_ros.learning import running_statistics
from hac_ros.learning.bundle import Bundle, read_bundle, write_bundle
from hac_ros.learning.learner import Learner
from hac_ros.records import Statistics
from hac_ros.simulation import offscreen
from hac_ros.simulation.film_stage import Stage
from hac_ros.simulation.scene_marks import BLUE, Marks
from hac_ros.simulation.simulation import Simulation

REACH, PICK = tasks.by_name('reach'), tasks.by_name('pick_and_place')
SIZE = 160, 120
PLANNER, CONTROLLER = PlannerConfig(hidden=(16,)), ControllerConfig(hidden=(16,))


def untrained(task) -> Bundle:
    space = task.observation
    planner, controller = (dataclasses.replace(Learner(level, task, config, 0).initial_weights(), updates=1)
                           for level, config in ((records.PLANNER, PLANNER), (records.CONTROLLER, CONTROLLER)))
    return Bundle(task.name, 'mocap', planner, controller,
                  Statistics(0, space.name, running_statistics.empty(space.size)),
                  {'planner': dataclasses.asdict(PLANNER), 'controller': dataclasses.asdict(CONTROLLER)})


@pytest.fixture(scope='module')
def recorded():
    return films.of_bundle(untrained(REACH), 2, 0)


@pytest.fixture(scope='module')
def stage(opengl):
    one = Stage(REACH, *SIZE, opengl)
    yield one
    one.close()


def projected(stage, point) -> tuple[int, int]:
    """Return row and column of a point [m] in the stage's newest picture."""
    camera = stage.camera.scene.camera[0]      # OpenGL's: a frustum at camera.pos; mono cameras are all the same
    left = stage.camera.scene.camera[1]
    position, forward, up = (camera.pos + left.pos) / 2, np.array(camera.forward), np.array(camera.up)
    offset = np.asarray(point) - position
    depth, right = offset @ forward, np.cross(forward, up)
    height = (camera.frustum_top - camera.frustum_bottom) / camera.frustum_near * depth
    width, high = SIZE
    return (round(high / 2 - (offset @ up) / height * high), round(width / 2 + (offset @ right) / height * high))


def marks(subgoal, goal=(1.2, 0.9, 0.45), **more) -> Marks:
    return Marks(np.array(goal), 0.05, False, np.array([*subgoal, 0.06]), 0.02, np.array([[1.34, 0.75, 0.53]]), **more)


@pytest.mark.parametrize('subgoal', [(1.40, 0.60, 0.50), (1.45, 0.90, 0.45), (1.50, 0.75, 0.60)])
def test_the_subgoal_is_seen_where_it_is(stage, subgoal):
    simulation = Simulation(REACH, 1, 0)
    state = simulation.state(0)
    plain, marked = stage.picture(state), stage.picture(state, marks(subgoal))
    row, column = projected(stage, subgoal)
    before, after = (picture[row, column].astype(float) for picture in (plain, marked))
    assert after[2] > after[0] + 60, f'{after} is not blue at {row}, {column}'
    assert np.linalg.norm(after - before) > 60
    assert after @ BLUE / np.linalg.norm(after) / np.linalg.norm(BLUE) > 0.93


def test_without_marks_nothing_is_blue_there(stage):
    picture = stage.picture(Simulation(REACH, 1, 0).state(0)).astype(int)
    row, column = projected(stage, (1.40, 0.60, 0.50))
    assert picture[row, column, 2] < picture[row, column, 0] + 60


def test_a_picture_is_a_function_of_the_state(stage, recorded):
    first, other = (stage.picture(recorded.states[step][0]) for step in (0, 12))
    assert first.shape == (SIZE[1], SIZE[0], 3) and first.dtype == np.uint8
    assert np.array_equal(stage.picture(recorded.states[0][0]), first)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('near, far', [((1.45, 0.90, 0.45), (1.45, 0.60, 0.55)),
                                       ((1.45, 0.60, 0.45), (1.45, 0.90, 0.50))])
def test_goal_and_subgoal_are_as_wide_as_what_counts_as_reached(stage, near, far):
    state = Simulation(REACH, 1, 0).state(0)
    plain, marked = stage.picture(state), stage.picture(state, marks(near, goal=far))
    changed = np.abs(marked.astype(int) - plain).max(axis=2) > 25
    for place, below, inside in ((far, 0.03, True), (far, 0.075, False), (near, 0.018, True), (near, 0.045, False)):
        row, column = projected(stage, np.subtract(place, (0.0, 0.0, below)))    # the rod comes from above
        assert changed[row, column] == inside, (place, below)


def test_earlier_subgoals_and_openings_are_drawn(stage):
    state = Simulation(REACH, 1, 0).state(0)
    few = stage.picture(state, marks((1.40, 0.60, 0.50)))
    past = np.array([[1.45, 0.90, 0.45]])
    row, column = projected(stage, past[0])
    for hit, channel in ((True, 1), (False, 0)):
        more = stage.picture(state, marks((1.40, 0.60, 0.50), past=past, hit=np.array([hit])))
        assert more[row, column].argmax() == channel and not np.array_equal(more[row, column], few[row, column])
    assert not np.array_equal(stage.picture(state, marks((1.40, 0.60, 0.50), plates=True)), few)


def test_a_films_marks_are_those_of_the_episode(recorded, stage):
    planner = recorded.round.planner
    for step in (0, 17, 50):
        shown = films.marks(recorded, 1, step, stage)
        now = min(step, 49)
        assert np.array_equal(shown.subgoal, planner.subgoal[now, 1])
        assert len(shown.past) == len(shown.hit) == planner.attempt[now, 1]
        assert len(shown.gripper) == step + 1
        assert np.array_equal(shown.gripper[-1], planner.observation[step, 1, :3])


@pytest.mark.parametrize('name, size, count', [('f.mp4', (120, 324), 6 + films.HOLD), ('f.gif', (60, 162), 3)])
def test_a_film_can_be_decoded_and_moves(recorded, stage, tmp_path, name, size, count):
    pictures = list(films.frames(stage, recorded, range(0, 12, 2)))
    films.write_film(tmp_path / 'new' / name, pictures, 25.0)
    decoded = imageio.mimread(tmp_path / 'new' / name, memtest=False)
    assert {frame.shape[:2] for frame in decoded} == {size}
    assert len(decoded) == count
    first, last = decoded[0][..., :3].astype(int), decoded[2][..., :3].astype(int)
    assert np.abs(first - last).max() > 40
    assert [path.name for path in (tmp_path / 'new').iterdir()] == [name]


def test_a_film_that_cannot_be_written_leaves_the_old_one(recorded, stage, tmp_path):
    path = tmp_path / 'film.gif'
    path.write_bytes(b'old')
    with pytest.raises((ValueError, TypeError)):
        films.write_film(path, [np.zeros((8, 8, 7), dtype=np.uint8)], 25.0)
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_sheet_has_a_row_for_each_episode(recorded, stage):
    sheet = films.sheet(stage, recorded, 3)
    assert sheet.shape == (2 * SIZE[1] + films.GAP, 3 * SIZE[0] + 2 * films.GAP, 3)
    assert not np.array_equal(sheet[:SIZE[1]], sheet[-SIZE[1]:])


def test_pictures_are_laid_out_in_rows():
    one, two, three = (np.full((2, 3, 3), value, dtype=np.uint8) for value in (1, 2, 3))
    whole = films.tiled([one, two, three], 2)
    assert whole.shape == (4 + films.GAP, 6 + films.GAP, 3)
    assert [whole[r, c, 0] for r, c in ((0, 0), (0, -1), (-1, 0), (-1, -1))] == [1, 2, 3, films.BACKGROUND]


def test_the_command_makes_films_of_a_task_with_an_object(opengl, tmp_path):
    write_bundle(tmp_path / 'bundle', untrained(PICK))
    said = render.render({'bundle': str(tmp_path / 'bundle'), 'task': 'pick_and_place', 'out': str(tmp_path / 'out'),
                          'episodes': '1', 'width': '64'})
    assert said[0].endswith(f'of 1 episodes reached the goal (drawn with {opengl})')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['film.gif', 'film.mp4', 'sheet.png']
    assert imageio.imread(tmp_path / 'out' / 'sheet.png').shape[1] > 6 * render.SHEET_WIDTH


def test_the_bundle_that_is_shipped_is_filmed_where_none_is_given(opengl, tmp_path, capsys):
    assert main(['render', 'task:=reach', f'out:={tmp_path}/out', 'episodes:=1', 'width:=64']) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f'1 of 1 episodes reached the goal (drawn with {opengl})',
                    *(f'{tmp_path}/out/{name}' for name in ('film.mp4', 'film.gif', 'sheet.png'))]
    decoded = imageio.mimread(tmp_path / 'out' / 'film.mp4', memtest=False)
    assert decoded[0].shape == (48, 64, 3) and len(decoded) == REACH.steps + 1 + films.HOLD
    assert np.abs(decoded[0].astype(int) - decoded[-1]).max() > 40


def test_the_bundle_of_control_mode_fetch_is_filmed_in_it(opengl, tmp_path):
    given = {'task': 'reach', 'control': 'fetch'}
    recorded = films.of_bundle(read_bundle(chosen(given), 'reach'), 1, 0)
    assert recorded.success.all() and recorded.steps == tasks.by_name('reach', 'fetch').steps + 1
    with films.stage(recorded, 64, opengl) as one:      # a few of its 251 moments: each takes its time
        films.write_film(tmp_path / 'film.mp4', list(films.frames(one, recorded, range(0, 251, 50))), 5.0)
    decoded = imageio.mimread(tmp_path / 'film.mp4', memtest=False)
    assert decoded[0].shape == (48, 64, 3) and len(decoded) == 6 + films.HOLD
    assert np.abs(decoded[0].astype(int) - decoded[5]).max() > 40


def test_the_robot_that_is_filmed_is_that_of_the_evaluation():
    bundle = dataclasses.replace(untrained(tasks.by_name('reach', 'fetch')), control='fetch')
    usual = films.of_bundle(bundle, 1, 0)
    bundle.settings.update({'fetch': {'speed': 0.03}, 'randomization': {'action_delay': [0.1, 0.1], 'joint_noise': 0.0}})
    filmed = films.of_bundle(bundle, 1, 0)
    last, before = (each.round.planner.observation[-1, 0] for each in (filmed, usual))
    assert np.abs(last - before).max() > 1e-3, 'the settings make a difference'
    planner = filmed.round.planner
    distance = np.linalg.norm(planner.achieved_goal[-1, 0] - planner.desired_goal[0])
    found = evaluate(bundle, 1, 0)
    assert found.mean_final_distance == pytest.approx(distance, abs=1e-12)
    assert found.mean_episode_reward == pytest.approx(filmed.round.reward[1:].sum(), abs=1e-12)


def test_slide_is_filmed_in_its_own_view(opengl, tmp_path):
    write_bundle(tmp_path / 'bundle', untrained(tasks.by_name('slide')))
    assert main(['render', 'task:=slide', f'bundle:={tmp_path}/bundle', f'out:={tmp_path}', 'episodes:=1', 'width:=64']) == 0
    decoded = imageio.mimread(tmp_path / 'film.mp4', memtest=False)
    assert decoded[0].shape == (48, 64, 3) and len(decoded) == 51 + films.HOLD and decoded[0].std() > 20


def test_where_no_bundle_is_shipped_one_is_asked_for(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, 'FOLDER', tmp_path / 'none')
    assert main(['render', 'task:=slide', f'out:={tmp_path}/out']) == 2
    assert 'no bundle of slide in control mode mocap comes with this hac_ros' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_film_of_a_training_leaves_its_evaluations_as_they_are(opengl, tmp_path):
    bundle = untrained(REACH)
    weights = bundle.planner, bundle.controller
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, 5, 0, with_probes=False)
    before = evaluator.evaluate(*weights, bundle.statistics, 5)
    films.film(tmp_path / 'films' / 'round-00000004.mp4', evaluator, weights, bundle.statistics)
    decoded = imageio.mimread(tmp_path / 'films' / 'round-00000004.mp4', memtest=False)
    width = 2 * films.FILM_WIDTH + films.GAP      # four of the five episodes, two by two
    assert decoded[0].shape[1] == width and len(decoded) == REACH.steps + 1 + films.HOLD
    after = evaluator.evaluate(*weights, bundle.statistics, 5)
    for name in ('mean_final_distance', 'subgoal_diversity', 'mean_episode_reward'):
        assert getattr(after, name) == getattr(before, name)


def test_an_unknown_opengl_is_named():
    with pytest.raises(offscreen.NoOpenGL, match='MUJOCO_GL=glx came; one of egl, osmesa, or nothing, is wanted'):
        offscreen.backend('glx')


def test_without_opengl_one_line_tells_what_to_install(tmp_path):
    write_bundle(tmp_path / 'bundle', untrained(REACH))
    nothing = {**os.environ, 'MUJOCO_GL': 'egl', '__EGL_VENDOR_LIBRARY_DIRS': str(tmp_path)}   # libEGL finds no driver
    nothing.pop('__EGL_VENDOR_LIBRARY_FILENAMES', None)
    words = ['render', f'bundle:={tmp_path}/bundle', 'task:=reach', f'out:={tmp_path}/out']
    done = subprocess.run([sys.executable, '-m', 'hac_ros.cli', *words], capture_output=True, text=True, env=nothing,
                          check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and 'sudo apt install libegl1' in done.stderr
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('given, words', [({'episodes': '17'}, 'at most 16'), ({'width': '8'}, 'from 64'),
                                          ({'seed': '-1'}, 'seed:=-1')])
def test_values_out_of_range_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        render.render({'bundle': 'b', 'task': 'reach', 'out': 'o', **given})
