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

    def tries_again(self, topic, message):
        """Send ``message`` until the journal has refused it, or what came before it, a few more times."""
        arrays = self.hears(topics.DIAGNOSTICS)

        def refusals():
            return [int(v.value) for a in arrays for s in a.status for v in s.values
                    if s.name == f'/{RUN}/normalizer' and v.key == 'journal not written']
        self.insists(topic, message, lambda: refusals() and refusals()[-1] > refusals()[0] + 3)


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


def from_worker(number):
    message = contribution()
    message.worker = number
    return message


def test_versions_that_were_published_after_a_full_disk_are_the_same_after_a_kill(disk):
    disk.start('normalizer')
    versions, receipts = disk.hears(topics.STATISTICS), disk.hears(topics.RECEIPT)
    disk.listener.until(lambda: versions and receipts, 'the first version')
    disk.fill(100)
    disk.send(topics.CONTRIBUTION, from_worker(0))
    disk.complains('journal not written')
    disk.tries_again(topics.CONTRIBUTION, from_worker(3))
    disk.make_room()
    disk.insists(topics.CONTRIBUTION, from_worker(3), lambda: list(receipts[-1].workers) == [0, 3]
                 and list(receipts[-1].rounds) == [1, 1] and versions[-1].version == 2)
    published = {v.version: (v.count, v.digest, len(v.includes)) for v in versions}
    disk.process.kill()
    disk.process.wait(30)
    del versions[:], receipts[:]
    disk.start('normalizer')
    disk.listener.until(lambda: receipts and versions and versions[-1].version == 2, 'statistics 2 again')
    assert list(receipts[-1].rounds) == [1, 1]
    assert {v.version: (v.count, v.digest, len(v.includes)) for v in versions} == published


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
