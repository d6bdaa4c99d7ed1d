"""What a report says of the running statistics is what the normalizer published: made of all that it entered."""
import dataclasses

import numpy as np
import pytest

from hac_ros import diagnosis, records, run_history, tasks
from hac_ros.config import ControllerConfig, NormalizerConfig, PlannerConfig, RunConfig
from hac_ros.learning import running_statistics, statistics_file
from hac_ros.learning.bundle import Bundle, write_bundle
from hac_ros.learning.journal import ContributionJournal
from hac_ros.learning.learner import Learner
from hac_ros.learning.ledger import Ledger
from hac_ros.metrics_table import MetricsTable
from hac_ros.records import LAG, Change, Contribution, ContributionId, Statistics
from hac_ros.run_folder import RunFolder

REACH = tasks.by_name('reach')
SPACE = REACH.observation
NOTHING = running_statistics.empty(SPACE.size)
FRAMES = 204


def moments(mean: float, count: int = FRAMES, seed: int = 0):
    return running_statistics.of_samples(np.random.default_rng(seed).normal(mean, 1.0, (count, SPACE.size)))[0]


class Normalizing:
    """A run's folder and its normalizer's book, which is kept and written as the node does it."""

    def __init__(self, root, initial=None, mode: str = 'live', workers: int = 1, **settings):
        self.folder, run = RunFolder(root, 'run'), RunConfig(run='run', workers=workers, **settings)
        path = ''
        if initial is not None and not run.start_from:
            path = str(root / 'initial.json')
            statistics_file.write(path, Statistics(0, SPACE.name, initial))
        sections = {'run': run, 'normalizer': NormalizerConfig(mode=mode, initial=path), 'planner': PlannerConfig(),
                    'controller': ControllerConfig()}
        self.folder.begin({name: dataclasses.asdict(section) for name, section in sections.items()}, ['hac'])
        MetricsTable(self.folder.metrics, lambda _: {'run'}, steps_per_round=800).add('run', 0, [], [])
        self.journal = ContributionJournal(self.folder.journal / 'normalizer.jsonl')
        self.ledger, self.published = Ledger(SPACE, workers, None if mode == 'none' else initial, mode == 'live'), {}
        self.totals, self.rounds, self.incarnation = {}, {}, {}
        self.advance()

    def advance(self):
        while self.ledger.ready():
            made = self.ledger.make()
            self.published[made.version] = made

    def enter(self, entry, how):
        self.journal.append(entry)
        how(entry)
        self.advance()

    def contribute(self, part, worker: int = 0):
        """Enter the next round of a worker, which begins anew where the statistics did, as a planner does."""
        round_ = self.rounds.get(worker, 0)
        first, _ = self.incarnation.get(worker, (0, 0))
        if first < self.ledger.since <= round_:
            self.totals.pop(worker), self.incarnation.update({worker: (round_, round_)})
        self.totals[worker] = running_statistics.merge(self.totals.get(worker, NOTHING), part)
        first, number = self.incarnation.get(worker, (0, 0))
        key = ContributionId(worker, number, 1 + round_ - first, first, round_)
        self.enter(Contribution(key, SPACE.name, self.totals[worker]), self.ledger.add)
        self.rounds[worker] = round_ + 1

    def change(self, frozen: bool = False, moments=None):
        self.enter(Change(self.ledger.version, frozen, moments), self.ledger.apply)

    def write_bundle(self, version: int, folder=None):
        weights = (dataclasses.replace(Learner(level, REACH, config, 0).initial_weights(), version=version, statistics=version,
                                       statistics_digest='')
                   for level, config in ((records.PLANNER, PlannerConfig(hidden=(4,))),
                                         (records.CONTROLLER, ControllerConfig(hidden=(4,)))))
        write_bundle(folder or self.folder.bundle, Bundle('reach', 'mocap', *weights, self.published[version], {}))

    def told(self):
        return run_history.read(self.folder).statistics

    def assert_told_to_the_bit(self):
        told = self.told()
        assert len(told.rounds) == len(self.published) - LAG
        for round_, mean, std in zip(told.rounds, told.mean, told.std):
            held = self.published[round_ + LAG].moments
            assert np.array_equal(mean, running_statistics.mean(held)), round_
            assert np.array_equal(std, running_statistics.std(held, SPACE.floor)), round_


def test_initial_statistics_are_what_recent_data_are_held_against(tmp_path):
    run = Normalizing(tmp_path, moments(5.0, 100_000))
    for round_ in range(4):
        run.contribute(moments(0.0, seed=round_))
    run.assert_told_to_the_bit()
    assert run.told().shift[-1] == pytest.approx(-4.53, abs=0.1)      # 5 x 0.992 away, of a deviation of 1.1
    assert 'in 10 of 10 dimensions' in diagnosis.drift(run.told()).text


