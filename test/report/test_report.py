"""The report tells what a run did: all of its figures, nothing from outside, and a collapse at a glance."""
import base64
import dataclasses
import html.parser
import math
import re

import imageio.v2 as imageio
import numpy as np
import pytest
import scripted_run

from hac_ros import run_history
from hac_ros.cli import main, report
from hac_ros.diagnosis import CROWD, crowded, diagnose, is_collapsed, spread
from hac_ros.report import curves, maps, outcomes, page
from hac_ros.report.figures import PLOTS, success

CORNER = (0.9, -0.9, 0.8, 0.0)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Return a folder with a healthy run and two whose planner is frozen: displaced from the gripper, or absolute."""
    folder = tmp_path_factory.mktemp('runs')
    scripted_run.make(folder, 'healthy')
    scripted_run.make(folder, 'frozen', CORNER)
    scripted_run.make(folder, 'frozen_place', (0.3, 0.2, 0.1, 0.0), centre='workspace', seed=1)
    return folder


@pytest.fixture(scope='module')
def runs(root):
    return {name: run_history.read(report.place(name, root)) for name in ('healthy', 'frozen', 'frozen_place')}


class Page(html.parser.HTMLParser):
    """What a page holds."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.images, self.warnings, self.links = [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note a tag."""
        values = dict(attributes)
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ('src', 'href', 'srcset', 'data', 'action')]
        if tag == 'img':
            self.images[values['id']] = values['src']
        if values.get('class') == 'warning':
            self.warnings.append(values['data-kind'])


def test_a_healthy_run_has_no_warnings(runs):
    assert diagnose(runs['healthy']) == []
    assert runs['healthy'].columns['evaluation/success_rate'][-1] == 1.0


@pytest.mark.parametrize('evaluation, drawn', [
    ({'bar': 0.0, 'usual_bar': 0.8}, ['bar 0.8']), ({'bar': 0.9, 'usual_bar': 0.8}, ['bar 0.9']),
    ({'bar': 0.7}, ['bar 0.7']), ({'bar': 2.0, 'usual_bar': 0.8}, []), ({}, [])])
def test_the_bar_is_drawn_that_the_run_had_to_reach(runs, evaluation, drawn):
    config = {**runs['healthy'].config, 'settings': {**runs['healthy'].config['settings'], 'evaluation': evaluation}}
    axes = success([dataclasses.replace(runs['healthy'], config=config)]).axes[0]
    assert [line.get_label() for line in axes.lines if line.get_label().startswith('bar')] == drawn


@pytest.mark.parametrize('name', ['frozen', 'frozen_place'])
def test_a_planner_frozen_to_a_constant_is_named_in_the_warnings(runs, name):
    found = diagnose(runs[name])[0]
    assert found.kind == 'collapse'
    assert found.text.startswith('The planner proposes the same subgoal whatever the state, since round 2:')
    assert runs[name].columns['evaluation/success_rate'][-1] < 0.3


@pytest.mark.parametrize('name, collapsed', [('healthy', False), ('frozen', True), ('frozen_place', True)])
def test_a_collapse_is_a_dot_in_the_map(runs, name, collapsed):
    figure = maps.subgoal_maps([runs[name]])
    shown = [axes for axes in figure.axes if axes.get_title(loc='left').startswith('round')]
    assert [axes.get_title(loc='left') for axes in shown] == ['round 2', 'round 4', 'round 6']
    goals, *subgoals = (each.get_offsets() for each in shown[-1].collections)
    dots = np.concatenate(subgoals)
    place, share = crowded(runs[name].proposals[-1])
    near = np.linalg.norm(dots - place[[1, 0]], axis=1) <= CROWD
    assert len(goals) == scripted_run.EPISODES and len(dots) == len(runs[name].proposals[-1].step)
    assert (near.mean() > 0.6) == collapsed
    assert [text.get_text() for text in shown[-1].texts] == ([f'{share:.0%}'] if collapsed else [])
    assert is_collapsed(runs[name].proposals[-1]) == collapsed


def test_a_collapse_relative_to_the_gripper_ends_in_a_corner(runs):
    place, _ = crowded(runs['frozen'].proposals[-1])
    low, high = scripted_run.REACH.workspace.low, scripted_run.REACH.workspace.high
    assert place == pytest.approx([high[0], low[1], high[2]], abs=CROWD)
    assert spread(runs['frozen'].proposals[-1].goal) > 0.05


@pytest.fixture(scope='module')
def written(root, runs, tmp_path_factory):
    """Return the page of a collapsed run, and its folder."""
    folder = tmp_path_factory.mktemp('report')
    path = page.write(folder, [runs['frozen']])
    return path.read_text(encoding='utf-8'), folder


