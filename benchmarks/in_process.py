"""Train in one process, without ROS, by the same protocol: rounds, pairs of weights and statistics, lag 2.

    python benchmarks/in_process.py --task reach --rounds 12 --seed 0

Prints a line an evaluation: round, environment steps, success, CPU seconds and all that was measured; at last the success on
fresh episodes and the accuracy on the probes. For experiments: what a run of the nodes learns, it learns to the bit
(test/ros/test_recorded_run.py), on one core and with nobody to wait for.
"""
import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import yaml

from hac_ros import probes, tasks
from hac_ros.config import ControllerConfig, EvaluationConfig, FlatConfig, FlatLevelConfig, PlannerConfig, levels
from hac_ros.learning import running_statistics, td3
from hac_ros.learning.flat import actors
from hac_ros.learning.learner import Learner
from hac_ros.records import CONTROLLER, LAG, PLANNER, ArmState, ContributionId, Statistics, StepId
from hac_ros.simulation.simulation import Simulation

PARAMETERS = Path(__file__).parents[1] / 'launch' / 'params'
FREEZE = 8  # rounds that frozen statistics cover: about the random play at a run's start


def collect(simulation, task, planner, controller, round: int) -> tuple:
    """Run one round; planner and controller have begun it. Returns the episodes of both levels."""
    simulation.reset(round)
    for step in range(task.steps):
        state = arm_state(simulation, task, round, step)
        simulation.step(controller.act(state, planner.act(state)).value)
    state = arm_state(simulation, task, round, task.steps)
    planner.finish(state), controller.finish(state)
    return planner.episodes(0), controller.episodes(0)


def arm_state(simulation, task, round: int, step: int) -> ArmState:
    """Return what the bridge would publish."""
    return ArmState(StepId('in_process', 0, round, 0, step), task.observation.name, task.steps,
                    np.array(simulation.observation), np.array(simulation.achieved_goal),
                    np.array(simulation.desired_goal), np.array(simulation.reward), np.array(simulation.success),
                    (round * task.steps + step) * task.period, task.period)


class Training:
    """A whole run: one worker, both learners, the statistics."""

    def __init__(self, task, simulate, arms: int, seed: int, planner=PlannerConfig(), controller=ControllerConfig(),
                 normalization: str = 'live', device: str = 'cpu'):
        """``simulate(arms, purpose)`` returns a simulation. ``normalization``: live, frozen after FREEZE rounds, or none.

        ``device``: of torch, where gradient steps run.
        """
        self.covered = {'live': None, 'frozen': FREEZE, 'none': 0}[normalization]
        self.task, self.simulate, self.seed, self.configs = task, simulate, seed, (planner, controller)
        self.simulation = simulate(arms, 'training')
        self.planner, self.controller = actors(task, planner, controller, arms, seed)
        self.learners = {PLANNER: Learner(PLANNER, task, planner, seed, device),
                         CONTROLLER: Learner(CONTROLLER, task, controller, seed, device)}
        self.moments, self.recent, self.metrics = [], [], {}

    def run_round(self, round: int):
        """Train the weights of ``round`` on the rounds up to round - LAG, then collect it."""
        statistics = self.statistics(round)
        weights = {k: learner.learn(statistics, round) for k, learner in self.learners.items()}
        self.planner.begin(round, weights[PLANNER], statistics, True)
        self.controller.begin(round, weights[CONTROLLER], statistics, True)
        both = collect(self.simulation, self.task, self.planner, self.controller, round)
        seen = both[0].observation.reshape(-1, self.task.observation.size)
        self.moments.append(running_statistics.of_samples(seen)[0])
        for episodes in both:
            learner = self.learners[episodes.level]
            learner.add(episodes)
            self.metrics |= learner.measure(episodes) | learner.training_metrics()
        self.recent = weights, statistics

    def statistics(self, version: int) -> Statistics:
        """Return the statistics of a version."""
        rounds = max(0, version - LAG + 1)
        moments = running_statistics.merge_all(self.moments[:rounds][:self.covered], self.task.observation.size)
        includes = (ContributionId(0, 0, rounds, 0, rounds - 1),) if rounds else ()
        return Statistics(version, self.task.observation.name, moments, includes)

    def evaluate(self, episodes: int, round: int = 0) -> float:
        """Return the success of the latest weights without exploration; each ``round`` has episodes of its own."""
        weights, statistics = self.recent
        if not hasattr(self, 'evaluation') or self.evaluation[0].arms != episodes:
            self.evaluation = (self.simulate(episodes, 'evaluation'),
                               *actors(self.task, *self.configs, episodes, self.seed))
        simulation, planner, controller = self.evaluation
        planner.begin(round, weights[PLANNER], statistics, False)
        controller.begin(round, weights[CONTROLLER], statistics, False)
        done, low = collect(simulation, self.task, planner, controller, round)
        self.metrics['evaluation/accuracy'] = self.learners[CONTROLLER].measure(low)['controller/accuracy']
        return float(done.success[-1].mean())

    def probe(self) -> float:
        """Return the share of the fixed probe subgoals that the latest controller reaches; NaN of a flat policy."""
        weights, statistics = self.recent
        if isinstance(self.configs[1], FlatLevelConfig):
            return float('nan')
        _, controller = actors(self.task, *self.configs, probes.PROBES, self.seed)
        return probes.accuracy(probes.simulation(self.task), controller, weights[CONTROLLER], statistics)


