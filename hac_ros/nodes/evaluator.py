"""Evaluates the weights of every few rounds on a simulation of its own."""
import dataclasses
import time

from hac_ros import atomic_files, evaluation, messages, proposals, records, tasks, topics
from hac_ros.config import EvaluationConfig, FetchConfig, RandomizationConfig, RunConfig
from hac_ros.learning.bundle import Bundle, read_bundle, write_bundle
from hac_ros.nodes import process
from hac_ros.nodes.health import Health
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare, declare_levels
from hac_ros.protocol import Schedule, Versions, training_rounds
from hac_ros.run_folder import RunFolder
from hac_ros.standing import Standing, wants_confirmation

from rclpy.node import Node

ARMS = 25     # episodes stepped as one batch


class EvaluatorNode(Node):
    """<level>/weights, statistics -> metrics of evaluation rounds, the best bundle so far.

    Deterministic episodes with frozen statistics; it contributes nothing to them. A success rate at or above the
    bar is confirmed at once by fresh episodes of the same weights.
    """

    def __init__(self, **node_options):
        super().__init__('evaluator', **node_options)
        self.config, self.settings = declare(self, RunConfig), declare(self, EvaluationConfig, 'evaluation')
        self.ownership = Ownership(self, self.config)
        self.levels = declare_levels(self, self.config.policy)
        self.task = tasks.by_name(self.config.task, self.config.control)
        self.fetch = {'fetch': declare(self, FetchConfig, 'fetch'),
                      'randomization': declare(self, RandomizationConfig, 'randomization')}
        rounds = training_rounds(self.settings.last_step, self.config.arms, self.task.steps, self.config.workers)
        self.schedule = Schedule(self.settings.every, self.settings.lag, rounds - 1)
        self.versions = Versions([records.PLANNER, records.CONTROLLER])
        self.evaluator = evaluation.Evaluator(self.task, self.levels['planner'], self.levels['controller'],
                                              min(ARMS, self.settings.episodes), self.config.seed, self.config.control,
                                              **self.fetch)
        folder = RunFolder(self.config.folder, self.config.run)
        self.bundle, self.proposals, self.films = folder.bundle, folder.proposals, folder.films
        self.best = self._best_so_far()
        self.judged, self.permitted = -1, 0
        self.complete: set[int] = set()     # versions whose weights have come
        self._open_topics()

    def _open_topics(self):
        run = self.config.run
        self.health = Health(self, run)
        self.metrics = topics.publisher(self, topics.METRICS, run)
        topics.subscribe(self, topics.PLANNER_WEIGHTS, self.on_weights, run)
        topics.subscribe(self, topics.CONTROLLER_WEIGHTS, self.on_weights, run)
        topics.subscribe(self, topics.STATISTICS, self.on_statistics, run)
        topics.subscribe(self, topics.STATUS, self.on_status, run)

    def _best_so_far(self) -> Standing | None:
        """Return how good the bundle is that the run has already."""
        if not self.bundle.exists():
            return None
        return Standing.of_report(read_bundle(self.bundle, self.task.name, self.config.control).report)

    def on_weights(self, msg):
        """Keep weights, and evaluate a version that has become complete."""
        if msg.run != self.config.run or not self.schedule.evaluates(msg.version):
            return
        try:
            self.versions.add_weights(messages.to_weights(msg))
        except ValueError as error:
            self.health.refuse('weights refused', error)
            return
        self.complete.add(msg.version)
        self.evaluate_due()

    def on_statistics(self, msg):
        """Keep statistics, and evaluate a version that has become complete."""
        if msg.run != self.config.run or not self.schedule.evaluates(msg.version):
            return
        try:
            self.versions.add_statistics(messages.to_statistics(msg, self.task.observation))
        except ValueError as error:
            self.health.refuse('statistics refused', error)
            return
        self.evaluate_due()

    def on_status(self, msg):
        """The run may go so far: weights of later rounds will not act, and are not evaluated."""
        if msg.run == self.config.run:
            self.permitted = msg.rounds_permitted
            self.evaluate_due()

    def evaluate_due(self) -> None:
        """Evaluate, in order, the versions that are complete, permitted, and have not been evaluated."""
        for version in sorted(self.complete):
            if self.judged < version < self.permitted:
                self.try_evaluating(version)
        self.complete = {version for version in self.complete if version > self.judged}

    def try_evaluating(self, version: int) -> None:
        """Evaluate ``version``; weights that do not fit task, settings or statistics are refused, others may follow."""
        judged = self.judged
        try:
            pair = self.versions.pair(version)
            if pair is not None:
                self.evaluate(version, pair)
        except ValueError as error:
            self.judged = judged if judged == self.judged else version - 1
            self.health.refuse('weights refused', error)

    def evaluate(self, version: int, pair) -> None:
        """Evaluate ``version`` and publish what was found."""
        self.judged, began = version, time.monotonic()
        self.get_logger().info(f'evaluates round {version}')     # again after a restart: what it had begun is lost
        report = fresh = self.evaluator.evaluate(*pair, self.settings.episodes, aborted=process.stopping)
        if report is not None:
            self.keep_proposals()
        if report is not None and wants_confirmation(self.best, version, report.success_rate, self.settings.aim):
            fresh = self.evaluator.evaluate(*pair, self.settings.confirm, evaluation.CONFIRMATION, process.stopping)
        if fresh is None:
            return    # the process is ending
        confirmed = fresh.success_rate if fresh is not report else float('nan')
        try:
            self.keep(pair, report, confirmed)
        except atomic_files.WriteFailed as error:
            self.best = self._best_so_far()
            self.health.refuse('bundle not written', error)
        if self.schedule.films(version, self.settings.render_every):
            self.film(pair)     # before the verdict is out, which may end the run
        names = ('success_rate', 'episodes', 'mean_final_distance', 'mean_episode_reward', 'return_start',
                 'controller_return_low', 'controller_return_high', 'controller_accuracy', 'probe_accuracy',
                 'subgoal_diversity', 'action_diversity', 'out_of_reach', 'object_moved', 'steps')
        values = {f'evaluation/{name}': getattr(report, name) for name in names}
        if fresh is not report:     # not at the last one: a run that goes on has it in the middle
            found = self.evaluator.stand_ins(*pair, evaluation.STAND_IN_EPISODES)
            values |= {f'evaluation/{name}': value for name, value in found.items()}
        values |= {'evaluation/confirmed': confirmed, 'wall/evaluation': time.monotonic() - began}
        stamp = self.get_clock().now().to_msg()
        self.metrics.publish(messages.from_metrics('evaluator', 0, version, values, self.config.run, stamp))

    def film(self, pair) -> None:
        """Film a version; where that cannot be done, say so once and go on without films."""
        planner, controller, statistics = pair
        try:
            from hac_ros import films     # OpenGL and an encoder: only where films are wanted
            path = self.films / f'round-{planner.version:08d}.mp4'
            films.film(path, self.evaluator, (planner, controller), statistics)
        except (OSError, RuntimeError) as error:
            self.get_logger().warning(f'no more films are made: {error}')
            self.settings = dataclasses.replace(self.settings, render_every=0)

    def keep_proposals(self) -> None:
        """Write where the planner sent the gripper; a disk that is full costs the report its map, not the run."""
        try:
            proposals.write(self.proposals, self.evaluator.proposals)
        except atomic_files.WriteFailed as error:
            self.health.refuse('proposals not written', error)

    def keep(self, pair, report: evaluation.EvaluationReport, confirmed: float) -> None:
        """Write the bundle if it is the best so far; what was confirmed counts by its confirmation."""
        planner, controller, statistics = pair
        found = Standing(planner.version, report.success_rate, confirmed, report.mean_final_distance)
        if not found.holds_against(self.best, self.settings.aim):
            return
        self.best = found
        content = evaluation.bundle_report(report, confirmed, planner.version, self.config.seed)
        used = self.levels | (self.fetch if self.config.control == 'fetch' else {})
        settings = {name: dataclasses.asdict(each) for name, each in used.items()}
        if self.config.policy == 'flat':
            settings['flat'] = settings.pop('controller')     # by which it is known: evaluation.level_configs
        write_bundle(self.bundle, Bundle(self.config.task, self.config.control, planner, controller, statistics,
                                         settings, content))

    def close(self) -> None:
        """End the simulation's threads."""
        self.evaluator.close()
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(EvaluatorNode, argv)
