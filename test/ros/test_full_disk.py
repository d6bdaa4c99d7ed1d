"""A disk that takes no more: what was not written is not acknowledged, and tried again until there is room.

A limit on the size of files stands in for the full disk: it can be set and lifted while the node runs.
"""
import resource

import pytest
from wire import ARMS, RUN, TASK, Wire, contribution, episodes, metrics

from hac_ros import topics


class Disk(Wire):
    """A node whose disk fills up."""

    def fill(self, size):
        """Let no file grow beyond ``size`` bytes."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def make_room(self):
        """Lift the limit."""
        self.fill(resource.RLIM_INFINITY)

    def complains(self, words):
        """Wait until the node's diagnostics count ``words``; the node goes on."""
        arrays = self.hears(topics.DIAGNOSTICS)
        self.listener.until(lambda: any(v.key == words for a in arrays for s in a.status for v in s.values
                                        if s.name.startswith(f'/{RUN}')), words, limit=20)
        assert self.process.poll() is None


@pytest.fixture
def disk(listener, processes, tmp_path):
    return Disk(listener, processes, tmp_path)


def test_a_learner_holds_a_round_only_when_it_is_on_disk(disk):
    disk.start('learner', level='planner')
    receipts = disk.hears(topics.RECEIPT)
    disk.listener.until(lambda: receipts, 'the first receipt')
    disk.fill(5000)
    disk.send(topics.PLANNER_EPISODES, episodes())
    disk.complains('episodes refused')
    assert list(receipts[-1].rounds) == [0]
    disk.make_room()
    disk.send(topics.PLANNER_EPISODES, episodes())
    disk.listener.until(lambda: list(receipts[-1].rounds) == [1], 'the receipt')


def test_a_normalizer_publishes_a_version_only_when_its_journal_has_what_it_is_made_of(disk):
    disk.start('normalizer')
    versions = disk.hears(topics.STATISTICS)
    disk.listener.until(lambda: versions, 'the first version')
    disk.fill(100)
    disk.send(topics.CONTRIBUTION, contribution())
    disk.complains('journal not written')
    assert max(v.version for v in versions) == 1
    disk.make_room()
    disk.listener.until(lambda: versions[-1].version == 2, 'statistics 2')


def test_a_recorder_writes_a_row_when_there_is_room_again(disk):
    disk.start('recorder')
    status = disk.hears(topics.STATUS)
    disk.listener.until(lambda: status, 'the first status')
    disk.fill((disk.root / RUN / 'metrics.csv').stat().st_size + 5)
    disk.send(topics.METRICS, metrics('normalizer', 0, {'environment_steps': ARMS * TASK.steps}))
    for level in ('planner', 'controller'):
        disk.send(topics.METRICS, metrics(f'{level}_learner', 0, {f'{level}/updates': 0.0}))
    disk.complains('metrics refused')
    assert status[-1].environment_steps == 0
    disk.make_room()
    disk.listener.until(lambda: status[-1].environment_steps == ARMS * TASK.steps, 'the row of round 0')
