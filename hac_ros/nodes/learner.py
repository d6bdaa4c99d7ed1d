"""One level's learner: episodes -> weights for every round."""
import time
from dataclasses import dataclass

import torch

from hac_ros import messages, records, run_folder, tasks, topics
from hac_ros.config import ControllerConfig, PlannerConfig, RunConfig, option
from hac_ros.learning import checkpoint
from hac_ros.learning.learner import Learner
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare

from rclpy.node import Node

CONFIGS = (ControllerConfig, PlannerConfig)   # by records.CONTROLLER, records.PLANNER


@dataclass(frozen=True)
class LearnerOptions:
    """Which level learns, and on what."""

    level: str = option('planner', 'Level that learns', choices=records.LEVELS)
    device: str = option('cpu', 'Where gradient steps run; auto: a GPU if there is one', choices=('cpu', 'cuda', 'auto'))
    threads: int = option(1, 'Torch threads of this learner', low=1, high=64)

    def torch_device(self) -> str:
        """Return the device's name for torch; raises ValueError if it is not there."""
        if self.device == 'cuda' and not torch.cuda.is_available():
            raise ValueError('device: cuda came, but torch finds no GPU; use cpu or auto')
        return 'cuda' if self.device != 'cpu' and torch.cuda.is_available() else 'cpu'


class LearnerNode(Node):
    """<level>/episodes, statistics -> <level>/weights, receipt, metrics.

    Version k is trained with statistics k on exactly the rounds that these include, while round k - 1 is collected.
    """

    def __init__(self, **node_options):
        super().__init__('learner', **node_options)
        self.config = declare(self, RunConfig)
        self.options = declare(self, LearnerOptions)
        self.ownership = Ownership(self, self.config)
        torch.set_num_threads(self.options.threads)
        self.number = records.LEVELS.index(self.options.level)
        self.task = tasks.by_name(self.config.task)
        self.learner = Learner(self.number, self.task, declare(self, CONFIGS[self.number], self.options.level),
                               self.config.seed, self.options.torch_device())
        self.consumer = topics.CONSUMERS[self.number]
        self.incarnation = time.time_ns()
        self.version, self.last = 0, None
        self.pending: dict[int, records.Statistics] = {}
        self.held = {worker: 0 for worker in range(self.config.workers)}
        self.training: dict[int, dict] = {}
        self.measured: dict[int, dict[int, dict]] = {}
        self._open_topics()

    def _open_topics(self):
        run = self.config.run
        self.health = Health(self, run)
        self.weights = topics.publisher(self, topics.WEIGHTS[self.number], run)
        self.receipts = topics.publisher(self, topics.RECEIPT, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        self.folder = run_folder.RunFolder(self.config.folder, run).checkpoint
        if self.config.resume:
            self.restore()
        self.acknowledge()
        topics.subscribe(self, topics.STATISTICS, self.on_statistics, run)
        topics.subscribe(self, topics.EPISODES[self.number], self.on_episodes, run)

    def on_statistics(self, msg):
        """Keep statistics, and train the version that waits for them."""
        if msg.run != self.config.run or msg.version < self.version:
            return
        try:
            self.pending[msg.version] = messages.to_statistics(msg, self.task.observation)
        except ValueError as error:
            self.health.refuse('statistics refused', error)
        self.advance()

    def on_episodes(self, msg):
        """Keep a finished round, acknowledge it, and train the version that waits for it."""
        if msg.run != self.config.run:
            return
        if msg.round != self.held.get(msg.worker):
            self.health.note('episodes held already')
            self.acknowledge()
            return
        try:
            episodes = messages.to_episodes(msg, self.task.observation)
            self.learner.add(episodes)
        except ValueError as error:
            self.health.refuse('episodes refused', error)
            return
        self.held[msg.worker] += 1
        self.acknowledge()
        self.measured.setdefault(msg.round, {})[msg.worker] = self.learner.measure(episodes)
        self.report(msg.round)
        self.advance()

    def acknowledge(self) -> None:
        """Tell how many rounds of each worker are held."""
        self.receipts.publish(messages.from_receipt(self.consumer, self.incarnation, self.held, self.config.run))

    def advance(self) -> None:
        """Train and publish every version whose statistics and episodes are here."""
        while self.version in self.pending and self._covered(self.pending[self.version]):
            statistics = self.pending.pop(self.version)
            began = time.monotonic()
            weights = self.learner.learn(statistics, self.version) if self.version else self.learner.initial_weights()
            self.training[self.version] = {**self.learner.training_metrics(),
                                           f'wall/{self.options.level}_learning': time.monotonic() - began}
            self.publish(weights)
            self.version += 1

    def _covered(self, statistics: records.Statistics) -> bool:
        return all(self.held.get(key.worker, 0) > key.last_round for key in statistics.includes)

    def publish(self, weights: records.Weights) -> None:
        """Publish a version, write the checkpoint part that is due, and report the round if it was measured."""
        if weights.version and weights.version % self.config.checkpoint_every == 0:
            self.store(weights)
        self.last = weights
        self.weights.publish(messages.from_weights(weights, self.config.run, self.get_clock().now().to_msg()))
        self.report(weights.version)

    def report(self, round_: int) -> None:
        """Publish a round's metrics when its weights are out and every worker's episodes of it are here."""
        measured = self.measured.get(round_, {})
        if round_ not in self.training or len(measured) < self.config.workers:
            return
        rows = [measured[worker] for worker in sorted(measured)]
        values = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        values.update(self.training.pop(round_))
        del self.measured[round_]
        self.metrics.publish(messages.from_metrics(self.consumer, 0, round_, values, self.config.run,
                                                   self.get_clock().now().to_msg()))

    def store(self, weights: records.Weights) -> None:
        """Write the checkpoint part of this version; it also holds the version before, which the next round needs."""
        tensors, info = self.learner.state()
        kept = {f'learner/{name}': value for name, value in tensors.items()}
        for each in (self.last, weights):
            kept.update({f'weights/{each.version}/{name}': value for name, value in each.tensors.items()})
        updates = {str(each.version): each.updates for each in (self.last, weights)}
        held = {str(worker): rounds for worker, rounds in self.held.items()}
        checkpoint.write_part(self.folder, self.consumer, weights.version, kept,
                              {'learner': info, 'updates': updates, 'held': held})

    def restore(self) -> None:
        """Go on from the checkpoint: the version before it and its own are published again."""
        manifest = checkpoint.read_manifest(self.folder)
        part = checkpoint.read_part(self.folder, self.consumer, manifest.version)
        own = {name.removeprefix('learner/'): value for name, value in part.tensors.items() if name.startswith('learner/')}
        self.learner.load_state(own, part.info['learner'])
        self.held.update({int(worker): rounds for worker, rounds in part.info['held'].items()})
        for version in (part.version - 1, part.version):
            prefix = f'weights/{version}/'
            tensors = {n.removeprefix(prefix): v for n, v in part.tensors.items() if n.startswith(prefix)}
            self.training[version] = self.learner.training_metrics()
            self.last = records.Weights(self.number, version, version, part.info['updates'][str(version)], tensors)
            self.weights.publish(messages.from_weights(self.last, self.config.run, self.get_clock().now().to_msg()))
        self.version = part.version + 1

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(LearnerNode, argv)
