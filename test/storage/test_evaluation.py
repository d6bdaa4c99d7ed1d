"""Rounds and evaluations are functions of weights, statistics and seed, and measure what they say."""
import dataclasses
import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from hac_ros import probes, records, spaces, tasks
from hac_ros.config import ControllerConfig, FlatConfig, PlannerConfig, levels
from hac_ros.evaluation import Evaluator, evaluate, evaluate_bundle
from hac_ros.learning import running_statistics
from hac_ros.learning.bundle import Bundle, BundleRefused, level_config, write_bundle
from hac_ros.learning.controller import Controller
from hac_ros.learning.learner import Learner
from hac_ros.learning.planner import Planner
from hac_ros.records import Commands, Statistics, Subgoals
from hac_ros.rollout import run_round
from hac_ros.simulation.simulation import Simulation

REACH = tasks.by_name('reach')
SMALL = {'hidden': (16,)}
PLANNER, CONTROLLER = PlannerConfig(**SMALL), ControllerConfig(**SMALL)
ARMS = 4


def statistics(task=REACH, version: int = 0) -> Statistics:
    space = task.observation
    return Statistics(version, space.name, running_statistics.empty(space.size))


def weights(task=REACH, version: int = 0):
    """Return the planner's and the controller's untrained weights, said to be of ``version``."""
    return tuple(dataclasses.replace(Learner(level, task, config, 0).initial_weights(), version=version,
                                     statistics=version, updates=version)
                 for level, config in ((records.PLANNER, PLANNER), (records.CONTROLLER, CONTROLLER)))


def bundle(task: str = 'reach') -> Bundle:
    facts = tasks.by_name(task)
    return Bundle(task, 'mocap', *weights(facts), statistics(facts),
                  {'planner': asdict(PLANNER), 'controller': asdict(CONTROLLER)})


def acting(task=REACH, seed: int = 0):
    return (Simulation(task, ARMS, seed), Planner(task, PLANNER, ARMS, seed), Controller(task, CONTROLLER, ARMS, seed))


class ExactPlanner(Planner):
    """A planner that knows the answer: the goal itself is the subgoal."""

    def _proposed(self, state, count):
        attempt = super()._proposed(state, count)
        value = np.concatenate([state.desired_goal, np.zeros((state.arms, 1))], axis=1)
        return dataclasses.replace(attempt, value=value)


class ExactController(Controller):
    """A controller that knows the answer: proportional to the distance."""

    def act(self, state, subgoals: Subgoals) -> Commands:
        command = super().act(state, subgoals)
        return dataclasses.replace(command, value=probes.scripted(state.observation, subgoals.value))


class WildPlanner(Planner):
    """A planner whose subgoals are near and far, whatever is wanted."""

    def _proposed(self, state, count):
        attempt = super()._proposed(state, count)
        value = attempt.value.copy()
        away = np.random.default_rng([state.id.round, state.id.step]).uniform(-0.2, 0.2, (state.arms, 3))
        value[:, :3] = spaces.gripper_position(state.observation) + away
        return dataclasses.replace(attempt, value=value)


class PatientPlanner(WildPlanner):
    """In round 0 its subgoals cannot be reached, and its attempts last longer than the episode."""

    def begin(self, round, *rest):
        super().begin(round, *rest)
        self.horizon = self.horizon if round else np.full(self.arms, 2 * REACH.steps)

    def _proposed(self, state, count):
        attempt = super()._proposed(state, count)
        return attempt if state.id.round else dataclasses.replace(attempt, value=attempt.value + 5.0)


def same(a, b) -> bool:
    """Whether two records are equal bit for bit."""
    return all(np.array_equal(value, getattr(b, name)) for name, value in vars(a).items())


@pytest.mark.parametrize('explore', [False, True])
def test_a_round_run_again_after_others_is_the_same_round(explore):
    parts, pair = acting(), weights()
    first = run_round(*parts, 3, pair, statistics(), explore)
    run_round(*parts, 4, pair, statistics(), explore)
    again = run_round(*parts, 3, pair, statistics(), explore)
    fresh = run_round(*acting(), 3, pair, statistics(), explore)
    for other in (again, fresh):
        assert same(first.planner, other.planner)
        assert same(first.controller, other.controller)
        assert np.array_equal(first.reward, other.reward)


