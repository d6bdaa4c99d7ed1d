"""Owner of the running statistics."""
import json
import time

import numpy as np

from hac_ros import messages, records, run_folder, tasks, topics
from hac_ros.config import NormalizerConfig, RunConfig
from hac_ros.learning import checkpoint, running_statistics
from hac_ros.learning.ledger import Ledger
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare

from rclpy.node import Node


class Normalizer(Node):
    """contribution -> statistics (version k covers the rounds up to k - 2), receipt."""

    def __init__(self, **node_options):
        super().__init__('normalizer', **node_options)
        self.config = declare(self, RunConfig)
        self.settings = declare(self, NormalizerConfig, 'normalizer')
        self.ownership = Ownership(self, self.config)
        self.space = tasks.by_name(self.config.task).observation
        live = self.settings.mode == 'live'
        self.ledger = Ledger(self.space, self.config.workers, self._initial(), live)
        self.incarnation, self.version, self.last = time.time_ns(), 0, None
        run = self.config.run
        self.health = Health(self, run)
        self.statistics = topics.publisher(self, topics.STATISTICS, run)
        self.receipts = topics.publisher(self, topics.RECEIPT, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        topics.subscribe(self, topics.CONTRIBUTION, self.on_contribution, run)
        self.folder = run_folder.RunFolder(self.config.folder, run).checkpoint
        if self.config.resume:
            self.restore()
        self.advance()
        self.acknowledge()

    def _initial(self):
        if self.settings.mode == 'none' or not self.settings.initial:
            return None
        with open(self.settings.initial) as file:
            given = json.load(file)
        moments = running_statistics.from_sums(given['count'], given['sum'], given['sum_of_squares'])
        if moments.mean.size != self.space.size:
            raise ValueError(f'normalizer.initial {self.settings.initial}: {moments.mean.size} dimensions came, '
                             f'{self.space.size} ({self.space.name}) are wanted')
        return moments

    def on_contribution(self, msg):
        """Enter a worker's contribution and publish the versions that it completes."""
        if msg.run != self.config.run:
            return
        try:
            self.ledger.add(messages.to_contribution(msg, self.space))
        except ValueError as error:
            self.health.refuse('contribution refused', error)
            return
        self.advance()
        self.acknowledge()

    def acknowledge(self) -> None:
        """Tell how many rounds of each worker are held."""
        held = {worker: self.ledger.held(worker) for worker in range(self.config.workers)}
        self.receipts.publish(messages.from_receipt('normalizer', self.incarnation, held, self.config.run))

    def advance(self) -> None:
        """Publish every version whose rounds are covered."""
        while self.ledger.ready(self.version):
            self.publish(self.ledger.statistics(self.version))
            self.version += 1

    def publish(self, statistics: records.Statistics) -> None:
        """Publish a version, its metrics, and write the checkpoint part that is due."""
        if statistics.version and statistics.version % self.config.checkpoint_every == 0:
            self.store(statistics)
        self.last, stamp, run = statistics, self.get_clock().now().to_msg(), self.config.run
        self.statistics.publish(messages.from_statistics(statistics, run, stamp))
        values = {'normalizer/count': statistics.moments.count, 'normalizer/rejected': statistics.rejected}
        self.metrics.publish(messages.from_metrics('normalizer', 0, statistics.version, values, run, stamp))

    def store(self, statistics: records.Statistics) -> None:
        """Write the checkpoint part of ``statistics.version``: the contributions, and the version before it."""
        parts = self.ledger.contributions()
        size = self.space.size
        tensors = {'mean': np.array([c.moments.mean for c in parts]).reshape(-1, size),
                   'm2': np.array([c.moments.m2 for c in parts]).reshape(-1, size),
                   'last_mean': self.last.moments.mean, 'last_m2': self.last.moments.m2}
        info = {'contributions': [[*_key(c.id), c.moments.count, c.rejected] for c in parts],
                'last': {'count': self.last.moments.count, 'rejected': self.last.rejected,
                         'includes': [_key(key) for key in self.last.includes]}}
        checkpoint.write_part(self.folder, 'normalizer', statistics.version, tensors, info)

    def restore(self) -> None:
        """Go on from the checkpoint: the version before it and its own are published again."""
        manifest = checkpoint.read_manifest(self.folder)
        part = checkpoint.read_part(self.folder, 'normalizer', manifest.version)
        for row, mean, m2 in zip(part.info['contributions'], part.tensors['mean'], part.tensors['m2']):
            moments = records.Moments(row[5], np.array(mean), np.array(m2))
            self.ledger.add(records.Contribution(records.ContributionId(*row[:5]), self.space.name, moments, row[6]))
        last = part.info['last']
        moments = records.Moments(last['count'], np.array(part.tensors['last_mean']), np.array(part.tensors['last_m2']))
        self.last = records.Statistics(
            part.version - 1, self.space.name, moments, tuple(records.ContributionId(*key) for key in last['includes']),
            not self.ledger.live, last['rejected'])
        self.publish(self.last)
        self.version = part.version

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def _key(key: records.ContributionId) -> list[int]:
    return [key.worker, key.incarnation, key.sequence, key.first_round, key.last_round]


def main(argv=None):
    """Run the node."""
    return process.run(Normalizer, argv)
