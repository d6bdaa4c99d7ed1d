"""Owner of the running statistics."""
import dataclasses
import time

from hac_ros import acting, atomic_files, messages, records, tasks, topics
from hac_ros.config import ActingConfig, NormalizerConfig, RunConfig
from hac_ros.learning import origin, statistics_file
from hac_ros.learning.holdings import participants
from hac_ros.learning.journal import ContributionJournal
from hac_ros.learning.ledger import Ledger
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.nodes.statistics_services import StatisticsServices
from hac_ros.parameters import declare
from hac_ros.run_folder import RunFolder

from rclpy.node import Node
from std_msgs.msg import Header


class Normalizer(Node):
    """contribution -> statistics (version k covers the rounds up to k - 2), receipt.

    Given a bundle it publishes the statistics of that, frozen, and takes no contributions.
    """

    def __init__(self, **node_options):
        super().__init__('normalizer', **node_options)
        self.config = declare(self, RunConfig)
        process.declare_priority(self)
        self.settings = declare(self, NormalizerConfig, 'normalizer')
        self.ownership = Ownership(self, self.config)
        self.task = tasks.by_name(self.config.task, self.config.control)
        self.space = self.task.observation
        bundle = acting.chosen_bundle(declare(self, ActingConfig), self.config)
        live = self.settings.mode == 'live'
        frames = self.config.arms * (self.task.steps + 1)      # an episode of T steps has T + 1 observations
        self.ledger = Ledger(self.space, self.config.workers, self._initial(), live, frames)
        self.incarnation, self.waits_since = time.time_ns(), None
        # What the ledger has and the journal lacks. Nothing is published of it, and nothing else is entered before it
        # is written: each entry can complete a version, and restore() makes the same ones only if all come one by one.
        self.unwritten: records.Contribution | int | None = None
        run = self.config.run
        self.health = Health(self, run)
        self.statistics = topics.publisher(self, topics.STATISTICS, run)
        self.receipts = topics.publisher(self, topics.RECEIPT, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        if bundle is not None:
            self.serve(bundle.statistics)
            return
        topics.subscribe(self, topics.CONTRIBUTION, self.on_contribution, run)
        folder = RunFolder(self.config.folder, run)
        self.journal = ContributionJournal(folder.journal / 'normalizer.jsonl')
        self.requests = StatisticsServices(self, run, folder.statistics, self.change)
        self.advance()
        self.restore()
        self.acknowledge()
        process.timer(self, 1.0, self.on_timer)

    def serve(self, statistics: records.Statistics) -> None:
        """Publish the one version that there is, and that this process lives."""
        statistics = dataclasses.replace(statistics, frozen=True)
        self.statistics.publish(messages.from_statistics(statistics, self.config.run, self.get_clock().now().to_msg()))
        alive = topics.publisher(self, topics.NORMALIZER_ALIVE, self.config.run)
        process.timer(self, 0.04, lambda: alive.publish(Header(stamp=self.get_clock().now().to_msg(), frame_id='serving')))

    def _initial(self):
        run = self.config
        if self.settings.mode == 'none' or not (self.settings.initial or run.start_from):
            return None
        if not self.settings.initial:
            return origin.of_run(run).bundle.statistics.moments
        return statistics_file.read(self.settings.initial, self.space)

    def on_contribution(self, msg):
        """Enter a worker's contribution and publish the versions that it completes; drop it while the disk is full."""
        if msg.run != self.config.run or not self.written():
            return
        try:
            contribution = messages.to_contribution(msg, self.space)
            if self.ledger.add(contribution):
                self.unwritten = contribution
        except ValueError as error:
            self.health.refuse('contribution refused', error)
            return
        self.go_on()

    def go_on(self) -> None:
        """Publish and acknowledge what is in the journal; what the disk does not take is tried again."""
        try:
            if self.unwritten is not None:
                self.journal.append(self.unwritten)
        except OSError as error:
            self.health.refuse('journal not written', error)
            return
        self.unwritten = None
        self.advance()
        self.acknowledge()

    def written(self) -> bool:
        """Whether the journal has all that was entered, after another try if it lacks something."""
        if self.unwritten is not None:
            self.go_on()
        return self.unwritten is None

    def change(self, frozen: bool | None = None, moments: records.Moments | None = None) -> int:
        """Enter what a service asked for; return the version from which on it holds. What is not given stays.

        Raises ValueError where the settings forbid it, OSError, with nothing changed, while the journal takes nothing.
        """
        if self.settings.mode == 'none':
            raise ValueError('normalizer.mode is none: these statistics are always the identity; start with live or frozen')
        if not self.written():
            raise atomic_files.WriteFailed(f'{self.journal.path} takes nothing at present, so nothing was changed: make '
                                           'room, then try again')
        change = records.Change(self.ledger.version, self.ledger.frozen if frozen is None else frozen, moments)
        self.journal.append(change)
        self.ledger.apply(change)
        return change.version

    def acknowledge(self) -> None:
        """Tell up to which round each worker's are held."""
        held = {worker: self.ledger.held(worker) for worker in self.ledger.workers()}
        self.receipts.publish(messages.from_receipt('normalizer', self.incarnation, held, self.config.run))

    def advance(self) -> None:
        """Publish every version whose rounds are covered."""
        while self.ledger.ready():
            self.newest = self.ledger.make()
            self.publish(self.newest)
            self.waits_since = None

    def on_timer(self) -> None:
        """Go on without a worker that has kept the others waiting for too long."""
        if not self.written():
            self.waits_since = None     # what workers send meanwhile is dropped: they are given their time anew
            return
        overdue = self.ledger.overdue()
        if not overdue or len(overdue) == len(self.ledger.awaited):
            self.waits_since = None     # nobody waits, or nobody has contributed: there is nobody to go on with
            return
        self.waits_since = self.waits_since or time.monotonic()
        if time.monotonic() - self.waits_since < self.settings.patience:
            return
        for worker in overdue:
            self.health.refuse(f'worker {worker} left out',
                               f'round {self.ledger.version - records.LAG} of it has not come for {self.settings.patience:g} s')
            self.ledger.leave_out(worker)
            self.unwritten = worker
            self.go_on()
            if self.unwritten is not None:
                return

    def publish(self, statistics: records.Statistics) -> None:
        """Publish a version, and what the round that it includes last has brought."""
        stamp, run = self.get_clock().now().to_msg(), self.config.run
        self.statistics.publish(messages.from_statistics(statistics, run, stamp))
        round_ = statistics.version - records.LAG
        if round_ < 0:
            return
        steps = self.ledger.frames() * self.task.steps // (self.task.steps + 1)
        values = {'environment_steps': steps, 'normalizer/workers': len(participants(statistics, round_)),
                  'normalizer/count': statistics.moments.count, 'normalizer/rejected': statistics.rejected,
                  'normalizer/drift': self.ledger.drift()}
        self.metrics.publish(messages.from_metrics('normalizer', 0, round_, values, run, stamp))

    def restore(self) -> None:
        """Enter what the journal holds: the versions made of it are published again."""
        for entry in self.journal.read():
            self.ledger.enter(entry)
            self.advance()
        if self.ledger.version > 2:
            self.get_logger().info(f'goes on with statistics {self.ledger.version - 1}; none is lost')

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(Normalizer, argv)