def test_an_abandoned_round_leaves_no_trace():
    parts, pair = acting(), weights(version=1)
    first = run_round(*parts, 0, pair, statistics(version=1), True)
    parts[1].begin(7, pair[0], statistics(version=1), True)
    parts[2].begin(7, pair[1], statistics(version=1), True)
    parts[0].reset(7)
    parts[0].step(np.ones((ARMS, 4)))
    again = run_round(*parts, 0, pair, statistics(version=1), True)
    assert same(first.planner, again.planner) and same(first.controller, again.controller)


def test_both_levels_saw_the_same_states_and_subgoals():
    round_ = run_round(*acting(), 0, weights(), statistics(), True)
    for name in ('observation', 'achieved_goal', 'desired_goal', 'success', 'subgoal', 'tolerance', 'attempt',
                 'steps_left', 'testing'):
        assert np.array_equal(getattr(round_.planner, name), getattr(round_.controller, name))
    assert round_.controller.action.shape == (REACH.steps, ARMS, 4)
    assert round_.reward.shape == (REACH.steps + 1, ARMS)


def test_the_recorded_commands_give_the_recorded_states():
    round_ = run_round(*acting(), 2, weights(), statistics(), True)
    simulation = Simulation(REACH, ARMS, 0)
    simulation.reset(2)
    for command, observation in zip(round_.controller.action, round_.controller.observation[1:]):
        simulation.step(command)
        assert np.array_equal(simulation.observation, observation)


def test_weights_of_other_statistics_do_not_act():
    with pytest.raises(ValueError, match='trained with statistics 0 came with statistics 2: they are no pair'):
        run_round(*acting(), 0, weights(), statistics(version=2), False)


def timeless(report) -> dict:
    return {name: repr(value) for name, value in asdict(report).items() if name not in ('seconds', 'steps_per_s')}


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    reports = [timeless(evaluate(bundle(), 2, seed, 2)) for seed in (5, 5, 6)]
    assert reports[0] == reports[1]
    assert reports[0]['mean_final_distance'] != reports[2]['mean_final_distance']


def test_an_evaluation_leaves_the_next_one_as_it_would_be():
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, ARMS, 0, with_probes=False)
    first, fresh, again = (evaluator.evaluate(*weights(), statistics(), ARMS, round_) for round_ in (0, 1, 0))
    assert timeless(first) == timeless(again)
    assert first.mean_final_distance != fresh.mean_final_distance


def test_only_the_episodes_asked_for_are_counted():
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, 2, 0, with_probes=False)
    two, three, four = (evaluator.evaluate(*weights(), statistics(), count) for count in (2, 3, 4))
    assert (three.episodes, three.steps) == (3, 3 * REACH.steps)
    assert len({each.mean_final_distance for each in (two, three, four)}) == 3
    assert math.isnan(three.probe_accuracy)


def far_and_near(planner, arms: int = 2) -> Evaluator:
    """Return an evaluator with a planner of its own, and a controller that does what it can."""
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, arms, 0, with_probes=False)
    evaluator.planner, evaluator.controller = planner(REACH, PLANNER, arms, 0), ExactController(REACH, CONTROLLER, arms, 0)
    return evaluator


def counted_attempts(evaluator: Evaluator, arms_by_round: list[int]) -> np.ndarray:
    """Return (attempts, 3) bool of these arms, one by one: reached, ended, too far away when it was proposed."""
    found, farthest = [], REACH.stride * PLANNER.horizon + PLANNER.position_tolerance
    for number, arms in enumerate(arms_by_round):
        episodes = run_round(evaluator.simulation, evaluator.planner, evaluator.controller, number, weights(), statistics(),
                             False).planner
        for arm in range(arms):
            for attempt in np.unique(episodes.attempt[:, arm]):
                steps = np.flatnonzero(episodes.attempt[:, arm] == attempt)
                subgoal, before, after = (values[:, arm] for values in (
                    episodes.subgoal, episodes.observation[:-1], episodes.observation[1:]))
                away = subgoal[steps[0], :3] - spaces.gripper_position(before[steps[0]])
                missed = np.linalg.norm(subgoal[steps[-1], :3] - spaces.gripper_position(after[steps[-1]]))
                hit = missed <= PLANNER.position_tolerance      # the fingers of Reach are locked
                found.append((hit, hit or episodes.steps_left[steps[-1], arm] <= 1, np.abs(away).max() > farthest))
    return np.array(found)


