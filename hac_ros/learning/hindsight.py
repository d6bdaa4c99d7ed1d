"""From recorded episodes to training samples: hindsight goals, hindsight actions, subgoal testing.

Sources: HAC, arXiv:1712.00948 (hindsight action and goal transitions, subgoal testing); HER, arXiv:1707.01495
("future"). Departures are listed in docs/algorithm.md: windows that slide over the steps of an episode, windows
that start inside of an attempt, goals at the present position, least share of unsatisfied goals.
"""
from dataclasses import dataclass

import numpy as np

from hac_ros import spaces
from hac_ros.config import ControllerConfig, FlatLevelConfig, PlannerConfig
from hac_ros.learning.subgoal_action import SubgoalAction


@dataclass
class Sample:
    """Raw training samples, arrays of B rows."""

    observation: np.ndarray
    following: np.ndarray       # observation when the decision has ended
    goal: np.ndarray            # of the level: (B, 3) or (B, 4)
    action: np.ndarray
    reward: np.ndarray
    discount: np.ndarray
    left: np.ndarray            # share of a whole decision that its steps fall short of, 0 .. 1


def future(rng: np.random.Generator, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return uniform step numbers (B,) within first .. last, both included."""
    return first + (rng.random(len(first)) * (last - first + 1)).astype(np.int64)


# Controller -------------------------------------------------------------------------------------------------

def controller_sample(data, rows: np.ndarray, count: int, config: ControllerConfig, locked: bool, actions: int,
                      rng: np.random.Generator) -> Sample:
    """Return ``count`` samples of single control steps: reward -1 unless the next state is at the subgoal.

    data: the replay's arrays; rows: those that may be used. Being there does not end the sample: the controller
    shall stay.
    """
    steps = data['subgoal'].shape[1]
    row, t = rng.choice(rows, count), rng.integers(0, steps, count)
    observation, following = data['observation'][row, t], data['observation'][row, t + 1]
    goal = _controller_goals(data, row, t, observation, config, rng)
    difference = np.abs(spaces.achieved_subgoal(following) - goal)
    tolerance = config.strictness * data['tolerance'][row, t]
    hit = np.linalg.norm(difference[:, :3], axis=1) <= tolerance[:, 0]
    if actions > 3 and not locked:   # a servo's opening is not the policy's to answer for
        hit &= difference[:, 3] <= tolerance[:, 1]
    return Sample(observation, following, goal, data['action'][row, t, :actions], np.where(hit, 0.0, -1.0),
                  np.full(count, config.gamma), np.zeros(count))


def _controller_goals(data, row, t, observation, config: ControllerConfig, rng) -> np.ndarray:
    steps = data['subgoal'].shape[1]
    goal = data['subgoal'][row, t]
    later = future(rng, t + 1, np.minimum(t + config.window, steps))
    kind = rng.random(len(t))
    hindsight = kind < config.future_share
    achieved = spaces.achieved_subgoal(data['observation'][row, later])
    elsewhere = (kind >= config.future_share) & (kind < config.future_share + config.elsewhere_share)
    around = spaces.gripper_position(observation) + rng.uniform(-config.elsewhere, config.elsewhere, (len(t), 3))
    goal = np.where(hindsight[:, None], achieved, goal)
    goal[elsewhere, :3] = around[elsewhere]
    return goal


# Flat policy ------------------------------------------------------------------------------------------------

def flat_sample(data, rows: np.ndarray, count: int, config: FlatLevelConfig, rng: np.random.Generator) -> Sample:
    """Return ``count`` samples of single control steps: reward -1 unless the object is at the goal after it.

    HER's "future": a goal is the episode's own or, in ``future_share`` of the samples, one achieved after the step. Steps that
    lose the object are learnt as a planner's decisions that do (``planner_sample``).
    """
    row = _episodes(data, rows, count, config, rng)
    usable = data['usable'][row].astype(np.int64)
    t = _starts(data, row, config, rng)
    observation, following = data['observation'][row, t], data['observation'][row, t + 1]
    achieved = spaces.object_position(data['observation'][row, future(rng, t + 1, np.maximum(t + 1, usable))])
    kind = rng.random(count)
    hindsight = _with_own_goals_where_lost(kind < config.future_share, data, row, t + 1, config)
    goal = np.where(hindsight[:, None], achieved, data['subgoal'][row, t, :3])
    goal = _missed_goals(goal, kind, data, row, config, rng)
    satisfied = _at(spaces.object_position(following), goal, config.goal_tolerance)
    reward, discount = np.where(satisfied, 0.0, -1.0), np.full(count, config.gamma)
    worst = _lost(data, rows, row, t + 1, config, rng)
    reward[worst], discount[worst] = -1.0 / (1.0 - config.gamma), 0.0
    return Sample(observation, following, goal, data['action'][row, t], reward, discount, np.zeros(count))


# Planner ----------------------------------------------------------------------------------------------------

@dataclass
class Windows:
    """Where samples lie: episode row, first step, step after the last, which is the goal's source; (B,) each."""

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    hindsight: np.ndarray       # bool: the action is replaced by what was reached
    goal: np.ndarray            # (B, 3)

    def __getitem__(self, i) -> 'Windows':
        return Windows(*(getattr(self, name)[i] for name in self.__dataclass_fields__))


def planner_sample(data, rows: np.ndarray, count: int, config: PlannerConfig, geometry: SubgoalAction,
                   rng: np.random.Generator) -> Sample:
    """Return ``count`` samples of decisions that last one to ``horizon`` steps.

    A decision of h steps has discount g ** (h / horizon) and, if the goal is not reached at its end, reward
    -(1 - discount) / (1 - gamma): the worst value is -1 / (1 - gamma) for any length, and for any g, the present
    discount (``config.gamma_after``), so that critics need not learn another unit when it rises.
    """
    windows = _unsatisfied(_windows(data, rows, 2 * count, config, rng), data, count, config, rng)
    row, start, end = windows.row, windows.start, windows.end
    observation, following = data['observation'][row, start], data['observation'][row, end]
    reached = spaces.gripper_position(following)
    position = np.where(windows.hindsight[:, None], reached, data['subgoal'][row, start, :3])
    action = geometry.action(observation, position, data['action'][row, start, 3], windows.goal)
    discount = config.gamma_after(_steps(data, rows)) ** ((end - start) / config.horizon)
    satisfied = _at(data['achieved_goal'][row, end], windows.goal, config.goal_tolerance)
    reward = np.where(satisfied, 0.0, -(1.0 - discount) / (1.0 - config.gamma))
    worst = _missed_tests(data, windows, config) & (rng.random(count) < config.testing_penalty)
    worst |= _lost(data, rows, row, end, config, rng)
    reward[worst], discount[worst] = -1.0 / (1.0 - config.gamma), 0.0
    return Sample(observation, following, windows.goal, action, reward, discount, 1.0 - (end - start) / config.horizon)


def _steps(data, rows: np.ndarray) -> int:
    return len(rows) * data['action'].shape[1]


def _windows(data, rows, count: int, config: PlannerConfig, rng) -> Windows:
    row = _episodes(data, rows, count, config, rng)
    start = _starts(data, row, config, rng)
    left = config.hindsight_after(_steps(data, rows))
    sliding = rng.random(count) < left * config.sliding_share
    inside = rng.random(count) < config.inside_share
    hindsight = sliding | (rng.random(count) < left * config.hindsight_share)
    start = np.where(sliding | inside, start, data['first'][row, start].astype(np.int64))
    end = np.where(sliding, data['held'][row, start], data['end'][row, start]).astype(np.int64)
    return Windows(row, start, end, hindsight, _planner_goals(data, row, start, end, config, rng))


def _episodes(data, rows, count: int, config: PlannerConfig, rng) -> np.ndarray:
    row, kind = rng.choice(rows, count), rng.random(count)
    low = 0.0
    for name, share in (('moved', config.moved_share), ('lifted', config.lifted_share)):
        some = rows[data[name][rows] > 0] if share > 0 else rows[:0]
        chosen = (kind >= low) & (kind < low + share)
        if len(some):
            row[chosen] = rng.choice(some, chosen.sum())
        low += share
    return row


def _starts(data, row: np.ndarray, config: PlannerConfig, rng) -> np.ndarray:
    """Return steps (B,) of these episodes, in some samples one of those with the gripper beside the object, if any."""
    start = (rng.random(len(row)) * data['usable'][row]).astype(np.int64)
    if config.beside_share > 0:
        count = data['beside'][row]         # of such steps, up to and with each
        chosen = np.flatnonzero((rng.random(len(row)) < config.beside_share) & (count[:, -1] > 0))
        number = np.floor(rng.random(len(chosen)) * count[chosen, -1])
        start[chosen] = (count[chosen] <= number[:, None]).sum(axis=1)
    return start


def _planner_goals(data, row, start, end, config: PlannerConfig, rng) -> np.ndarray:
    later = future(rng, end, np.maximum(end, data['usable'][row].astype(np.int64)))
    achieved, present = data['achieved_goal'][row, later], data['achieved_goal'][row, start]
    near = present + rng.uniform(-config.stay_noise, config.stay_noise, present.shape)
    kind = rng.random(len(row))
    hindsight = _with_own_goals_where_lost(kind < config.future_share, data, row, end, config)
    goal = np.where(hindsight[:, None], achieved, data['desired_goal'][row])
    goal = _missed_goals(goal, kind, data, row, config, rng)
    return np.where((kind >= 1.0 - config.stay_share)[:, None], near, goal)


def _with_own_goals_where_lost(hindsight, data, row, end, config: PlannerConfig) -> np.ndarray:
    """Return ``hindsight`` (B,) without those whose object has been lost by step ``end``: what it reaches is nobody's goal."""
    return hindsight & (end < data['lost'][row]) if config.fallen_penalty > 0 else hindsight


def _lost(data, rows, row, end, config: PlannerConfig, rng) -> np.ndarray:
    """Return which samples (B,) are to be learnt as the worst value, since their object has been lost by step ``end``."""
    if not config.fallen_penalty > 0:
        return np.zeros(len(row), bool)
    penalty = config.fallen_penalty_after(_steps(data, rows))
    return (end >= data['lost'][row]) & (rng.random(len(row)) < penalty)


def _missed_goals(goal, kind, data, row, config: PlannerConfig, rng) -> np.ndarray:
    """Return goals (B, 3), those of ``kind`` next to the future ones put beside what the episode has achieved last.

    What lies a little beyond what was reached is nobody's goal otherwise: HER's are reached by construction, an episode's own
    mostly lie far off. Critics that never see such misses expect too much of them (the bias of hindsight, arXiv:1809.02070),
    and what is thrown falls short.
    """
    chosen = np.flatnonzero((kind >= config.future_share) & (kind < config.future_share + config.miss_share))
    last = spaces.object_position(data['observation'][row[chosen], data['usable'][row[chosen]].astype(np.int64)])
    last[:, :2] += config.miss_spread * rng.standard_normal((len(chosen), 2))
    goal[chosen] = last
    return goal


def _unsatisfied(windows: Windows, data, count: int, config: PlannerConfig, rng) -> Windows:
    """Keep ``count`` of the candidates, shuffled, dropping satisfied ones beyond the share that is allowed."""
    present = data['achieved_goal'][windows.row, windows.start]
    satisfied = _at(present, windows.goal, config.goal_tolerance)
    allowed = int((1.0 - config.unsatisfied_share) * count)
    dropped = satisfied & (np.cumsum(satisfied) > allowed)
    chosen = np.argsort(dropped, kind='stable')[:count]
    return windows[rng.permutation(chosen)]


def _missed_tests(data, windows: Windows, config: PlannerConfig) -> np.ndarray:
    """Return where a whole tested attempt ended without reaching its subgoal.

    Only the position is judged: fingers that hold an object cannot reach their opening. What is as short as an exploiting arm's
    attempt is one, unless the episode's end cut it.
    """
    row, start, end = windows.row, windows.start, windows.end
    length, steps = end - start, data['first'].shape[1]
    lasted = (length == config.horizon) | ((length == (config.exploiting_horizon or config.horizon)) & (end < steps))
    whole = (data['first'][row, start] == start) & (data['end'][row, start] == end) & lasted
    tested = (data['testing'][row, start] > 0) & ~windows.hindsight & whole
    gripper = spaces.gripper_position(data['observation'][row, end])
    subgoal = data['subgoal'][row, start, :3]
    return tested & (np.linalg.norm(gripper - subgoal, axis=1) > data['tolerance'][row, start, 0])


def _at(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1) <= tolerance
