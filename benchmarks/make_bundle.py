"""Train a bundle in one process, by the protocol of the nodes, and keep the best that fresh episodes confirm.

    python benchmarks/make_bundle.py --task push --control fetch --seed 0 --rounds 90 --out hac_ros/data/bundles/fetch/push

What ``hac train`` does with nodes this does without: the same settings, draws, rounds and evaluations, with nobody to
wait for, so that a bundle that is shipped can be made again on a busy machine. Prints a line an evaluation. The report in
the bundle tells the command.
"""
import argparse
import dataclasses
import math
import shlex
import sys
import time
from pathlib import Path

from in_process import PARAMETERS, Training, configured, options

from hac_ros import evaluation, tasks
from hac_ros.config import FetchConfig, RandomizationConfig
from hac_ros.learning import td3
from hac_ros.learning.bundle import Bundle, write_bundle
from hac_ros.records import CONTROLLER, PLANNER
from hac_ros.simulation.simulation import Simulation
from hac_ros.standing import Standing

ARMS = 50     # episodes that an evaluation runs as one batch


class Best:
    """The best weights so far, as ``Standing`` ranks them. ``aim``: success that is confirmed by fresh episodes."""

    def __init__(self, out: Path, training: Training, control: str, aim: float):
        self.out, self.training, self.control, self.aim = out, training, control, aim
        self.standing: Standing | None = None

    def offer(self, report: evaluation.EvaluationReport, confirmed: float, round: int) -> bool:
        """Write the weights of ``round`` if none before were better; return whether they were written."""
        found = Standing(round, report.success_rate, confirmed, report.mean_final_distance)
        if not found.holds_against(self.standing, self.aim):
            return False
        self.standing = found
        weights, statistics = self.training.recent
        settings = dict(zip(('planner', 'controller'), map(dataclasses.asdict, self.training.configs)))
        if self.control == 'fetch':
            settings |= {'fetch': dataclasses.asdict(FetchConfig()),
                         'randomization': dataclasses.asdict(RandomizationConfig())}
        content = evaluation.bundle_report(report, confirmed, round, self.training.seed) | {'command': command()}
        write_bundle(self.out, Bundle(self.training.task.name, self.control, weights[PLANNER], weights[CONTROLLER],
                                      statistics, settings, content))
        return True


def command() -> str:
    """Return the command that makes this bundle again."""
    return shlex.join(['python', 'benchmarks/make_bundle.py', *sys.argv[1:]])


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[options()])
    parser.add_argument('--task', required=True)
    parser.add_argument('--control', default='mocap')
    parser.add_argument('--rounds', type=int, required=True, help='most rounds')
    parser.add_argument('--first', type=int, default=8, help='round of the first evaluation')
    parser.add_argument('--every', type=int, default=8, help='rounds from one evaluation to the next')
    parser.add_argument('--bar', type=float, default=0.95, help='success that is confirmed by fresh episodes')
    parser.add_argument('--stop', type=float, default=0.97, help='confirmed success that ends the training')
    parser.add_argument('--episodes', type=int, default=100)
    parser.add_argument('--confirm', type=int, default=500)
    parser.add_argument('--out', type=Path, required=True)
    return parser.parse_args()


def main():
    td3.prepare(1)
    given = arguments()
    task = tasks.by_name(given.task, given.control)
    path = PARAMETERS / ('fetch_' * (given.control == 'fetch') + f'{task.name}.yaml')
    configs = configured(given, path)
    training = Training(task, lambda arms, purpose: Simulation(task, arms, given.seed, purpose=purpose,
                                                               control=given.control), given.arms, given.seed, *configs)
    evaluator = evaluation.Evaluator(task, *configs, arms=ARMS, seed=given.seed, control=given.control)
    best, began = Best(given.out, training, given.control, given.bar), time.process_time()
    for round in range(given.rounds + 1):
        training.run_round(round)
        if round >= given.first and (round - given.first) % given.every == 0:
            if judged(training, evaluator, best, given, round, began) >= given.stop:
                break


def judged(training, evaluator, best: Best, given, round: int, began: float) -> float:
    """Evaluate the weights of ``round``, keep them if they are the best, print a line; return what was confirmed, or 0."""
    weights, statistics = training.recent
    pair = weights[PLANNER], weights[CONTROLLER], statistics
    report, confirmed = evaluator.evaluate(*pair, given.episodes), math.nan
    if report.success_rate >= given.bar:
        confirmed = evaluator.evaluate(*pair, given.confirm, evaluation.CONFIRMATION).success_rate
    kept = best.offer(report, confirmed, round)
    metrics = training.metrics
    print(f'round {round} steps {round * given.arms * training.task.steps} success {report.success_rate:.3f} '
          f'confirmed {confirmed:.3f} probes {report.probe_accuracy:.2f} moved {report.object_moved:.2f} '
          f'training {metrics["planner/success"]:.2f} accuracy {metrics["controller/accuracy"]:.2f} '
          f'critic {metrics["planner/critic_loss"]:.2f} cpu {time.process_time() - began:.0f}{" kept" * kept}', flush=True)
    return 0.0 if math.isnan(confirmed) else confirmed


if __name__ == '__main__':
    main()
