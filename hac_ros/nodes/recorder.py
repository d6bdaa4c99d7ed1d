"""Writes the run folder, says how far the run may go, and ends it."""
import contextlib
import dataclasses
import sys
import time

from hac_ros import atomic_files, config, diagnosis, domain_names, messages, tasks, topics
from hac_ros.learning import checkpoint
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.metrics_events import MetricsEvents
from hac_ros.metrics_table import STEPS, MetricsTable, read_rows
from hac_ros.msg import RunStatus
from hac_ros.nodes import process
from hac_ros.nodes.compute_options import ComputeOptions
from hac_ros.nodes.health import Health
from hac_ros.nodes.plots import Plots
from hac_ros.parameters import declare
from hac_ros.progress import Progress, RoundTimes
from hac_ros.protocol import Schedule, training_rounds
from hac_ros.run_folder import RunFolder
from hac_ros.watch import Watch

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.utilities import get_rmw_implementation_identifier

SECTIONS = ('', 'bridge', 'normalizer', 'evaluation', 'planner', 'controller', 'flat', 'fetch', 'randomization')     # of a run
OF_CONTROL_FETCH = ('fetch', 'randomization')      # in control mode mocap they mean nothing
VERDICT = ('evaluation/success_rate', 'evaluation/confirmed')
FAREWELL = Duration(seconds=2)     # that workers on other machines have to hear that the run is done