def overridden(config, settings: list[str]):
    """Return ``config`` with ``name=value`` settings."""
    values = {}
    for setting in settings:
        name, text = setting.split('=')
        default = getattr(config, name)
        values[name] = (tuple(int(v) for v in text.split(',')) if isinstance(default, tuple)
                        else text == 'true' if isinstance(default, bool) else type(default)(text))
    return dataclasses.replace(config, **values)


def preset(config, path: Path):
    """Return ``config`` with what a parameter file says of its part of the settings."""
    part = {PlannerConfig: 'planner', ControllerConfig: 'controller', FlatConfig: 'flat', EvaluationConfig: 'evaluation'}[type(config)]
    parameters = yaml.safe_load(path.read_text())['/**']['ros__parameters'] if path.exists() else {}
    values = {name.removeprefix(f'{part}.'): tuple(value) if isinstance(value, list) else value
              for name, value in parameters.items() if name.startswith(f'{part}.')}
    return dataclasses.replace(config, **values)


def usual_bar(task: str) -> float:
    """Return the success rate at which ``task`` is reached: its preset's."""
    return preset(EvaluationConfig(), PARAMETERS / f'{task}.yaml').usual_bar


def options() -> argparse.ArgumentParser:
    """Return what each training without ROS can be told, for ``parents`` of a parser: arms, seed and both levels' settings."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--arms', type=int, default=16)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--planner', nargs='*', default=[], metavar='NAME=VALUE')
    parser.add_argument('--controller', nargs='*', default=[], metavar='NAME=VALUE')
    return parser


def configured(given: argparse.Namespace, path: Path) -> tuple[PlannerConfig, ControllerConfig]:
    """Return both levels' settings: a parameter file's, and over them what ``options`` were given."""
    return (overridden(preset(PlannerConfig(), path), given.planner),
            overridden(preset(ControllerConfig(), path), given.controller))


def main():
    td3.prepare(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[options()])
    parser.add_argument('--task', default='reach')
    parser.add_argument('--rounds', type=int, default=12)
    parser.add_argument('--every', type=int, default=4)
    parser.add_argument('--episodes', type=int, default=100)
    parser.add_argument('--confirm', type=int, default=500, help='fresh episodes after the last round')
    parser.add_argument('--policy', choices=('hierarchical', 'flat'), default='hierarchical')
    parser.add_argument('--normalization', choices=('live', 'frozen', 'none'), default='live')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--flat', nargs='*', default=[], metavar='NAME=VALUE')
    arguments = parser.parse_args()
    task = tasks.by_name(arguments.task)
    path = PARAMETERS / f'{task.name}.yaml'
    simulate = lambda arms, purpose: Simulation(task, arms, arguments.seed, purpose=purpose)  # noqa: E731
    both = levels(arguments.policy, *configured(arguments, path), overridden(preset(FlatConfig(), path), arguments.flat))
    training = Training(task, simulate, arguments.arms, arguments.seed, both['planner'], both['controller'],
                        arguments.normalization, arguments.device)
    for round in range(arguments.rounds + 1):
        training.run_round(round)
        if round % arguments.every == 0:
            success = training.evaluate(arguments.episodes)
            training.metrics['evaluation/probe_accuracy'] = training.probe()
            shown = ' '.join(f'{name} {value:.3g}' for name, value in sorted(training.metrics.items()))
            print(f'round {round} steps {round * arguments.arms * task.steps} success {success:.3f} '
                  f'cpu {time.process_time():.1f} {shown}', flush=True)
    if arguments.confirm:
        print(f'confirmed {training.evaluate(arguments.confirm, round=1):.3f} probes {training.probe():.2f}')


if __name__ == '__main__':
    main()