@pytest.mark.parametrize('mode', ['live', 'frozen', 'none'])
def test_each_mode_is_told_as_it_was_with_and_without_initial_statistics(tmp_path, mode):
    for name, initial in (('without', None), ('with', moments(3.0, 500))):
        (tmp_path / name).mkdir()
        run = Normalizing(tmp_path / name, initial, mode)
        for round_ in range(3):
            run.contribute(moments(0.5, seed=round_))
        run.assert_told_to_the_bit()


@pytest.mark.parametrize('initial', [None, moments(3.0, 500)], ids=['without initial', 'with initial'])
def test_what_was_frozen_reset_and_loaded_is_told_as_it_was(tmp_path, initial):
    run = Normalizing(tmp_path, initial)
    run.contribute(moments(1.0))
    run.change(frozen=True)
    run.contribute(moments(2.0))
    run.change(frozen=False)
    run.contribute(moments(4.0))
    run.change(moments=NOTHING)
    run.contribute(moments(-1.0))
    run.contribute(moments(-2.0))
    run.change(moments=moments(7.0, 300))
    run.contribute(moments(1.0))
    run.contribute(moments(1.0, seed=1))
    run.assert_told_to_the_bit()
    assert run.told().mean[-1] == pytest.approx((300 * 7.0 + FRAMES) / (300 + FRAMES), abs=0.2)


def test_a_worker_that_was_left_out_does_not_hold_up_what_is_told(tmp_path):
    run = Normalizing(tmp_path, workers=2)
    run.contribute(moments(1.0), worker=0), run.contribute(moments(2.0), worker=1)
    run.contribute(moments(1.0), worker=0)
    run.enter(1, run.ledger.leave_out)
    run.contribute(moments(3.0), worker=0), run.contribute(moments(2.0), worker=1)
    run.assert_told_to_the_bit()
    assert run.told().rounds.tolist() == [0, 1, 2]


def test_a_round_whose_statistics_are_not_out_is_not_told(tmp_path):
    run = Normalizing(tmp_path, workers=2)
    run.contribute(moments(1.0), worker=0), run.contribute(moments(2.0), worker=1)
    run.contribute(moments(1.0), worker=0)
    run.assert_told_to_the_bit()


def started_from_a_policy(root, initial):
    """Return a run of three rounds that started from ``initial`` of another's bundle, which has changed since."""
    run, origin = Normalizing(root, initial, start_from='origin'), root / 'origin' / 'bundle'
    run.write_bundle(0, origin)
    for round_ in range(3):
        run.contribute(moments(0.0, seed=round_))
    run.assert_told_to_the_bit()        # nothing has changed yet
    statistics = run.published[0]
    run.published[0] = dataclasses.replace(statistics, moments=moments(-9.0))
    run.write_bundle(0, origin)
    run.published[0] = statistics
    return run


def test_the_copy_of_the_policy_that_a_run_started_from_tells_its_initial_statistics(tmp_path):
    run = started_from_a_policy(tmp_path, moments(5.0, 5000))
    run.write_bundle(0, run.folder.path / 'origin' / 'bundle')
    run.assert_told_to_the_bit()


def test_without_a_copy_the_bundle_of_the_run_tells_them(tmp_path):
    run = started_from_a_policy(tmp_path, moments(5.0, 5000))
    run.write_bundle(3)
    told, published = run.told(), run.published[4].moments
    assert told.mean[-1] == pytest.approx(running_statistics.mean(published), abs=1e-9)
    assert told.std[-1] == pytest.approx(running_statistics.std(published, SPACE.floor), abs=1e-9)


def test_a_bundle_of_after_a_reset_does_not_tell_what_was_before(tmp_path):
    run = Normalizing(tmp_path, moments(5.0, 5000))
    run.contribute(moments(1.0))
    run.change(moments=NOTHING)
    run.contribute(moments(2.0))
    run.contribute(moments(2.0, seed=1))
    run.write_bundle(4)
    run.assert_told_to_the_bit()


def test_what_nothing_tells_any_more_is_not_a_number_until_statistics_begin_anew(tmp_path):
    run = Normalizing(tmp_path, moments(5.0, 5000))
    (tmp_path / 'initial.json').unlink()
    run.contribute(moments(1.0))
    run.contribute(moments(1.0))
    assert np.isnan(run.told().mean).all() and diagnosis.drift(run.told()) is None
    run.change(moments=NOTHING)
    run.contribute(moments(2.0))
    run.contribute(moments(2.0))
    assert np.isnan(run.told().mean[:2]).all()
    assert np.array_equal(run.told().mean[-1], running_statistics.mean(run.published[5].moments))


def test_a_line_that_is_being_written_is_left_alone(tmp_path):
    run = Normalizing(tmp_path)
    run.contribute(moments(1.0))
    with open(run.journal.path, 'ab') as file:
        file.write(b'{"change": {"ver')
    before = run.journal.path.read_bytes()
    run.assert_told_to_the_bit()
    assert run.journal.path.read_bytes() == before
