"""What differs between the two levels' learners: what is kept, how it is sampled, what is measured."""
from typing import Protocol

import numpy as np

from hac_ros import records, spaces
from hac_ros.config import ControllerConfig, FlatLevelConfig, LevelConfig, PlannerConfig
from hac_ros.learning import attempts, hindsight
from hac_ros.learning.controller import action_size
from hac_ros.learning.features import FINE, ControllerFeatures, PlannerFeatures
from hac_ros.learning.flat import FlatFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.subgoal_action import SIZE, SubgoalAction
from hac_ros.learning.symmetry import Symmetry
from hac_ros.records import Episodes
from hac_ros.tasks import Task

MOVED = 0.03        # [m] from its start: the object counts as moved
LIFTED = 0.03       # [m] above its start: the object counts as lifted ..
NEAR = 0.05         # [m] .. while it is within this of the gripper
BESIDE = 0.15       # [m] from the object: the gripper counts as beside it
DIFFERENCE = 0.1    # [m] a unit of the differences between subgoal and gripper or goal
FALLEN = 0.05       # [m] below the workspace: the object counts as fallen
HELD_CHANGE = 0.3   # share of its range by which the fourth value may change within a window


class Level(Protocol):
    """One level of the hierarchy, as its learner needs it."""

    config: LevelConfig
    name: str
    number: int
    inputs: int
    actions: int
    lowest: float
    action_map: np.ndarray      # (actions, M): critics see context + action @ action_map

    def fields(self) -> dict[str, tuple[int, ...]]:
        """Return the replay's arrays: name -> shape of one episode."""

    def rows(self, episodes: Episodes) -> dict[str, np.ndarray]:
        """Return these arrays (N, ...) for a round."""

    def sample(self, data, rows, count, rng) -> hindsight.Sample:
        """Return raw samples."""

    def features(self, normalization: Normalization):
        """Return the function of (observation, goal) that makes network inputs."""

    def context(self, observation: np.ndarray, goal: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        """Return (B, M), what the mapped action is added to, for raw observations (B, O) and goals.

        left: (B,) share of a whole decision that its steps fall short of; None: whole decisions.
        """

    def starts(self, data, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return observation and goal at the start of the episodes ``rows`` of the replay's arrays."""

    def measure(self, episodes: Episodes) -> dict[str, float]:
        """Return the metrics of a round."""


class ControllerLevel:
    """The low level."""

    name, number = 'controller', records.CONTROLLER

    def __init__(self, task: Task, config: ControllerConfig):
        self.task, self.config = task, config
        self.inputs, self.actions = ControllerFeatures.size(task), action_size(config)
        self.lowest, self.action_map = -1.0 / (1.0 - config.gamma), np.eye(self.actions)
        self.symmetry = Symmetry(task)

    def fields(self) -> dict[str, tuple[int, ...]]:
        steps = self.task.steps
        return {'observation': (steps + 1, self.task.observation.size), 'subgoal': (steps, spaces.SUBGOAL.size),
                'tolerance': (steps, 2), 'action': (steps, spaces.COMMAND.size)}

    def rows(self, episodes: Episodes) -> dict[str, np.ndarray]:
        return {name: getattr(episodes, name).swapaxes(0, 1) for name in self.fields()}

    def sample(self, data, rows, count, rng) -> hindsight.Sample:
        sample = hindsight.controller_sample(
            data, rows, count, self.config, self.task.gripper_locked, self.actions, rng)
        return self.symmetry.mirrored(sample, self.config.mirrored_share, rng)

    def features(self, normalization: Normalization) -> ControllerFeatures:
        return ControllerFeatures(self.task, normalization)

    def context(self, observation: np.ndarray, goal: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        return np.zeros((len(observation), self.actions), dtype=np.float32)

    def starts(self, data, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return data['observation'][rows, 0], data['subgoal'][rows, 0]

    def returns(self, episodes: Episodes) -> np.ndarray:
        """Return (2, N) the least and the most that the first attempt of each episode returned, as the critics count.

        They count misses for ever, an attempt ends after a few steps. A subgoal that is reached then is taken to be
        held: both are the same. Else it is missed for ever, or held from the next step on.
        """
        servo = self.task.gripper_locked or self.actions <= 3      # whose opening is not the policy's to answer for
        near, strict = (attempts.reached(episodes.observation[1:], episodes.subgoal, share * episodes.tolerance, servo)
                        for share in (1.0, self.config.strictness))
        first = episodes.attempt == episodes.attempt[:1]
        length, gamma = first.sum(axis=0), self.config.gamma
        held = near & first & (first.cumsum(axis=0) == length)     # at its last step
        most = -((first & ~strict & ~held) * gamma ** np.arange(episodes.steps)[:, None]).sum(axis=0)
        return np.array([most - np.where(held.any(axis=0), 0.0, gamma ** length / (1.0 - gamma)), most])

    def measure(self, episodes: Episodes) -> dict[str, float]:
        hit = attempts.reached(episodes.observation[1:], episodes.subgoal, episodes.tolerance, self.task.gripper_locked)
        number = episodes.attempt.astype(np.int64)
        last = np.pad(np.diff(number, axis=0) != 0, ((0, 1), (0, 0)), constant_values=True)
        ended = last & (hit | (episodes.steps_left <= 1))   # not those that the episode cut short
        return {'controller/accuracy': float(hit[ended].mean()) if ended.any() else float('nan'),
                'controller/mean_reward': float(hit.mean() - 1.0)}


def object_marks(episodes: Episodes, task: Task, config: PlannerConfig) -> dict[str, np.ndarray]:
    """Return what became of the object in each episode (N,): moved, lifted, lost, and how many steps are usable.

    lost: the step at which it has fallen for good, T + 1 for none. Starts before it only are replayed, and decisions
    that lead there have the worst value. beside (N, T), where asked for: how many usable steps up to and with this one
    begin with the gripper beside the object.
    """
    goal = episodes.achieved_goal.swapaxes(0, 1)
    moved = np.linalg.norm(goal - goal[:, :1], axis=-1).max(axis=1) > MOVED
    gripper = spaces.gripper_position(episodes.observation.swapaxes(0, 1))
    away = np.linalg.norm(goal - gripper, axis=-1)
    lifted = ((goal[..., 2] > goal[:, :1, 2] + LIFTED) & (away < NEAR)).sum(axis=1) > 1   # more than a bounce
    fallen, never = (goal[..., 2] < task.workspace.low[2] - FALLEN) & config.skip_fallen, task.steps + 1
    lost = np.where(fallen.any(axis=1), fallen.argmax(axis=1), never)
    marks = {'moved': moved, 'lifted': lifted, 'lost': lost, 'usable': np.clip(lost, 1, task.steps)}
    if config.beside_share > 0:
        beside = (away[:, :-1] < BESIDE) & (np.arange(task.steps) < marks['usable'][:, None])
        marks['beside'] = beside.cumsum(axis=1)
    return marks


def mark_fields(task: Task, config: PlannerConfig) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of one episode of what ``object_marks`` returns."""
    shapes = {'moved': (), 'lifted': (), 'usable': (), 'lost': ()}
    return shapes | {'beside': (task.steps,)} if config.beside_share > 0 else shapes


class FlatLevel(ControllerLevel):
    """The one level of a flat policy, in the controller's place: see ``flat.py``."""

    def __init__(self, task: Task, config: FlatLevelConfig):
        self.task, self.config = task, config
        self.inputs, self.actions = FlatFeatures.size(task, config), spaces.COMMAND.size
        self.lowest, self.action_map = -1.0 / (1.0 - config.gamma), np.eye(self.actions)
        self.symmetry, self.geometry = Symmetry(task), SubgoalAction(task, config)

    def fields(self) -> dict[str, tuple[int, ...]]:
        return super().fields() | mark_fields(self.task, self.config)

    def rows(self, episodes: Episodes) -> dict[str, np.ndarray]:
        rows = {name: getattr(episodes, name).swapaxes(0, 1) for name in super().fields()}
        return rows | object_marks(episodes, self.task, self.config)

    def sample(self, data, rows, count, rng) -> hindsight.Sample:
        sample = hindsight.flat_sample(data, rows, count, self.config, rng)
        sample.action[:, :3] = self.geometry.seen(sample.action[:, :3], sample.observation, sample.goal)
        return self.symmetry.mirrored(sample, self.config.mirrored_share, rng)

    def features(self, normalization: Normalization) -> FlatFeatures:
        return FlatFeatures(self.task, normalization, self.config)

    def starts(self, data, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return data['observation'][rows, 0], data['subgoal'][rows, 0, :3]

    def returns(self, episodes: Episodes) -> np.ndarray:
        """Return (2, N) NaN: there are no attempts."""
        return np.full((2, episodes.arms), np.nan)

    def measure(self, episodes: Episodes) -> dict[str, float]:
        return {'controller/accuracy': float('nan'),      # there are no subgoals to be reached
                'controller/mean_reward': float(episodes.success[1:].mean() - 1.0)}


class PlannerLevel:
    """The high level."""

    name, number = 'planner', records.PLANNER

    def __init__(self, task: Task, config: PlannerConfig):
        self.task, self.config, self.geometry = task, config, SubgoalAction(task, config)
        self.inputs, self.actions = PlannerFeatures.size(task, config), SIZE
        self.symmetry = Symmetry(task)
        self.lowest = -1.0 / (1.0 - config.gamma)
        # Subgoals a tolerance apart must look different to the critics.
        gain = np.diag(np.append(self.geometry.reach / (FINE * config.position_tolerance), 1.0))
        differences = np.zeros((SIZE, 6 if config.critic_differences else 0))
        if config.critic_differences:
            differences[:3] = np.tile(np.diag(self.geometry.reach / DIFFERENCE), 2)
        duration = np.zeros((SIZE, int(config.critic_duration)))
        self.action_map = np.concatenate([gain, differences, duration], axis=1)

    def fields(self) -> dict[str, tuple[int, ...]]:
        steps = self.task.steps
        return {'observation': (steps + 1, self.task.observation.size), 'achieved_goal': (steps + 1, 3),
                'desired_goal': (3,), 'subgoal': (steps, spaces.SUBGOAL.size), 'tolerance': (steps, 2),
                'testing': (steps,), 'action': (steps, SIZE), 'first': (steps,), 'end': (steps,), 'held': (steps,),
                **mark_fields(self.task, self.config)}

    def rows(self, episodes: Episodes) -> dict[str, np.ndarray]:
        rows = {name: getattr(episodes, name).swapaxes(0, 1)
                for name in ('observation', 'achieved_goal', 'subgoal', 'tolerance', 'testing', 'action', 'attempt')}
        first, end = attempts.bounds(rows.pop('attempt'))
        held = attempts.held_until(self.geometry.held_value(rows['action']), HELD_CHANGE, self.config.horizon)
        return rows | {'desired_goal': episodes.desired_goal, 'first': first, 'end': end, 'held': held,
                       **object_marks(episodes, self.task, self.config)}

    def sample(self, data, rows, count, rng) -> hindsight.Sample:
        sample = hindsight.planner_sample(data, rows, count, self.config, self.geometry, rng)
        return self.symmetry.mirrored(sample, self.config.mirrored_share, rng)

    def features(self, normalization: Normalization) -> PlannerFeatures:
        return PlannerFeatures(self.task, normalization, self.config)

    def context(self, observation: np.ndarray, goal: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        parts = [np.zeros((len(observation), SIZE))]
        if self.config.critic_differences:
            centre = self.geometry.centre(observation)
            parts += [self.geometry.seen(centre - other, observation, goal) / DIFFERENCE
                      for other in (spaces.gripper_position(observation), goal)]
        if self.config.critic_duration:
            parts.append(np.zeros((len(observation), 1)) if left is None else left[:, None])
        return np.concatenate(parts, axis=1, dtype=np.float32, casting='same_kind')

    def starts(self, data, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return data['observation'][rows, 0], data['desired_goal'][rows]

    def returns(self, episodes: Episodes, updates: int = 0) -> np.ndarray:
        """Return (N,) the discounted return of each episode, in the unit of the critics: -1 / (1 - gamma) .. 0.

        updates: gradient steps that the critics have made, by which the discount is the one that they learn with. The
        last step's reward is taken to last for ever: a goal that is held, or never reached, counts as such.
        """
        missed = np.linalg.norm(episodes.achieved_goal[1:] - episodes.desired_goal, axis=-1) > self.config.goal_tolerance
        gamma = self.config.gamma_after(self.config.steps_after(updates))
        share = gamma ** (np.arange(episodes.steps + 1) / self.config.horizon)
        weight = np.append(-np.diff(share)[:-1], share[-2])     # of each step; of the last with all that follows
        return -(missed * weight[:, None]).sum(axis=0) / (1.0 - self.config.gamma)

    def measure(self, episodes: Episodes) -> dict[str, float]:
        marks = object_marks(episodes, self.task, self.config)
        return {'planner/success': float(episodes.success[-1].mean()),
                'planner/mean_reward': float(episodes.success[1:].mean() - 1.0),
                'planner/object_moved': float(marks['moved'].mean()),
                'planner/out_of_reach': self.out_of_reach(episodes)}

    def out_of_reach(self, episodes: Episodes) -> float:
        """Return the share of the proposed subgoals that no controller could reach in an attempt of full length."""
        proposed = np.diff(episodes.attempt.astype(np.int64), axis=0, prepend=-1) != 0
        away = np.abs(episodes.subgoal[..., :3] - spaces.gripper_position(episodes.observation[:-1])).max(axis=-1)
        farthest = self.task.stride * self.config.horizon + self.config.position_tolerance
        return float((away[proposed] > farthest).mean())


def of_number(number: int, task: Task, config: LevelConfig) -> Level:
    """Return the level records.CONTROLLER or records.PLANNER; raises ValueError for others."""
    kinds = {records.CONTROLLER: (ControllerLevel, ControllerConfig), records.PLANNER: (PlannerLevel, PlannerConfig)}
    if number == records.CONTROLLER and isinstance(config, FlatLevelConfig):
        return FlatLevel(task, config)
    if number not in kinds:
        raise ValueError(f'unknown level {number}; known are {records.LEVELS}')
    kind, wanted = kinds[number]
    if not isinstance(config, wanted):
        raise ValueError(f'{records.LEVELS[number]} wants a {wanted.__name__}, a {type(config).__name__} came')
    return kind(task, config)