@pytest.mark.parametrize('episodes, counted', [(3, [2, 1]), (4, [2, 2]), (1, [1])])
def test_shares_are_of_the_attempts_of_all_episodes_that_are_counted(episodes, counted):
    evaluator = far_and_near(WildPlanner)
    report = evaluator.evaluate(*weights(), statistics(), episodes)
    hit, ended, far = counted_attempts(evaluator, counted).T
    assert 0.0 < hit[ended].mean() < 1.0 and 0.0 < far.mean() < 1.0 and not ended.all()
    assert report.controller_accuracy == pytest.approx(hit[ended].mean(), abs=1e-12)
    assert report.out_of_reach == pytest.approx(far.mean(), abs=1e-12)


def test_a_round_in_which_no_attempt_ended_leaves_the_accuracy_of_the_others():
    evaluator = far_and_near(PatientPlanner)
    alone, rest, both = (evaluator.evaluate(*weights(), statistics(), episodes, first).controller_accuracy
                         for episodes, first in ((2, 0), (2, 1), (4, 0)))
    assert math.isnan(alone)
    assert both == rest and 0.0 < rest < 1.0


def test_a_policy_that_knows_the_answer_is_scored_so():
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, ARMS, 0)
    evaluator.planner = ExactPlanner(REACH, PLANNER, ARMS, 0)
    evaluator.controller = ExactController(REACH, CONTROLLER, ARMS, 0)
    evaluator.probe_controller = ExactController(REACH, CONTROLLER, probes.PROBES, 0)
    report = evaluator.evaluate(*weights(), statistics(), 8)
    assert report.success_rate == 1.0
    assert report.probe_accuracy == 1.0
    assert report.controller_accuracy > 0.5
    assert report.mean_final_distance < 0.02
    assert -15 < report.mean_episode_reward < 0
    assert report.subgoal_diversity > 0.02   # goals are 0.15 m around the start


def test_a_policy_that_knows_nothing_is_scored_so():
    report = evaluate(bundle(), 8, 0, ARMS)
    assert report.success_rate < 0.5
    assert report.probe_accuracy < 0.5
    assert report.mean_episode_reward < -30


def test_a_hierarchy_is_compared_with_the_goal_itself_and_with_chance():
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, ARMS, 0, with_probes=False)
    evaluator.controller = ExactController(REACH, CONTROLLER, ARMS, 0)
    found = evaluator.stand_ins(*weights(), statistics(), 6)
    assert found['goal_as_subgoal'] == 1.0 and found['random_subgoals'] < 0.7
    assert found == evaluator.stand_ins(*weights(), statistics(), 6)


def test_a_bundle_of_a_flat_policy_is_evaluated_as_one(tmp_path):
    flat = levels('flat', PLANNER, CONTROLLER, FlatConfig())
    trained = [dataclasses.replace(Learner(number, REACH, flat[name], 0).initial_weights(), updates=1)
               for number, name in ((records.PLANNER, 'planner'), (records.CONTROLLER, 'controller'))]
    settings = {'planner': asdict(flat['planner']), 'flat': asdict(flat['controller'])}
    write_bundle(tmp_path / 'bundle', Bundle('reach', 'mocap', *trained, statistics(), settings))
    found = evaluate_bundle(tmp_path / 'bundle', 'reach', episodes=3)
    assert found['episodes'] == 3 and found['probe_accuracy'] is None and found['goal_as_subgoal'] is None


