"""How good a policy is: deterministic episodes with frozen statistics, and the low level on its fixed probes."""
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from hac_ros import probes, proposals, tasks
from hac_ros.config import ControllerConfig, FetchConfig, PlannerConfig, RandomizationConfig
from hac_ros.learning.bundle import Bundle, level_config, read_bundle
from hac_ros.learning.controller import Controller
from hac_ros.learning.level import ControllerLevel, PlannerLevel
from hac_ros.learning.planner import Planner
from hac_ros.proposals import Proposals
from hac_ros.records import Statistics, Weights
from hac_ros.rollout import Round, run_round
from hac_ros.simulation.simulation import Simulation
from hac_ros.tasks import Task


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found. Equal for equal seeds, but for seconds and steps_per_s."""

    success_rate: float            # share of episodes with FetchEnv's is_success at their last step
    episodes: int
    mean_final_distance: float     # [m] of achieved and desired goal at the last step
    mean_episode_reward: float     # sum over the steps of an episode
    return_start: float            # discounted as the planner's critics do, from the start: compare with planner/q_start
    controller_accuracy: float     # share of subgoal attempts that were reached; NaN if none ended
    probe_accuracy: float          # share of the fixed probes reached (hac_ros/probes.py); NaN if not asked for
    subgoal_diversity: float       # [m] std of the proposed subgoals' positions, mean of x, y, z
    action_diversity: float        # std of the planner's actions (-1 .. 1), mean of x, y, z; 0: whatever the state
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

    def __init__(self, task: Task, planner: PlannerConfig, controller: ControllerConfig, arms: int, seed: int,
                 control: str = 'mocap', threads: int = 1, with_probes: bool = True, fetch: FetchConfig = FetchConfig(),
                 randomization: RandomizationConfig = RandomizationConfig()):
        self.task = task
        self.simulation = Simulation(task, arms, seed, threads=threads, purpose='evaluation', control=control,
                                     fetch=fetch, randomization=randomization)
        self.planner = Planner(task, planner, arms, seed)
        self.controller = Controller(task, controller, arms, seed)
        self.levels = PlannerLevel(task, planner), ControllerLevel(task, controller)
        # The probes were drawn for FetchEnv's speed: in control mode fetch there are none.
        self.probe_arms = probes.simulation(task) if with_probes and control == 'mocap' else None
        self.probe_controller = Controller(task, controller, probes.PROBES, seed)
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
            found.append(_measured(round_, min(arms, episodes - number * arms), *self.levels))
        probe_accuracy = float('nan')
        if self.probe_arms is not None:
            probe_accuracy = probes.accuracy(self.probe_arms, self.probe_controller, controller, statistics)
        self.proposals = proposals.joined([each.proposals for each in found])
        return _report(found, self.proposals, probe_accuracy, episodes * self.task.steps, time.perf_counter() - began)

    def close(self):
        """End the threads of the simulation."""
        self.simulation.close()


def evaluate(bundle: Bundle, episodes: int, seed: int, arms: int = 25, threads: int = 1) -> EvaluationReport:
    """Evaluate a bundle in the simulation of its task and control mode; raises ValueError as Evaluator does."""
    arms = min(arms, max(episodes, 1))
    kinds = {'planner': PlannerConfig, 'controller': ControllerConfig, 'fetch': FetchConfig,
             'randomization': RandomizationConfig}
    settings = {name: level_config(kind, bundle.settings.get(name, {})) for name, kind in kinds.items()}
    evaluator = Evaluator(tasks.by_name(bundle.task, bundle.control), arms=arms, seed=seed, control=bundle.control,
                          threads=threads, **settings)
    try:
        return evaluator.evaluate(bundle.planner, bundle.controller, bundle.statistics, episodes)
    finally:
        evaluator.close()


def evaluate_bundle(path, task: str, episodes: int = 100, seed: int = 0, arms: int = 25) -> dict:
    """Return the evaluation of the bundle at ``path`` as values fit for JSON (NaN is None).

    Raises BundleRefused if it is damaged or of another task.
    """
    bundle = read_bundle(path, tasks.by_name(task).name)
    report = asdict(evaluate(bundle, episodes, seed, arms))
    return {'task': task, 'control': bundle.control, 'seed': seed, 'arms': min(arms, episodes), 'bundle': bundle.hash,
            **fit_for_json(report)}


def fit_for_json(values: dict) -> dict:
    """Return ``values`` with None in place of NaN, which JSON lacks."""
    return {name: None if value != value else value for name, value in values.items()}


@dataclass(frozen=True)
class _Measured:
    """One round's counted episodes."""

    success: np.ndarray     # (N,)
    distance: np.ndarray    # (N,) [m]
    reward: np.ndarray      # (N,)
    returns: np.ndarray     # (N,)
    proposals: Proposals
    accuracy: float


def _measured(round_: Round, count: int, high: PlannerLevel, low: ControllerLevel) -> _Measured:
    planner = round_.planner
    distance = np.linalg.norm(planner.achieved_goal[-1] - planner.desired_goal, axis=-1)
    return _Measured(planner.success[-1, :count], distance[:count], round_.reward[1:, :count].sum(axis=0),
                     high.returns(planner)[:count], proposals.of_episodes(planner, count, low.task.gripper_locked),
                     low.measure(round_.controller)['controller/accuracy'])


def _report(found: list[_Measured], proposed: Proposals, probe_accuracy: float, steps: int,
            seconds: float) -> EvaluationReport:
    success, distance, reward, returns = (np.concatenate([getattr(m, name) for m in found])
                                          for name in ('success', 'distance', 'reward', 'returns'))
    return EvaluationReport(
        success_rate=float(success.mean()), episodes=len(success), mean_final_distance=float(distance.mean()),
        mean_episode_reward=float(reward.mean()), return_start=float(returns.mean()),
        controller_accuracy=float(np.mean([m.accuracy for m in found])), probe_accuracy=probe_accuracy,
        subgoal_diversity=float(proposed.subgoal[:, :3].std(axis=0).mean()),
        action_diversity=proposed.action_diversity, object_moved=proposed.moved, steps=steps, seconds=seconds,
        steps_per_s=steps / seconds)
