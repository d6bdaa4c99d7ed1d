"""metrics.csv does not depend on who tells first, how often, or where the power failed."""
import csv
import math
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

from hac_ros.atomic_files import WriteFailed
from hac_ros.metrics_events import CURVES, MetricsEvents
from hac_ros.metrics_table import COLUMNS, MetricsTable, read_rows

ROUNDS = 4


def required(round_: int) -> set:
    return {'planner_learner', 'controller_learner', 'normalizer'} | ({'evaluator'} if round_ % 2 == 0 else set())


def measured(round_: int) -> list[tuple]:
    """Return what the sources tell of a round."""
    told = {'planner_learner': {'planner/success': round_ / 3, 'planner/actor_loss': math.nan},
            'controller_learner': {'controller/accuracy': 0.1 * round_, 'wall/controller_learning': 0.25},
            'normalizer': {'normalizer/count': 800.0 * round_}, 'evaluator': {'evaluation/success_rate': 1e-17}}
    return [(source, round_, list(told[source]), list(told[source].values())) for source in sorted(required(round_))]


def table(path, **options) -> MetricsTable:
    return MetricsTable(path, required, steps_per_round=800, **options)


def written(path, rounds: int = ROUNDS) -> bytes:
    """Write ``rounds`` rows in order and return the file."""
    rows = table(path)
    for round_ in range(rounds):
        for item in measured(round_):
            rows.add(*item)
    return path.read_bytes()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_order_of_arrival_with_repetitions_gives_the_same_bytes(data):
    items = [item for round_ in range(ROUNDS) for item in measured(round_)]
    arrivals = data.draw(st.permutations(items + data.draw(st.lists(st.sampled_from(items), max_size=10))))
    with tempfile.TemporaryDirectory() as folder:
        rows = table(Path(folder) / 'shuffled.csv')
        for item in arrivals:
            rows.add(*item)
        assert (Path(folder) / 'shuffled.csv').read_bytes() == written(Path(folder) / 'ordered.csv')
        assert (rows.next_round, rows.conflicts) == (ROUNDS, 0)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_table_cut_anywhere_is_repaired_and_gone_on_with(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'metrics.csv'
        whole = written(path)
        path.write_bytes(whole[:data.draw(st.integers(0, len(whole)))])
        rows = table(path)
        for round_ in range(rows.next_round, ROUNDS):
            for item in measured(round_):
                rows.add(*item)
        assert path.read_bytes() == whole


def test_rows_wait_for_all_sources_and_for_the_rows_before(tmp_path):
    rows = table(tmp_path / 'metrics.csv')
    assert [rows.add(*item) for item in measured(1)] == [0, 0, 0]
    first = measured(0)
    assert [rows.add(*item) for item in first[:-1]] == [0, 0, 0]
    assert rows.missing() == {first[-1][0]}
    assert rows.add(*first[-1]) == 2


def test_columns_are_fixed_and_wall_clock_stands_last(tmp_path):
    written(tmp_path / 'metrics.csv')
    with open(tmp_path / 'metrics.csv', newline='') as file:
        header, *rows = csv.reader(file)
    assert header == ['round', 'environment_steps', *COLUMNS]
    wall = [name.startswith('wall/') for name in header]
    assert wall == sorted(wall)
    row = dict(zip(header, rows[1]))
    assert (row['round'], row['environment_steps']) == ('1', '1600')
    assert (row['planner/success'], row['planner/actor_loss']) == (repr(1 / 3), 'nan')
    assert row['evaluation/success_rate'] == ''
    assert float(dict(zip(header, rows[2]))['evaluation/success_rate']) == 1e-17


def test_wall_columns_given_first_still_stand_last(tmp_path):
    rows = table(tmp_path / 'metrics.csv', columns=('wall/a', 'b', 'c'))
    assert rows.columns == ('b', 'c', 'wall/a')


def test_a_repetition_that_differs_is_counted_and_the_first_kept(tmp_path):
    rows = table(tmp_path / 'metrics.csv')
    source, round_, names, values = measured(0)[0]
    rows.add(source, round_, names, values)
    rows.add(source, round_, names, [values[0], values[1] + 100.0])   # wall clock may differ
    assert rows.conflicts == 0
    rows.add(source, round_, names, [values[0] + 1e-16, values[1]])
    assert rows.conflicts == 1


def test_resuming_drops_the_rows_beyond_the_checkpoint(tmp_path):
    path = tmp_path / 'metrics.csv'
    whole = written(path)
    rows = table(path, keep_rounds=2)
    assert rows.next_round == 2
    assert path.read_bytes() == b''.join(whole.splitlines(keepends=True)[:3])
    for round_ in (2, 3):
        for item in measured(round_):
            rows.add(*item)
    assert path.read_bytes() == whole


def test_fewer_rows_than_the_checkpoint_has_rounds_is_refused(tmp_path):
    written(tmp_path / 'metrics.csv')
    with pytest.raises(ValueError, match='holds 4 rounds, the checkpoint wants 5'):
        table(tmp_path / 'metrics.csv', keep_rounds=5)


def test_a_table_of_other_columns_is_refused_and_kept(tmp_path):
    path = tmp_path / 'metrics.csv'
    path.write_text('round,loss\n0,1.0\n')
    with pytest.raises(ValueError, match='has other columns than this run writes'):
        table(path)
    assert path.read_text() == 'round,loss\n0,1.0\n'


@pytest.mark.parametrize(('arguments', 'message'), [
    (('stranger', 0, [], []), 'metrics of stranger came for round 0, which wants controller_learner, evaluator'),
    (('evaluator', 1, [], []), 'metrics of evaluator came for round 1'),
    (('normalizer', 0, ['normalizer/count'], []), '1 names .* and 0 values came'),
    (('normalizer', 0, ['a', 'a'], [1.0, 2.0]), '2 names .1 different.'),
    (('normalizer', 0, ['normalizer/colour'], [1.0]), "'normalizer/colour' came, which is no column"),
    (('normalizer', 0, ['planner/success'], [1.0]), "'planner/success' came, which another source has given")])
def test_metrics_that_do_not_fit_are_refused(tmp_path, arguments, message):
    rows = table(tmp_path / 'metrics.csv')
    rows.add('planner_learner', 0, ['planner/success'], [0.5])
    with pytest.raises(ValueError, match=message):
        rows.add(*arguments)


def test_a_full_disk_loses_no_row(tmp_path):
    path = tmp_path / 'metrics.csv'
    whole = written(path)
    path.write_bytes(b''.join(whole.splitlines(keepends=True)[:4]))
    rows = table(path)
    items = measured(3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(path.read_bytes()) + 5, hard))
    try:
        rows.add(*items[0])
        rows.add(*items[1])
        with pytest.raises(WriteFailed, match='row 3 could not be written'):
            rows.add(*items[2])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rows.add(*items[0]) == 1
    assert path.read_bytes() == whole


