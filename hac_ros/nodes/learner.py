"""One level's learner: episodes -> weights for every round."""
import time
from dataclasses import dataclass

import torch

from hac_ros import atomic_files, messages, records, run_folder, tasks, tensor_file, topics
from hac_ros.config import EvaluationConfig, RunConfig, option
from hac_ros.learning import checkpoint, origin, td3
from hac_ros.learning.holdings import Holdings, participants
from hac_ros.learning.journal import EpisodeJournal
from hac_ros.learning.learner import Learner
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.learning.returning import Returning
from hac_ros.metrics_table import fit_for_json, from_json
from hac_ros.nodes import process
from hac_ros.nodes.compute_options import ComputeOptions
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.nodes.verdicts import Verdicts
from hac_ros.parameters import declare, declare_levels

from rclpy.node import Node


@dataclass(frozen=True)
class LearnerOptions(ComputeOptions):
    """Which level learns, and on what."""

    level: str = option('planner', 'Level that learns', choices=records.LEVELS)

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
        td3.prepare(self.options.threads)
        self.number = records.LEVELS.index(self.options.level)
        self.task = tasks.by_name(self.config.task, self.config.control)
        level = declare_levels(self, self.config.policy)[self.options.level]
        self.learner = Learner(self.number, self.task, level, self.config.seed, self.options.torch_device())
        if self.config.start_from:
            self.start()
        evaluated = declare(self, EvaluationConfig, 'evaluation')
        self.rule = ReturnRule(evaluated.return_to_best, evaluated.every, evaluated.lag)
        self.returning = Returning(self.learner, self.rule)
        self.consumer = topics.CONSUMERS[self.number]
        self.incarnation = time.time_ns()
        self.version, self.last = 0, None
        self.pending: dict[int, records.Statistics] = {}
        self.holdings = Holdings(self.config.workers)
        self.lost: dict[int, int] = {}                  # worker -> first of its rounds that the journal has lost
        self.participants: dict[int, list[int]] = {}    # round -> workers whose round the statistics include
        self.training: dict[int, dict] = {}    # version -> metrics of its training: to be reported, and the last two
        self.measured: dict[int, dict[int, dict]] = {}
        self._open_topics()

    def _open_topics(self):
        run = self.config.run
        self.health = Health(self, run)
        self.weights = topics.publisher(self, topics.WEIGHTS[self.number], run)
        self.receipts = topics.publisher(self, topics.RECEIPT, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        folder = run_folder.RunFolder(self.config.folder, run)
        self.folder, self.journal = folder.checkpoint, EpisodeJournal(folder.journal / self.consumer)
        self.restore()
        self.acknowledge()
        if self.rule.limit:
            self.verdicts = Verdicts(self, run, folder.metrics, self.rule, self.lacks_verdict, self.advance)
        topics.subscribe(self, topics.STATISTICS, self.on_statistics, run)
        topics.subscribe(self, topics.EPISODES[self.number], self.on_episodes, run)

    def start(self) -> None:
        """Take the networks of what the run starts from."""
        found = origin.of_run(self.config)
        self.learner.start_from(found)
        self.get_logger().info(found.told(self.options.level))

    def on_statistics(self, msg):
        """Keep statistics, and train the version that waits for them."""
        if msg.run != self.config.run or msg.version < self.version:
            return
        try:
            statistics = messages.to_statistics(msg, self.task.observation)
        except ValueError as error:
            self.health.refuse('statistics refused', error)
            return
        self.pending[msg.version] = statistics
        newest = msg.version - records.LAG
        self.participants[newest] = participants(statistics, newest)
        self.report(newest)
        self.advance()

    def on_episodes(self, msg):
        """Keep a finished round, acknowledge it, and train the version that waits for it."""
        if msg.run != self.config.run:
            return
        if not self.holdings.wants(msg.worker, msg.round):
            self.health.note('episodes held already')
            self.acknowledge()
            return
        if msg.round > self.lost.get(msg.worker, msg.round):
            self.health.note('episodes after a lost round')      # held, they would hide the gap from the bridge
            self.acknowledge()
            return
        try:
            episodes = messages.to_episodes(msg, self.task.observation)
            self.check(episodes)
            self.learner.add(episodes)
            self.journal.write(episodes)
        except (ValueError, atomic_files.WriteFailed) as error:   # a full disk: it is sent again until it is held
            self.health.refuse('episodes refused', error)
            return
        self.hold(episodes)
        self.lost.pop(msg.worker, None)
        self.acknowledge()
        self.report(msg.round)
        self.advance()

    def check(self, episodes: records.Episodes) -> None:
        """Raise ValueError for a round that no worker of this run can have acted: it would be learnt from."""
        came = (episodes.level, episodes.arms, episodes.weights, episodes.statistics)
        wanted = (self.number, self.config.arms, episodes.round, episodes.round)
        if came != wanted:
            raise ValueError(f'episodes of round {episodes.round} of worker {episodes.worker}: (level, arms, weights, '
                             f'statistics) {came} came, {wanted} are wanted')

    def hold(self, episodes: records.Episodes) -> None:
        """Note a round that the replay has, and measure it."""
        self.holdings.add(episodes.worker, episodes.round)
        self.measured.setdefault(episodes.round, {})[episodes.worker] = self.learner.measure(episodes)

    def acknowledge(self) -> None:
        """Tell up to which round each worker's are held."""
        held = self.holdings.all_next() | self.lost
        self.receipts.publish(messages.from_receipt(self.consumer, self.incarnation, held, self.config.run))

    def lacks_verdict(self) -> bool:
        """Whether the next version, whose statistics are here, relies on a verdict that was not heard."""
        return self.version in self.pending and self.rule.lacks(self.version)

    def advance(self) -> None:
        """Train and publish every version whose statistics and episodes, and the verdict it relies on, are here."""
        while (self.version in self.pending and self.holdings.covers(self.pending[self.version])
               and not self.rule.lacks(self.version)):
            statistics = self.pending.pop(self.version)
            began = time.monotonic()
            due = self.returning.before(self.version)
            if due is not None:
                self.get_logger().info(due.told())     # once more if this process dies; the recorder tells it once
            weights = self.learner.learn(statistics, self.version) if self.version else self.learner.initial_weights(statistics)
            self.returning.after(self.version)
            self.training[self.version] = {**self.learner.training_metrics(), **self.returning.metrics(),
                                           f'wall/{self.options.level}_learning': time.monotonic() - began}
            self.publish(weights)
            self.version += 1

    def publish(self, weights: records.Weights) -> None:
        """Publish a version, write the checkpoint part that is due, and report the round if it was measured."""
        if weights.version and weights.version % self.config.checkpoint_every == 0:
            try:
                self.store(weights)
            except atomic_files.WriteFailed as error:             # the checkpoint before and the journal are there
                self.health.refuse('checkpoint not written', error)
        self.last = weights
        self.training.pop(weights.version - topics.VERSIONS, None)
        self.weights.publish(messages.from_weights(weights, self.config.run, self.get_clock().now().to_msg()))
        self.report(weights.version)

    def report(self, round_: int) -> None:
        """Publish a round's metrics when its weights are out, and the episodes that the statistics include are here."""
        measured, wanted = self.measured.get(round_, {}), self.participants.get(round_)
        if round_ not in self.training or not wanted or any(worker not in measured for worker in wanted):
            return
        rows = [measured[worker] for worker in wanted]
        values = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        values.update(self.training[round_])
        for old in [r for r in self.measured if r <= round_]:   # also rounds of workers that came too late
            del self.measured[old]
        for old in [r for r in self.participants if r <= round_]:
            del self.participants[old]
        self.metrics.publish(messages.from_metrics(self.consumer, 0, round_, values, self.config.run,
                                                   self.get_clock().now().to_msg()))

    def store(self, weights: records.Weights) -> None:
        """Write the checkpoint part of this version; it also holds the version before, which the next round needs."""
        tensors, info = self.learner.state()
        kept = {f'learner/{name}': value for name, value in tensors.items()}
        networks, returning = self.returning.state(weights.version)
        kept.update({f'kept/{name}': value for name, value in networks.items()})
        for each in (self.last, weights):
            kept.update({f'weights/{each.version}/{name}': value for name, value in each.tensors.items()})
        updates = {str(each.version): each.updates for each in (self.last, weights)}
        digests = {str(each.version): each.statistics_digest for each in (self.last, weights)}
        training = {str(each.version): fit_for_json(self.training[each.version]) for each in (self.last, weights)}
        checkpoint.write_part(self.folder, self.consumer, weights.version, kept,
                              {'learner': info, 'updates': updates, 'training': training,
                               'statistics': digests,
                               'held': self.holdings.state(), **({'returning': returning} if returning else {})})
        self.forget_held()

    def forget_held(self) -> None:
        """Remove from the journal what the oldest checkpoint holds: of a worker that was late it may lack an old round."""
        oldest = checkpoint.oldest(self.folder)
        if oldest is None:
            return
        try:
            stretches = checkpoint.read_info(self.folder, self.consumer, oldest)['held']
        except tensor_file.DamagedFile:     # or the recorder has just removed it: the next checkpoint will do
            return
        held = Holdings()
        held.load_state(stretches)
        self.journal.drop(held.all_next())

    def restore(self) -> None:
        """Go on from the last complete checkpoint and the journal; the versions since are trained again, the same."""
        if any(self.folder.glob('manifest-*')):
            self.restore_part(checkpoint.read_manifest(self.folder))
        for episodes in self.journal.read(self.holdings.all_next(), self.lose):
            self.learner.add(episodes)
            self.hold(episodes)
        if any(self.holdings.all_next().values()):
            self.get_logger().info(f'goes on with version {self.version}; next rounds {self.holdings.all_next()}')

    def lose(self, worker: int, round_: int, why: str) -> None:
        """Say which rounds are lost; the bridge hears it from the next receipt, and runs them again."""
        self.get_logger().warning(f'{why}: rounds {round_} and later of worker {worker} are lost, and wanted again')
        self.lost[worker] = round_

    def restore_part(self, manifest: checkpoint.Manifest) -> None:
        """Take the state of a checkpoint, and publish its weights and those of the version before it."""
        for reason in manifest.refused:
            self.get_logger().warning(reason)
        part = checkpoint.read_part(self.folder, self.consumer, manifest.version)
        self.learner.load_state(_below('learner/', part.tensors), part.info['learner'])
        self.returning.load_state(_below('kept/', part.tensors), part.info.get('returning', {}), part.version)
        self.holdings.load_state(part.info['held'])
        for version in (part.version - 1, part.version):
            tensors = _below(f'weights/{version}/', part.tensors)
            self.training[version] = from_json(part.info['training'][str(version)])
            self.last = records.Weights(self.number, version, version, part.info['updates'][str(version)], tensors,
                                        part.info['statistics'][str(version)])
            self.weights.publish(messages.from_weights(self.last, self.config.run, self.get_clock().now().to_msg()))
        self.version = part.version + 1

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def _below(prefix: str, tensors: dict) -> dict:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def main(argv=None):
    """Run the node."""
    return process.run(LearnerNode, argv)
