"""Owner of the running statistics."""
import json
import time

from hac_ros import messages, records, tasks, topics
from hac_ros.config import NormalizerConfig, RunConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.journal import ContributionJournal
from hac_ros.learning.ledger import Ledger
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare
from hac_ros.run_folder import RunFolder

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
        self.incarnation, self.version = time.time_ns(), 0
        run = self.config.run
        self.health = Health(self, run)
        self.statistics = topics.publisher(self, topics.STATISTICS, run)
        self.receipts = topics.publisher(self, topics.RECEIPT, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        topics.subscribe(self, topics.CONTRIBUTION, self.on_contribution, run)
        self.journal = ContributionJournal(RunFolder(self.config.folder, run).journal / 'normalizer.jsonl')
        self.advance()
        self.restore()
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
            contribution = messages.to_contribution(msg, self.space)
            if self.ledger.add(contribution):
                self.journal.append(contribution)
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
        """Publish a version and its metrics."""
        stamp, run = self.get_clock().now().to_msg(), self.config.run
        self.statistics.publish(messages.from_statistics(statistics, run, stamp))
        values = {'normalizer/count': statistics.moments.count, 'normalizer/rejected': statistics.rejected}
        self.metrics.publish(messages.from_metrics('normalizer', 0, statistics.version, values, run, stamp))

    def restore(self) -> None:
        """Enter what the journal holds: the versions made of it are published again."""
        for contribution in self.journal.read():
            self.ledger.add(contribution)
            self.advance()

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(Normalizer, argv)