def test_the_rate_of_success_is_that_of_the_last_step():
    simulation, planner, _ = acting()
    controller = ExactController(REACH, CONTROLLER, ARMS, 0)
    rounds = run_round(simulation, planner, controller, 0, weights(), statistics(), False)
    distance = np.linalg.norm(rounds.planner.achieved_goal[-1] - rounds.planner.desired_goal, axis=-1)
    assert np.array_equal(rounds.planner.success[-1], distance < REACH.threshold)


def test_no_episodes_are_refused():
    with pytest.raises(ValueError, match='episodes: 0 came, at least 1 is wanted'):
        evaluate(bundle(), 0, 0, ARMS)


def test_a_bundle_on_disk_is_evaluated_to_json(tmp_path):
    write_bundle(tmp_path / 'bundle', bundle())
    found = evaluate_bundle(tmp_path / 'bundle', 'reach', episodes=3, seed=1, arms=25)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {'success_rate', 'episodes', 'mean_final_distance', 'steps', 'seconds'} <= found.keys()
    assert (found['episodes'], found['steps'], found['arms']) == (3, 150, 3)


def test_a_bundle_of_another_task_is_not_evaluated(tmp_path):
    write_bundle(tmp_path / 'bundle', bundle())
    with pytest.raises(BundleRefused, match='trained for task reach'):
        evaluate_bundle(tmp_path / 'bundle', 'push', 3)
    with pytest.raises(ValueError, match='unknown task .fly.'):
        evaluate_bundle(tmp_path / 'bundle', 'fly', 3)


def test_settings_return_from_json_and_unknown_ones_are_refused():
    assert level_config(PlannerConfig, json.loads(json.dumps(asdict(PLANNER)))) == PLANNER
    with pytest.raises(ValueError, match='PlannerConfig: colour came'):
        level_config(PlannerConfig, {'colour': 1})


@pytest.mark.parametrize('task', tasks.TASKS.values(), ids=lambda task: task.name)
def test_every_probe_can_be_reached(task):
    assert probes.reached_by_script(probes.simulation(task), probes.read(task)).all()


def test_the_committed_probes_are_those_that_the_command_draws():
    # A build of MuJoCo with other last bits may take or leave a probe at the edge, and no other with it.
    same_rows = (probes.read(REACH) == probes.draw(REACH)).all(axis=1)
    assert same_rows.sum() >= 95


@pytest.mark.parametrize('task', tasks.TASKS.values(), ids=lambda task: task.name)
def test_probes_lie_in_the_workspace_and_in_range(task):
    subgoals = probes.read(task)
    start = spaces.gripper_position(probes.simulation(task).observation)
    assert np.array_equal(task.workspace.clip(subgoals[:, :3]), subgoals[:, :3])
    assert np.linalg.norm(subgoals[:, :3] - start, axis=1).max() <= probes.RANGE + 1e-3
    assert np.ptp(subgoals[:, 3]) == 0.0 if task.gripper_locked else np.ptp(subgoals[:, 3]) > 0.05


def test_a_probe_file_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(ValueError, match='probes_reach.json cannot be read'):
        probes.read(REACH, tmp_path)
    (tmp_path / 'probes_reach.json').write_text('{"subgoals": [[0, 0, 0, 0]]}')
    with pytest.raises(ValueError, match='4 values came, 100 arms x 4'):
        probes.read(REACH, tmp_path)


def test_a_bundle_of_control_mode_fetch_is_evaluated_in_it_with_its_settings():
    facts = tasks.by_name('push', 'fetch')
    made = dataclasses.replace(bundle('push'), control='fetch')
    made.settings.update({'fetch': {'speed': 0.05}, 'randomization': {'object_mass': [0.2, 0.2]}})
    found = evaluate(made, episodes=2, seed=1)
    assert found.steps == 2 * facts.steps == 500 and math.isnan(found.probe_accuracy)
    assert asdict(dataclasses.replace(found, seconds=0, steps_per_s=0, probe_accuracy=0)) == asdict(
        dataclasses.replace(evaluate(made, episodes=2, seed=1), seconds=0, steps_per_s=0, probe_accuracy=0))
