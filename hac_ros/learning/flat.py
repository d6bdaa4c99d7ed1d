"""A flat policy: one level that commands the arm from observation and goal, for comparison with the hierarchy.

It runs in the controller's place, through the same nodes; the planner hands it the goal as subgoal. Networks, update
budget, inputs and domain knowledge are the hierarchy's (config.levels), and what is learnt from is HER's,
arXiv:1707.01495: four of five goals were achieved later in the episode ("future", k = 4). Departures: TD3 in place of
DDPG, exploration that falls with the hierarchy's schedule.
"""
import numpy as np

from hac_ros import spaces
from hac_ros.config import ControllerConfig, FlatLevelConfig, PlannerConfig
from hac_ros.learning import exploration, frame
from hac_ros.learning.controller import Controller
from hac_ros.learning.features import PlannerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.planner import Planner
from hac_ros.learning.policy import AVERAGED, Policy
from hac_ros.learning.stand_ins import GoalPlanner
from hac_ros.randomness import generator
from hac_ros.records import ArmState, Statistics, Subgoals, Weights
from hac_ros.tasks import Task

ACTIONS = spaces.COMMAND.size


def actors(task: Task, planner: PlannerConfig, controller: ControllerConfig | FlatLevelConfig, arms: int, seed: int,
           worker: int = 0) -> tuple[Planner, Controller]:
    """Return what acts in a worker, both levels, as the settings (config.levels) ask for."""
    flat = isinstance(controller, FlatLevelConfig)
    return ((GoalPlanner if flat else Planner)(task, planner, arms, seed, worker),
            (FlatController if flat else Controller)(task, controller, arms, seed, worker))


class FlatFeatures(PlannerFeatures):
    """The planner's inputs, for goals that come as subgoals: (B, 3) or (B, 4), of which three count."""

    def __call__(self, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return super().__call__(observation, goal[..., :3])


class FlatController(Controller):
    """Answers the goal of every state of a round with commands."""

    config: FlatLevelConfig

    def __init__(self, task: Task, config: FlatLevelConfig, arms: int, seed: int, worker: int = 0):
        super().__init__(task, config, arms, seed, worker)
        self.turned = config.axes == 'goal' and task.has_object
        self.exploiting = np.arange(arms) < round(config.exploiting_share * arms)

    def begin(self, round: int, weights: Weights, statistics: Statistics, explore: bool):
        """Start a round, as a Controller does; exploiting arms act with the averaged weights."""
        super().begin(round, weights, statistics, explore)
        self.averaged = Policy(weights, AVERAGED, *self._sizes(), self.config.actor_layer_norm)

    def _sizes(self) -> tuple[int, int]:
        return PlannerFeatures.size(self.task, self.config), ACTIONS

    def _features(self, normalization: Normalization) -> FlatFeatures:
        return FlatFeatures(self.task, normalization, self.config)

    def _aim(self, state: ArmState, subgoals: Subgoals) -> np.ndarray:
        return subgoals.value

    def _explored(self, state: ArmState, action: np.ndarray) -> np.ndarray:
        """As a planner explores: some arms act with the averaged actor and keep a share of the exploration."""
        config, some = self.config, self.exploiting
        rng = generator(self.seed, 'controller_exploration', self.worker, state.id.round, state.id.step)
        share = self.exploration * np.where(some, config.exploiting_exploration, 1.0)
        if some.any() and not self.untrained:
            inputs = self.features(state.observation, state.desired_goal)
            action = np.where(some[:, None], self.averaged(inputs), action)
        random_share = 1.0 if self.untrained else config.random_share * share
        return exploration.disturbed(action, rng, config.noise * share, random_share)

    def _command(self, state: ArmState, subgoals: Subgoals, action: np.ndarray) -> np.ndarray:
        value = action.copy()
        if self.turned:      # its axes are the planner's
            value[:, :3] = frame.out_of(action[:, :3], frame.heading(state.observation, state.desired_goal))
        return np.clip(value, -1.0, 1.0)