def events(folder) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_tensorboard_shows_the_same_rows_over_environment_steps(tmp_path):
    log = MetricsEvents(tmp_path)
    rows = MetricsTable(tmp_path / 'metrics.csv', required, steps_per_round=800, on_row=log.write)
    for round_ in range(ROUNDS):
        for item in measured(round_):
            rows.add(*item)
    log.close()
    scalars = events(tmp_path).Scalars('controller/accuracy')
    assert [event.step for event in scalars] == [800, 1600, 2400, 3200]
    assert [event.value for event in scalars] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_tensorboard_forgets_the_rows_that_a_resumed_run_repeats(tmp_path):
    for kept_steps, value in ((0, 1.0), (800, 2.0)):
        log = MetricsEvents(tmp_path, kept_steps)
        for step in range(kept_steps + 800, 2401, 800):
            log.write({'environment_steps': step, 'planner/success': value})
        log.close()
    scalars = events(tmp_path).Scalars('planner/success')
    assert [(event.step, event.value) for event in scalars] == [(800, 1.0), (1600, 2.0), (2400, 2.0)]


def test_the_curves_of_the_2020_work_are_columns():
    shown = [tag for charts in CURVES.values() for tags in charts.values() for tag in tags]
    assert set(shown) <= set(COLUMNS)
    assert sum(len(charts) for charts in CURVES.values()) == 18


def test_tensorboard_is_told_how_to_lay_the_curves_out(tmp_path):
    MetricsEvents(tmp_path).close()
    value, = events(tmp_path).Tensors(CONFIG_SUMMARY_TAG)
    layout = Layout.FromString(value.tensor_proto.string_val[0])
    assert {category.title: [chart.title for chart in category.chart] for category in layout.category} \
        == {title: list(charts) for title, charts in CURVES.items()}


def test_a_full_disk_stops_neither_rows_nor_later_events(tmp_path):
    log = MetricsEvents(tmp_path)
    log.write({'environment_steps': 800, 'planner/success': 1.0})
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9, hard))
    try:
        log.write({'environment_steps': 1600, 'planner/success': 1.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.lost == 1
    log.write({'environment_steps': 2400, 'planner/success': 1.0})
    log.close()
    assert [event.step for event in events(tmp_path).Scalars('planner/success')] == [800, 2400]


def test_whoever_reads_along_sees_whole_rows_only(tmp_path):
    path = tmp_path / 'metrics.csv'
    whole = written(path)
    rows = read_rows(path)
    assert [row['round'] for row in rows] == [str(round_) for round_ in range(ROUNDS)]
    last = whole[:-1].rfind(b'\n') + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        assert read_rows(path) == rows[:-1]
