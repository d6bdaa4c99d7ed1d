"""Runs made in a second: real evaluations of a scripted hierarchy, written as a run writes them."""
import dataclasses

import numpy as np

from hac_ros import probes, proposals, records, tasks
from hac_ros.config import ControllerConfig, EvaluationConfig, NormalizerConfig, PlannerConfig, RunConfig
from hac_ros.evaluation import Evaluator
from hac_ros.learning import running_statistics
from hac_ros.learning.controller import Controller
from hac_ros.learning.journal import ContributionJournal
from hac_ros.learning.learner import Learner
from hac_ros.learning.planner import Planner
from hac_ros.metrics_table import MetricsTable
from hac_ros.records import Contribution, ContributionId, Statistics
from hac_ros.run_folder import RunFolder

REACH = tasks.by_name('reach')
EPISODES = 12
EVALUATED = (2, 4, 6)


class PlannerOfTheGoal(Planner):
    """Sends the gripper to the goal, as far as an action reaches."""

    def _proposed(self, state, count):
        attempt = super()._proposed(state, count)
        action = self.geometry.action(state.observation, state.desired_goal, np.zeros(state.arms), state.desired_goal)
        value = self.geometry.subgoal(state.observation, action, state.desired_goal)
        return dataclasses.replace(attempt, action=action, value=value)


class ScriptedController(Controller):
    """Reaches subgoals: proportional to the distance."""

    def act(self, state, subgoals):
        command = super().act(state, subgoals)
        return dataclasses.replace(command, value=probes.scripted(state.observation, subgoals.value))


def frozen_weights(weights: records.Weights, action) -> records.Weights:
    """Return weights with which both actors give ``action`` (4,) whatever the state."""
    tensors = {name: np.zeros_like(tensor) for name, tensor in weights.tensors.items()}
    last = max(int(name.split('.')[-2]) for name in tensors)
    for name in tensors:
        if name.endswith(f'.{last}.bias'):
            tensors[name][:] = np.arctanh(action)
    return dataclasses.replace(weights, tensors=tensors)


def make(root, name: str, frozen=None, centre: str = 'object', seed: int = 0) -> RunFolder:
    """Write a run below ``root``; ``frozen``: the action that its planner gives whatever the state, else it is good."""
    planner, controller = PlannerConfig(hidden=(8,), centre=centre), ControllerConfig(hidden=(8,))
    folder = RunFolder(root, name)
    sections = {'run': RunConfig(run=name, seed=seed), 'planner': planner, 'controller': controller,
                'normalizer': NormalizerConfig(), 'evaluation': EvaluationConfig()}
    folder.begin({key: dataclasses.asdict(value) for key, value in sections.items()}, ['hac', 'train'])
    table = MetricsTable(folder.metrics, lambda _: {'run'}, steps_per_round=800)
    journal, total = ContributionJournal(folder.journal / 'normalizer.jsonl'), None
    evaluator = Evaluator(REACH, planner, controller, EPISODES, seed, with_probes=False)
    evaluator.controller = ScriptedController(REACH, controller, EPISODES, seed)
    if frozen is None:
        evaluator.planner = PlannerOfTheGoal(REACH, planner, EPISODES, seed)
    for round_ in range(EVALUATED[-1] + 1):
        measured = _learnt(round_)
        if round_ in EVALUATED:
            measured |= _evaluated(folder, evaluator, round_, frozen)
        table.add('run', round_, list(measured), list(measured.values()))
        total = _contribute(journal, total, round_)
    return folder


def _learnt(round_: int) -> dict[str, float]:
    """Return what learners would say, losses falling whatever the planner does."""
    loss = 1.0 / (1 + round_)
    return {'planner/success': 0.5, 'planner/mean_reward': -0.5, 'planner/actor_loss': 2 * loss,
            'planner/critic_loss': loss, 'planner/q_mean': -1.0, 'planner/q_start': -1.0, 'planner/subgoal_std': 0.05,
            'controller/accuracy': 0.9, 'controller/mean_reward': -0.4, 'controller/actor_loss': loss,
            'controller/critic_loss': loss, 'controller/q_mean': -2.0, 'controller/q_start': -2.0, 'wall/round': 1.6,
            'wall/steps_per_s': 500.0, 'normalizer/rejected': 0.0,
            'wall/planner_learning': 0.5, 'wall/controller_learning': 0.7, 'wall/evaluation': 1.0}


def _evaluated(folder: RunFolder, evaluator: Evaluator, round_: int, frozen) -> dict[str, float]:
    weights = [dataclasses.replace(Learner(level, REACH, config, 0).initial_weights(), version=round_, updates=1)
               for level, config in ((records.PLANNER, evaluator.planner.config),
                                     (records.CONTROLLER, evaluator.controller.config))]
    if frozen is not None:
        weights[0] = frozen_weights(weights[0], frozen)
    space = REACH.observation
    report = evaluator.evaluate(*weights, Statistics(0, space.name, running_statistics.empty(space.size)), EPISODES)
    proposals.write(folder.proposals, evaluator.proposals)
    names = ('success_rate', 'mean_episode_reward', 'return_start', 'controller_return_low', 'controller_return_high',
             'controller_accuracy', 'subgoal_diversity',
             'action_diversity', 'object_moved')
    return {f'evaluation/{name}': getattr(report, name) for name in names} | {'evaluation/probe_accuracy': 0.99}


def _contribute(journal: ContributionJournal, total, round_: int):
    """Append a round's data to a cumulative contribution, as the planner of worker 0 does."""
    rng = np.random.default_rng([7, round_])
    moments, _ = running_statistics.of_samples(rng.normal(0.7, 0.1, (50, REACH.observation.size)))
    total = moments if total is None else running_statistics.merge(total, moments)
    journal.append(Contribution(ContributionId(0, 5, round_ + 1, 0, round_), REACH.observation.name, total))
    return total