def test_the_page_holds_every_figure_and_loads_nothing(written):
    text, folder = written
    parsed = Page(text)
    assert set(parsed.images) == {f'figure-{plot.name}' for plot in PLOTS}
    assert all(link.startswith('data:image/png;base64,') for link in parsed.links)
    assert not {'script', 'link', 'iframe', 'object', 'video'} & set(parsed.tags)
    assert not re.search(r'https?://|@import|url\(', re.sub(r'base64,[^"]*', '', text))
    for plot in PLOTS:
        embedded = base64.b64decode(parsed.images[f'figure-{plot.name}'].partition(',')[2])
        assert embedded == (folder / f'{plot.name}.png').read_bytes()
        pixels = imageio.imread(embedded)
        assert pixels.shape[1] >= 800 and pixels[..., :3].std() > 5


def test_the_page_tells_warnings_seed_versions_and_settings(written):
    text, _ = written
    assert 'collapse' in Page(text).warnings
    assert 'The planner proposes the same subgoal whatever the state' in text
    for words in ('seed 0', 'torch ', 'numpy ', 'rclpy ', 'learning_rate', 'gripper_velocity_x', 'm/step'):
        assert words in text


def test_text_from_a_run_is_escaped(runs):
    name = '<img src=x>'
    text = page.page([type(runs['healthy'])(**{**vars(runs['healthy']), 'name': name})],
                     {plot.name: b'' for plot in PLOTS}, [[]])
    assert name not in text and '&lt;img src=x&gt;' in text


def test_several_runs_become_median_worst_and_band(runs, tmp_path):
    together = list(runs.values())
    figure = PLOTS[0].draw(together)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels[:2] == ['evaluation, median of 3', 'evaluation, worst']
    assert len(figure.axes[0].collections) == 1      # the band
    median, worst = (line.get_ydata() for line in figure.axes[0].lines[:2])
    success = np.array([run.measured('evaluation/success_rate')[1] for run in together])
    assert np.array_equal(median, np.median(success, axis=0)) and np.array_equal(worst, success.min(axis=0))


def test_a_long_evaluation_does_not_flatten_the_other_times(runs):
    rounds, speed, evaluations = by_name('timing').draw([runs['healthy']]).axes
    assert [line.get_label() for line in evaluations.lines] == ['evaluation']
    assert [line.get_label() for line in rounds.lines] == ['whole round', 'planner learns', 'controller learns']
    assert speed.lines[0].get_ydata() == pytest.approx(500.0)


@pytest.mark.parametrize('policy, lowest', [('hierarchical', -10.0), ('flat', -50.0)])
def test_the_least_possible_return_is_that_of_the_discount_that_was_learnt_with(runs, policy, lowest):
    settings = runs['healthy'].config['settings']
    settings = {**settings, 'run': {**settings['run'], 'policy': policy}, 'controller': {'gamma': 0.9}, 'flat': {'gamma': 0.98}}
    _, axes, _ = by_name('values').draw([dataclasses.replace(runs['healthy'], config={'settings': settings})]).axes
    line, = (line for line in axes.lines if line.get_label() == 'least possible')
    assert line.get_ydata()[0] == pytest.approx(lowest)


def test_what_the_controllers_critics_expect_stands_beside_what_attempts_returned(runs):
    _, axes, _ = by_name('values').draw([runs['healthy']]).axes
    expected, low, high = (line.get_ydata() for line in axes.lines[:3])
    assert [line.get_label() for line in axes.lines[:3]] == ['expected (Q)', 'returned, at least', 'and at most']
    assert (expected == -2.0).all() and len(low) == len(scripted_run.EVALUATED)
    assert (low <= high).all() and (high <= 0.0).all() and (low >= -1.0 / (1.0 - 0.9) - 1e-9).all()


def test_the_table_of_several_runs_ends_with_median_and_worst(runs):
    *single, median, worst = outcomes.rows(list(runs.values()))
    success = 4 + [number.title for number in outcomes.NUMBERS].index('success')
    reached, seconds = success + 5, success + 6
    shown = sorted(float(row[success]) for row in single)
    assert [row[0] for row in single] == list(runs) and (median[0], worst[0]) == ('median', 'worst')
    assert float(median[success]) == shown[1] and float(worst[success]) == shown[0]
    assert (median[reached], worst[seconds]) == ('not reached', 'under way')
    assert outcomes.rows([runs['healthy']]) == single[:1]