class Recorder(Node):
    """metrics -> metrics.csv, TensorBoard, checkpoint manifest, status, plot/*. Ends when the bar or the last round is reached."""

    def __init__(self, **node_options):
        super().__init__('recorder', **node_options)
        self.sections = {name or 'run': declare(self, config.SECTIONS[name], name) for name in SECTIONS}
        self.config, self.evaluation = self.sections['run'], self.sections['evaluation']
        self.folder = RunFolder(self.config.folder, self.config.run)
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(self.folder.claim())
        self.stack.enter_context(domain_names.claim(f'{self.config.run}.recorder'))
        self.folder.begin(self.settings(), sys.argv, self.config.resume, {'rmw': get_rmw_implementation_identifier()})
        self.result_file = self.folder.path / 'result.json'
        self.result_file.unlink(missing_ok=True)      # of a run that goes on the result is not known yet
        self.stopped, self.began, self.incarnation = Future(), time.monotonic(), time.time_ns()
        self._plan_rounds()
        self._open_table()
        self._open_topics()

    def settings(self) -> dict[str, dict]:
        """Return what config.json tells and a resume compares: section -> setting -> value."""
        sections = {**self.sections, 'learners': declare(self, ComputeOptions)}
        return {name: dataclasses.asdict(section) for name, section in sections.items()
                if name not in OF_CONTROL_FETCH or self.config.control == 'fetch'}

    def _plan_rounds(self):
        run = self.config
        steps = tasks.by_name(run.task, run.control).steps
        self.steps_per_round = run.arms * run.workers * steps
        rounds = training_rounds(self.evaluation.last_step, run.arms, steps, run.workers)
        self.schedule = Schedule(self.evaluation.every, self.evaluation.lag, rounds - 1)
        self.rule = ReturnRule(self.evaluation.return_to_best, self.evaluation.every, self.evaluation.lag)
        self.end, self.judged, self.reached = rounds, -1, None

    def _open_table(self):
        self.table = MetricsTable(self.folder.metrics, self.sources, steps_per_round=self.steps_per_round,
                                  on_row=self.on_row)
        done, rows = self.table.next_round, read_rows(self.folder.metrics)
        for round_, row in enumerate(rows):
            if row['evaluation/confirmed']:
                self.judge(round_, {name: float(value or 'nan') for name, value in row.items()})
            self.rule.begin(round_)       # what was told already
        if done:
            self.get_logger().info(f'goes on with the row of round {done}')
        # Runs of before it was kept tell less: nothing of the first round after a start.
        self.before = self.folder.read_seconds() or sum(float(row['wall/round'] or 0) for row in rows)
        self.judged, self.steps = done - 1, int(rows[-1]['environment_steps']) if rows else 0
        self.progress, self.times = Progress(self.end * self.steps_per_round, self.steps), RoundTimes()
        self.events = MetricsEvents(self.folder.tensorboard, self.steps)
        self.stack.callback(self.events.close)

    def _open_topics(self):
        run = self.config.run
        self.health, self.watch, self.plots = Health(self, run), Watch(self.folder), Plots(self, run)
        self.status = topics.publisher(self, topics.STATUS, run)
        if self.table.next_round >= self.end:
            self.finish(self.table.next_round)
        topics.subscribe(self, topics.METRICS, self.on_metrics, run)
        process.timer(self, 1.0, self.on_timer)
        self.publish_status()

    def sources(self, round_: int) -> set:
        """Return the sources that a round's row is joined from."""
        return {*topics.CONSUMERS, *(['evaluator'] if self.schedule.evaluates(round_) else [])}

    def on_metrics(self, msg):
        """Take what a source measured in a round."""
        if msg.run != self.config.run or msg.round >= self.end:
            return
        try:
            values = messages.to_metrics(msg)
            self.table.check(msg.source, msg.round, list(values), list(values.values()))
            if msg.source == 'evaluator':
                self.judge(msg.round, values)
                self.publish_status()
            if msg.source == 'normalizer':      # the first to have all of a round
                values |= self.times.measure(msg.round, values.get(STEPS, float('nan')))
            self.table.add(msg.source, msg.round, list(values), list(values.values()))
        except (ValueError, atomic_files.WriteFailed) as error:
            self.health.refuse('metrics refused', error)

    def on_timer(self):
        """Try again what the disk did not take."""
        try:
            self.table.write_complete()
            if self.table.next_round >= self.end and not self.stopped.done():
                self.finish(self.table.next_round)
                self.publish_status()
        except atomic_files.WriteFailed as error:
            self.health.refuse('metrics refused', error)

    def judge(self, round_: int, values: dict[str, float]) -> None:
        """Permit further rounds, or end the run a fixed lag after the weights that reached the bar.

        Raises ValueError for an evaluation that lacks its verdict, or whose success is no share where that matters.
        """
        if missing := [name for name in VERDICT if name not in values]:
            raise ValueError(f'evaluation of round {round_}: {", ".join(missing)} did not come')
        self.rule.hear(round_, values['evaluation/success_rate'])
        if round_ <= self.judged or not self.schedule.evaluates(round_):
            return
        self.judged = round_
        if self.reached is None and values['evaluation/confirmed'] >= self.evaluation.aim:
            self.reached = {'round': round_, 'success_rate': values['evaluation/success_rate'],
                            'confirmed': values['evaluation/confirmed']}
            if self.evaluation.stop:
                self.end = self.schedule.end(round_)

    def on_row(self, row: dict[str, float]) -> None:
        """Pass a complete row on: to TensorBoard, the screen and the checkpoint; end after the last."""
        self.steps = row['environment_steps']
        self.keep_seconds()
        self.events.write(row)
        self.progress.show(row)
        self.health.show(row)
        self.plots.show(row)
        self.complete_checkpoint(int(row['round']))
        if 'evaluation/success_rate' in row and self.watch.due():
            self.look()
        if (due := self.rule.begin(int(row['round']))) is not None:
            self.get_logger().warning(due.told())
        if int(row['round']) + 1 >= self.end:
            self.finish(int(row['round']) + 1)
        self.publish_status()

    def seconds(self) -> float:
        """Return for how long the run has been under way: the time in which it was down is left out."""
        return self.before + time.monotonic() - self.began

    def keep_seconds(self) -> None:
        """Keep the seconds for the next start; what a crash takes is the time since the newest row."""
        try:
            self.folder.write_seconds(self.seconds())
        except atomic_files.WriteFailed as error:
            self.health.refuse('seconds not written', error)

    def look(self) -> None:
        """Say in plain words what has begun to be wrong with the run, once, and on /diagnostics as long as it is."""
        try:
            begun, ended = self.watch.look()
        except (ValueError, OSError) as error:
            self.health.refuse('run not diagnosed', error)
            return
        for finding in begun:
            self.get_logger().warning(f'{finding.text} {finding.advice}')
        for kind in ended:
            self.get_logger().info(f'No longer found: {kind}')
        self.health.find({kind: self.watch.found[kind].text if kind in self.watch.found else ''
                          for kind in diagnosis.KINDS})

    def complete_checkpoint(self, round_: int) -> None:
        """Write the manifest of a version all of whose parts have been written."""
        if not round_ or round_ % self.config.checkpoint_every:
            return
        try:
            checkpoint.write_manifest(self.folder.checkpoint, round_, dict.fromkeys(topics.LEARNERS, round_))
        except (ValueError, atomic_files.WriteFailed) as error:
            self.health.refuse('checkpoint not completed', error)

    def finish(self, rounds: int) -> None:
        """Write the result and end the process, which ends the launch."""
        rows = read_rows(self.folder.metrics)
        if self.reached is not None:
            self.reached['environment_steps'] = int(rows[self.reached['round'] - 1]['environment_steps'])
        self.result = {
            'run': self.config.run, 'task': self.config.task, 'seed': self.config.seed, 'reached': self.reached,
            'bar': self.evaluation.aim, 'rounds': rounds, 'environment_steps': self.steps,
            'seconds': round(self.seconds(), 3)}
        atomic_files.write_json(self.result_file, self.result)
        self.stopped.set_result(0)

    def publish_status(self) -> None:
        """Publish how far the run may go."""
        ending = self.reached is not None and self.evaluation.stop
        state = RunStatus.DONE if self.stopped.done() else RunStatus.STOPPING if ending else RunStatus.RUNNING
        self.status.publish(RunStatus(
            stamp=self.get_clock().now().to_msg(), run=self.config.run, incarnation=self.incarnation, state=state,
            rounds_permitted=min(self.end, self.schedule.permitted(self.judged)),
            environment_steps=self.steps,
            reason='' if self.reached is None else f'the bar was reached by the weights of round {self.reached["round"]}'))

    def close(self) -> None:
        """End progress and files, when the workers on other machines have heard that the run is done."""
        if self.stopped.done():
            self.status.wait_for_all_acked(FAREWELL)
        self.progress.close()
        self.stack.close()


def main(argv=None):
    """Run the node."""
    return process.run(Recorder, argv)
