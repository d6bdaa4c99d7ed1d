"""The acting side of the high level: proposes subgoals and manages the attempts to reach them."""
from dataclasses import dataclass

import numpy as np

from hac_ros import records
from hac_ros.config import PlannerConfig
from hac_ros.learning import attempts, exploration
from hac_ros.learning.features import PlannerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.policy import ACTOR, AVERAGED, Policy
from hac_ros.learning.recording import Recording
from hac_ros.learning.subgoal_action import SIZE, SubgoalAction
from hac_ros.randomness import generator
from hac_ros.records import ArmState, Episodes, Statistics, Subgoals, Weights
from hac_ros.tasks import Task


@dataclass(frozen=True)
class _Attempts:
    """The attempt in force on each arm: arrays of N rows."""

    action: np.ndarray
    value: np.ndarray
    count: np.ndarray
    left: np.ndarray
    testing: np.ndarray
    exploring: np.ndarray


class Planner:
    """Answers every state of a round with the subgoals in force.

    A round is a pure function of (weights, statistics, seed, worker, round, states). Not safe across threads.
    """

    def __init__(self, task: Task, config: PlannerConfig, arms: int, seed: int, worker: int = 0):
        """Raises ValueError if an attempt is longer than a third of an episode, or one of exploiting arms than the others'."""
        for name, most, what in (('horizon', task.steps // 3, 'a third of an episode'),
                                 ('evaluation_horizon', task.steps // 3, 'a third of an episode'),
                                 ('exploiting_horizon', config.horizon, 'horizon')):
            if getattr(config, name) > most:
                raise ValueError(f'planner: {name} {getattr(config, name)} steps came, at most {what} ({most}) is wanted')
        self.task, self.config, self.arms, self.seed, self.worker = task, config, arms, seed, worker
        self.geometry = SubgoalAction(task, config)
        self.tolerance = np.tile([config.position_tolerance, config.opening_tolerance], (arms, 1))
        self.exploiting = np.arange(arms) < round(config.exploiting_share * arms)
        self.recording = None

    def begin(self, round: int, weights: Weights, statistics: Statistics, explore: bool):
        """Start a round, whatever became of the one before. Without ``explore``: averaged weights, no draws."""
        config = self.config
        self.actor, self.averaged = (
            Policy(weights, network, PlannerFeatures.size(self.task, config), SIZE, config.actor_layer_norm)
            for network in (ACTOR, AVERAGED))
        self.features = PlannerFeatures(self.task, Normalization(statistics, config.clip), config)
        self.explore, self.untrained = explore, weights.updates == 0
        self.exploration = config.exploration_after(weights.updates) * np.where(
            self.exploiting, config.exploiting_exploration, 1.0)
        if self.untrained:
            self.exploration = np.ones(self.arms)
        short = config.exploiting_horizon if explore else config.evaluation_horizon
        self.horizon = np.where(self.exploiting | (not explore), short or config.horizon, config.horizon)
        self.recording = Recording(records.PLANNER, round, weights.version, statistics.version)
        self.current = None

    def act(self, state: ArmState) -> Subgoals:
        """Return the subgoals in force; states must come in order 0 .. steps - 1. Raises ValueError if not."""
        self.recording.expect(state)
        self.current = self._next(state)
        subgoals = Subgoals(
            state.id, self.current.value, self.tolerance, self.geometry.speed(self.current.action), self.current.count,
            self.current.left, self.current.testing, self.recording.weights, self.recording.statistics)
        self.recording.append(state, subgoals, self.current.action, self.current.exploring)
        return subgoals

    def finish(self, state: ArmState):
        """Take the terminal state of the round."""
        self.recording.expect(state)
        self.recording.finish(state)

    def episodes(self, incarnation: int) -> Episodes:
        """Return the round as the planner's learner wants it; raises ValueError before ``finish``."""
        return self.recording.episodes(incarnation)

    def _next(self, state: ArmState) -> _Attempts:
        old = self.current
        if old is None:
            return self._proposed(state, np.zeros(self.arms, dtype=np.uint32))
        over = old.left <= 1
        if self.config.end_when_reached:
            over = over | attempts.reached(state.observation, old.value, self.tolerance, self.task.gripper_locked)
        kept = _Attempts(old.action, old.value, old.count, (old.left - 1).astype(np.uint16), old.testing, old.exploring)
        if not over.any():
            return kept
        new = self._proposed(state, old.count + np.uint32(1))
        return _Attempts(*(np.where(over.reshape(-1, *[1] * (b.ndim - 1)), a, b).astype(b.dtype)
                           for a, b in zip(vars(new).values(), vars(kept).values())))

    def _proposed(self, state: ArmState, count: np.ndarray) -> _Attempts:
        action = self._policy(self.features(state.observation, state.desired_goal))
        testing = np.zeros(self.arms, dtype=bool)
        if self.explore:
            action, testing = self._explored(state, action)
        value = self.geometry.subgoal(state.observation, action, state.desired_goal)
        left = self.horizon.astype(np.uint16)
        return _Attempts(action, value, count, left, testing, np.full(self.arms, self.explore))

    def _policy(self, inputs: np.ndarray) -> np.ndarray:
        if not self.explore:
            return self.averaged(inputs)
        action = self.actor(inputs)
        action[self.exploiting] = self.averaged(inputs[self.exploiting])
        return action

    def _explored(self, state: ArmState, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        config = self.config
        rng = generator(self.seed, 'planner_exploration', self.worker, state.id.round, state.id.step)
        testing = rng.random(self.arms) < (0.0 if self.untrained else config.testing_rate)
        random_share = 1.0 if self.untrained else config.random_share * self.exploration
        action = exploration.disturbed(action, rng, config.noise * self.exploration, random_share)
        beside = np.clip(rng.standard_normal((self.arms, 3)) * config.directed_spread / self.geometry.reach, -1.0, 1.0)
        directed = rng.random(self.arms) < config.directed_share * self.exploration
        action[directed, :3] = beside[directed]
        return action, testing
