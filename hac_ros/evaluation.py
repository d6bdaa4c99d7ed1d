"""How good a policy is: deterministic episodes with frozen statistics, and the low level on its fixed probes."""
import dataclasses
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from hac_ros import probes, proposals, tasks
from hac_ros.config import ControllerConfig, FetchConfig, FlatLevelConfig, PlannerConfig, RandomizationConfig
from hac_ros.learning.bundle import Bundle, level_config, level_configs, read_bundle
from hac_ros.learning.flat import actors
from hac_ros.learning.level import ControllerLevel, PlannerLevel, of_number
from hac_ros.learning.stand_ins import GoalPlanner, RandomPlanner
from hac_ros.metrics_table import fit_for_json
from hac_ros.proposals import Proposals
from hac_ros.records import CONTROLLER, Statistics, Weights
from hac_ros.rollout import Round, run_round
from hac_ros.simulation.simulation import Simulation
from hac_ros.tasks import Task


STAND_INS = {'goal_as_subgoal': GoalPlanner, 'random_subgoals': RandomPlanner}
STAND_IN_EPISODES = 50      # of each: enough to tell a hierarchy that gains from one that does not
CONFIRMATION = 1_000_000    # first round of the fresh episodes that confirm a bar: no evaluation comes so far


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found. Equal for equal seeds, but for seconds and steps_per_s."""

    success_rate: float            # share of episodes with FetchEnv's is_success at their last step
    episodes: int
    mean_final_distance: float     # [m] of achieved and desired goal at the last step
    mean_episode_reward: float     # sum over the steps of an episode
    return_start: float            # discounted as the planner's critics do, from the start: compare with planner/q_start
    controller_return_low: float   # as the controller's critics count, of first attempts, from their start: at least ..
    controller_return_high: float  # .. and at most: how those go on that missed is not known; NaN of a flat policy
    controller_accuracy: float     # share of subgoal attempts that were reached; NaN if none ended
    probe_accuracy: float          # share of the fixed probes reached (hac_ros/probes.py); NaN if not asked for
    subgoal_diversity: float       # [m] std of the proposed subgoals' positions, mean of x, y, z
    action_diversity: float        # std of the planner's actions (-1 .. 1), mean of x, y, z; 0: whatever the state
    out_of_reach: float            # share of the subgoals that are too far for an attempt of full length
    goal_as_subgoal: float         # success with every subgoal the goal itself; NaN if not asked for
    random_subgoals: float         # success with subgoals drawn within reach of the gripper; NaN if not asked for
    object_moved: float            # share of episodes whose object (without one: gripper) ended elsewhere
    steps: int                     # control steps of these episodes
    seconds: float                 # wall clock
    steps_per_s: float


class Evaluator:
    """Evaluates weights on a simulation of its own, again and again.

    ``arms`` episodes run as one batch. An episode is a function of ``seed``, its round and its arm: pass another
    ``first_round`` to get fresh ones. ``with_probes`` adds the low level's accuracy on the probes.
    proposals: the subgoals of the newest evaluation, None before the first.
    """

    def __init__(self, task: Task, planner: PlannerConfig, controller: ControllerConfig | FlatLevelConfig, arms: int,
                 seed: int, control: str = 'mocap', threads: int = 1, with_probes: bool = True, fetch: FetchConfig = FetchConfig(),
                 randomization: RandomizationConfig = RandomizationConfig()):
        self.task = task
        self.simulation = Simulation(task, arms, seed, threads=threads, purpose='evaluation', control=control,
                                     fetch=fetch, randomization=randomization)
        self.planner, self.controller = actors(task, planner, controller, arms, seed)
        self.levels = PlannerLevel(task, planner), of_number(CONTROLLER, task, controller)
        self.is_flat = isinstance(controller, FlatLevelConfig)     # nobody proposes subgoals
        # The probes were drawn for FetchEnv's speed: in control mode fetch there are none. Nor has a flat policy any.
        probed = with_probes and control == 'mocap' and not self.is_flat
        self.probe_arms = probes.simulation(task) if probed else None
        _, self.probe_controller = actors(task, planner, controller, probes.PROBES, seed)
        self.proposals: Proposals | None = None

    def evaluate(self, planner: Weights, controller: Weights, statistics: Statistics, episodes: int,
                 first_round: int = 0, aborted: Callable[[], bool] = lambda: False) -> EvaluationReport | None:
        """Run ``episodes`` episodes, from the rounds first_round, first_round + 1 ...; the averaged actors act.

        ``aborted`` is asked before each round: if it says so the evaluation ends and None is returned. Where
        ``episodes`` is no multiple of the arms, the last round's surplus is not counted. Raises ValueError for
        episodes < 1, or weights that do not fit task, settings or statistics.
        """
        if episodes < 1:
            raise ValueError(f'episodes: {episodes} came, at least 1 is wanted')
        began, arms = time.perf_counter(), self.simulation.arms
        found = []
        for number in range(-(-episodes // arms)):
            if aborted():
                return None
            round_ = run_round(self.simulation, self.planner, self.controller, first_round + number,
                               (planner, controller), statistics, explore=False)
            found.append(_measured(round_, min(arms, episodes - number * arms), *self.levels, planner.updates))
        probe_accuracy = float('nan')
        if self.probe_arms is not None:
            probe_accuracy = probes.accuracy(self.probe_arms, self.probe_controller, controller, statistics)
        self.proposals = proposals.joined([each.proposals for each in found])
        # A flat policy has no subgoals: what stands in their place is no attempt.
        accuracy = float('nan') if self.is_flat else _accuracy(self.proposals)
        return _report(found, self.proposals, accuracy, probe_accuracy, episodes * self.task.steps, time.perf_counter() - began)

    def stand_ins(self, planner: Weights, controller: Weights, statistics: Statistics, episodes: int,
                  first_round: int = 0) -> dict[str, float]:
        """Return the success with something else in the planner's place: what the hierarchy must do better than.

        As the fields of EvaluationReport; NaN of a flat policy, which has no planner.
        """
        found = dict.fromkeys(STAND_INS, float('nan'))
        if self.is_flat:
            return found
        arms = self.simulation.arms
        for name, kind in STAND_INS.items():
            stand_in = kind(self.task, self.planner.config, arms, self.planner.seed)
            rounds = [run_round(self.simulation, stand_in, self.controller, first_round + number,
                                (planner, controller), statistics, explore=False)
                      for number in range(-(-episodes // arms))]
            success = np.concatenate([each.planner.success[-1] for each in rounds])
            found[name] = float(success[:episodes].mean())
        return found

    def close(self):
        """End the threads of the simulation."""
        self.simulation.close()


def evaluate(bundle: Bundle, episodes: int, seed: int, arms: int = 25, threads: int = 1) -> EvaluationReport:
    """Evaluate a bundle in the simulation of its task and control mode, and what may stand in its planner's place.

    Raises ValueError as Evaluator does.
    """
    arms = min(arms, max(episodes, 1))
    planner, controller = level_configs(bundle)
    evaluator = Evaluator(tasks.by_name(bundle.task, bundle.control), planner, controller, arms=arms, seed=seed, control=bundle.control,
                          threads=threads, **robot_configs(bundle))
    try:
        trained = bundle.planner, bundle.controller, bundle.statistics
        report = evaluator.evaluate(*trained, episodes)
        return dataclasses.replace(report, **evaluator.stand_ins(*trained, min(episodes, STAND_IN_EPISODES)))
    finally:
        evaluator.close()


def robot_configs(bundle: Bundle) -> dict[str, FetchConfig | RandomizationConfig]:
    """Return the settings, fetch and randomization, of the robot that a bundle was trained for: Simulation takes them."""
    kinds = {'fetch': FetchConfig, 'randomization': RandomizationConfig}
    return {name: level_config(kind, bundle.settings.get(name, {})) for name, kind in kinds.items()}


def evaluate_bundle(path, task: str, episodes: int = 100, seed: int = 0, arms: int = 25) -> dict:
    """Return the evaluation of the bundle at ``path`` as values fit for JSON (NaN is None).

    Raises BundleRefused if it is damaged or of another task.
    """
    bundle = read_bundle(path, tasks.by_name(task).name)
    report = asdict(evaluate(bundle, episodes, seed, arms))
    return {'task': task, 'control': bundle.control, 'seed': seed, 'arms': min(arms, episodes), 'bundle': bundle.hash,
            **fit_for_json(report)}


def bundle_report(report: EvaluationReport, confirmed: float, round: int, seed: int) -> dict:
    """Return what a bundle says of its weights, those of ``round``; ``confirmed``: success of fresh episodes, NaN if there were none."""
    return fit_for_json({**asdict(report), 'confirmed': confirmed, 'round': round, 'seed': seed})


@dataclass(frozen=True)
class _Measured:
    """One round's counted episodes."""

    success: np.ndarray     # (N,)
    distance: np.ndarray    # (N,) [m]
    reward: np.ndarray      # (N,)
    returns: np.ndarray     # (N,)
    attempt_returns: np.ndarray     # (N, 2) least and most
    proposals: Proposals
    out_of_reach: float     # share of these proposals