def test_of_costs_the_most_is_the_worst_and_what_has_not_ended_counts_as_endless(runs):
    def ended(seconds):
        return dataclasses.replace(runs['healthy'], result={'seconds': seconds, 'reached': {'environment_steps': 800}})
    seconds = next(number for number in outcomes.NUMBERS if number.title == 'seconds')
    assert seconds.over([ended(10.0), ended(30.0), ended(20.0)]) == (20.0, 30.0)
    assert seconds.over([ended(10.0), ended(30.0), runs['frozen']]) == (30.0, math.inf)


def test_the_command_reports_three_runs_with_every_figure(root, tmp_path, capsys):
    names = 'healthy', 'frozen', 'frozen_place'
    assert main(['report', *names, f'folder:={root}', f'out:={tmp_path}']) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f'{tmp_path}/report.html' and {line.partition(':')[0] for line in said[:-1]} == set(names[1:])
    text = (tmp_path / 'report.html').read_text(encoding='utf-8')
    parsed = Page(text)
    assert set(parsed.images) == {f'figure-{plot.name}' for plot in PLOTS}
    for plot in PLOTS:
        pixels = imageio.imread(tmp_path / f'{plot.name}.png')
        assert pixels.shape[1] >= 800 and pixels[..., :3].std() > 5
    assert '<td class="number">median</td>' in text and '<td class="number">worst</td>' in text
    assert all(f'<b>{name}</b>: seed' in text for name in names)


@pytest.mark.parametrize('plot', [plot for plot in PLOTS if plot.name not in ('subgoals', 'reach', 'normalizer')],
                         ids=lambda plot: plot.name)
def test_every_curve_of_several_runs_is_a_median_and_a_worst(runs, plot):
    labels = [line.get_label() for axes in plot.draw(list(runs.values())).axes for line in axes.lines]
    medians = [label for label in labels if label.endswith(', median of 3')]
    assert medians and all(label.replace(', median of 3', ', worst') in labels for label in medians)


def by_name(name: str):
    return next(plot for plot in PLOTS if plot.name == name)


def test_a_run_that_ended_keeps_its_last_value():
    steps, values = curves.aligned([(np.array([1, 2, 4]), np.array([0.1, 0.2, 0.4])),
                                    (np.array([2, 3]), np.array([0.5, 0.9]))])
    assert steps.tolist() == [2, 3, 4]
    assert values.tolist() == [[0.2, 0.2, 0.4], [0.5, 0.9, 0.9]]


def test_the_band_holds_the_median_and_narrows_with_agreement():
    rng = np.random.default_rng(0)
    wide, narrow = (rng.normal(0.5, std, (7, 3)) for std in (0.2, 0.01))
    for values in (wide, narrow):
        low, high = curves.band(values)
        assert (low <= np.median(values, axis=0)).all() and (np.median(values, axis=0) <= high).all()
    assert (np.subtract(*curves.band(narrow)[::-1]) < np.subtract(*curves.band(wide)[::-1])).all()


def test_reach_rates_count_whole_attempts_by_distance(runs):
    proposed = runs['frozen'].proposals[-1]
    centres, rate, count = maps.rates(proposed)
    assert count.sum() == proposed.ended.sum()
    assert np.nansum(rate * count) == pytest.approx(proposed.hit[proposed.ended].sum())
    assert (np.diff(centres) > 0).all() and centres[-1] < proposed.distance.max() + 1e-6


def test_the_command_writes_the_page_and_says_what_is_wrong(root, tmp_path, capsys):
    assert main(['report', 'frozen', f'folder:={root}', f'out:={tmp_path}/page']) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith('frozen: The planner proposes the same subgoal whatever the state')
    assert said[-1] == f'{tmp_path}/page/report.html'
    assert (tmp_path / 'page' / 'report.html').is_file()


@pytest.mark.parametrize('words, why', [
    (['nothing'], "there is no run 'nothing', neither as a folder nor in runs/"),
    (['../nothing'], "there is no run '../nothing', neither as a folder nor in runs/"),
    (['a', 'colour:=red'], "unknown argument 'colour'"), (['folder:=x'], 'no run came')])
def test_what_is_no_run_is_refused(words, why, capsys):
    assert main(['report', *words]) == 2
    assert why in capsys.readouterr().err


def test_a_run_without_rows_or_proposals_is_told_so(tmp_path, runs):
    folder = scripted_run.RunFolder(tmp_path, 'young')
    folder.begin({'run': {'task': 'reach', 'seed': 0}}, ['hac'])
    with pytest.raises(run_history.NoRun, match='run young in .* has measured nothing yet'):
        run_history.read(folder)
    bare = type(runs['healthy'])(**{**vars(runs['healthy']), 'proposals': [], 'statistics': None, 'columns': {
        'round': np.arange(3.0), 'environment_steps': np.arange(3.0) * 800}})
    assert diagnose(bare) == []
    for plot in PLOTS:
        assert plot.draw([bare]).axes
