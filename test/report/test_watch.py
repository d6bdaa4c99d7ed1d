"""A run that is under way is diagnosed by the rules of its report: what begins to be wrong is told once."""
import pytest
import scripted_run

from hac_ros import diagnosis
from hac_ros.metrics_table import MetricsTable
from hac_ros.watch import Watch


def add(folder, **values):
    """Append a row to the run's metrics, as its recorder would."""
    table = MetricsTable(folder.metrics, lambda _: {'run'}, steps_per_round=800)
    named = {name.replace('__', '/'): value for name, value in values.items()}
    table.add('run', table.next_round, list(named), list(named.values()))


def test_what_begins_and_what_ends_is_told_once(tmp_path):
    folder = scripted_run.make(tmp_path, 'well')
    watch = Watch(folder)
    assert watch.look() == ([], []) and watch.found == {}
    add(folder, planner__q_mean=3.0)
    begun, ended = watch.look()
    assert [found.kind for found in begun] == ['divergence'] and ended == []
    assert watch.look() == ([], []) and list(watch.found) == ['divergence']
    add(folder, planner__q_mean=-3.0)
    assert watch.look() == ([], ['divergence']) and watch.found == {}


def test_a_planner_that_does_not_look_is_found_while_it_trains(tmp_path):
    folder = scripted_run.make(tmp_path, 'sick', frozen=(0.9, 0.9, 0.9, 0.0), centre='workspace')
    begun, _ = Watch(folder).look()
    assert 'collapse' in [found.kind for found in begun]
    assert {found.kind for found in begun} <= set(diagnosis.KINDS)


def test_a_run_without_rows_cannot_be_looked_at(tmp_path):
    folder = scripted_run.make(tmp_path, 'empty')
    folder.metrics.unlink()
    with pytest.raises(ValueError, match='has measured nothing yet'):
        Watch(folder).look()


@pytest.mark.parametrize('took, rest', [(0.05, 0.0), (2.0, 40.0)])
def test_looks_at_a_long_run_keep_to_their_share_of_the_time(tmp_path, took, rest):
    times = iter([0.0, 100.0, 100.0 + took, 100.0 + took, 100.0 + took + 0.99 * rest, 100.0 + took + rest + 1e-6])
    watch = Watch(scripted_run.make(tmp_path, 'long'), lambda: next(times))
    assert watch.due()
    watch.look()
    assert watch.due() == (rest == 0.0) and watch.due()