def _measured(round_: Round, count: int, high: PlannerLevel, low: ControllerLevel, updates: int) -> _Measured:
    planner = round_.planner
    counted = {name: getattr(planner, name)[:, :count] for name in ('observation', 'subgoal', 'attempt')}
    distance = np.linalg.norm(planner.achieved_goal[-1] - planner.desired_goal, axis=-1)
    return _Measured(planner.success[-1, :count], distance[:count], round_.reward[1:, :count].sum(axis=0),
                     high.returns(planner, updates)[:count], low.returns(round_.controller).T[:count],
                     proposals.of_episodes(planner, count, low.task.gripper_locked),
                     high.out_of_reach(dataclasses.replace(planner, **counted)))


def _accuracy(proposed: Proposals) -> float:
    """Return the share of the attempts that were reached, without those that the episode cut short; NaN if none is left."""
    return float(proposed.hit[proposed.ended].mean()) if proposed.ended.any() else float('nan')


def _report(found: list[_Measured], proposed: Proposals, accuracy: float, probe_accuracy: float, steps: int,
            seconds: float) -> EvaluationReport:
    success, distance, reward, returns, of_attempts = (
        np.concatenate([getattr(m, name) for m in found])
        for name in ('success', 'distance', 'reward', 'returns', 'attempt_returns'))
    low, high = of_attempts.mean(axis=0)
    # A round counts by its attempts: some episodes hold more of them than others.
    beyond = np.average([m.out_of_reach for m in found], weights=[len(m.proposals.step) for m in found])
    return EvaluationReport(
        success_rate=float(success.mean()), episodes=len(success), mean_final_distance=float(distance.mean()),
        mean_episode_reward=float(reward.mean()), return_start=float(returns.mean()),
        controller_return_low=float(low), controller_return_high=float(high),
        controller_accuracy=accuracy, probe_accuracy=probe_accuracy,
        subgoal_diversity=float(proposed.subgoal[:, :3].std(axis=0).mean()),
        action_diversity=proposed.action_diversity, out_of_reach=float(beyond),
        goal_as_subgoal=float('nan'), random_subgoals=float('nan'),
        object_moved=proposed.moved, steps=steps, seconds=seconds,
        steps_per_s=steps / seconds)
