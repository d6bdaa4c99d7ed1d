"""Claims about relabelling and subgoal testing, on episodes whose every step is known."""
import dataclasses

import numpy as np
import pytest

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import hindsight, level, running_statistics
from hac_ros.learning.features import PlannerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.subgoal_action import SubgoalAction
from hac_ros.records import Episodes, Statistics

ARMS, STEPS, HORIZON = 6, 50, 5
REACH = tasks.by_name('reach')
PURE = dict(stay_share=0.0, unsatisfied_share=0.0, testing_penalty=0.0)


def rng():
    return np.random.default_rng(0)


def episodes(number: int, **changes) -> Episodes:
    """Arms that drift along x by 1 cm a step from different starts, with attempts of 5 steps."""
    observation = np.zeros((STEPS + 1, ARMS, 10))
    observation[..., 0] = 1.2 + 0.01 * np.arange(STEPS + 1)[:, None] * np.linspace(0.1, 0.6, ARMS)
    observation[..., 1] = 0.6 + 0.05 * np.arange(ARMS)
    observation[..., 2] = 0.5
    subgoal = np.zeros((STEPS, ARMS, 4))
    subgoal[..., :3] = [1.5, 0.9, 0.7]
    attempt = np.repeat(np.arange(10, dtype=np.uint32), HORIZON)[:, None].repeat(ARMS, axis=1)
    values = dict(
        worker=0, incarnation=0, round=0, level=number, weights=0, statistics=0, observation=observation,
        achieved_goal=observation[..., :3].copy(), desired_goal=np.tile([1.4, 0.7, 0.6], (ARMS, 1)),
        success=np.zeros((STEPS + 1, ARMS), dtype=bool), subgoal=subgoal,
        tolerance=np.tile([0.02, 0.005], (STEPS, ARMS, 1)), speed=np.ones((STEPS, ARMS)), attempt=attempt,
        steps_left=np.tile(np.arange(5, 0, -1, dtype=np.uint16), 10)[:, None].repeat(ARMS, axis=1),
        testing=np.zeros((STEPS, ARMS), dtype=bool), action=np.full((STEPS, ARMS, 4), 0.25),
        exploring=np.ones((STEPS, ARMS), dtype=bool))
    return Episodes(**(values | changes))


def planner_samples(count=2000, changes=None, **settings) -> tuple[hindsight.Sample, SubgoalAction]:
    config = PlannerConfig(**settings)
    one = level.PlannerLevel(REACH, config)
    data = one.rows(episodes(records.PLANNER, **(changes or {})))
    return one.sample(data, np.arange(ARMS), count, rng()), one.geometry


def controller_samples(count=2000, **settings) -> hindsight.Sample:
    one = level.ControllerLevel(REACH, ControllerConfig(**settings))
    return one.sample(one.rows(episodes(records.CONTROLLER)), np.arange(ARMS), count, rng())


def test_a_future_goal_was_achieved_at_or_after_the_decisions_end():
    sample, _ = planner_samples(future_share=1.0, **PURE)
    assert (sample.goal[:, 0] >= sample.following[:, 0] - 1e-9).all()
    np.testing.assert_array_equal(sample.goal[:, 1], sample.observation[:, 1])   # of the same arm


def test_without_hindsight_the_goal_is_the_episodes_own():
    sample, _ = planner_samples(future_share=0.0, **PURE)
    np.testing.assert_array_equal(sample.goal, np.tile([1.4, 0.7, 0.6], (2000, 1)))


def test_a_hindsight_action_means_what_the_gripper_reached():
    sample, geometry = planner_samples(sliding_share=1.0, **PURE)
    subgoal = geometry.subgoal(sample.observation, sample.action, sample.goal)[:, :3]
    np.testing.assert_allclose(subgoal, sample.following[:, :3], atol=1e-12)


@pytest.mark.parametrize('ramp, left', [
    ({}, 1.0), (dict(hindsight_from=1, hindsight_until=2), 1.0), (dict(hindsight_from=0, hindsight_until=2), 0.6),
    (dict(hindsight_until=1), 0.2), (dict(hindsight_until=1, final_hindsight=0.0), 0.0)])
def test_hindsight_actions_get_fewer_with_the_steps_in_replay(ramp, left):
    once = ARMS * STEPS
    ramp = {name: value * once if name != 'final_hindsight' else value for name, value in ramp.items()}
    settings = {**PURE, 'sliding_share': 0.5, 'hindsight_share': 0.5, 'inside_share': 0.5, 'reach': 2.0}
    sample, geometry = planner_samples(4000, **settings, **({'final_hindsight': 0.2} | ramp))
    subgoal = geometry.subgoal(sample.observation, sample.action, sample.goal)[:, :3]
    hindsight = np.abs(subgoal - sample.following[:, :3]).max(axis=1) < 1e-9
    assert hindsight.mean() == pytest.approx(1.0 - (1.0 - 0.5 * left) ** 2, abs=0.03)
    np.testing.assert_allclose(subgoal[~hindsight], np.tile([1.5, 0.9, 0.7], ((~hindsight).sum(), 1)), atol=1e-12)


def test_an_unchanged_action_means_the_subgoal_that_was_commanded():
    sample, geometry = planner_samples(sliding_share=0.0, hindsight_share=0.0, inside_share=1.0, reach=2.0, **PURE)
    subgoal = geometry.subgoal(sample.observation, sample.action, sample.goal)[:, :3]
    np.testing.assert_allclose(subgoal, np.tile([1.5, 0.9, 0.7], (2000, 1)), atol=1e-12)


def test_reward_is_zero_exactly_where_the_goal_is_reached_at_the_end():
    sample, _ = planner_samples(future_share=0.7, **PURE)
    at = np.linalg.norm(sample.following[:, :3] - sample.goal, axis=1) <= PlannerConfig().goal_tolerance
    np.testing.assert_array_equal(sample.reward == 0.0, at)
    assert 0.1 < at.mean() < 0.9


def test_decisions_of_any_length_have_the_same_worst_value():
    sample, _ = planner_samples(future_share=0.0, **PURE)
    worst = -1.0 / (1.0 - PlannerConfig().gamma)
    assert len(np.unique(sample.discount)) == HORIZON
    np.testing.assert_allclose(sample.reward + sample.discount * worst, worst, rtol=1e-12)


@pytest.mark.parametrize('ramp, expected', [
    ({}, 0.92), (dict(gamma_from=1, gamma_until=2), 0.92), (dict(gamma_until=2), 0.96), (dict(gamma_until=1), 0.98)])
def test_the_discount_rises_with_the_steps_in_replay_and_the_worst_value_stays(ramp, expected):
    ramp = {name: steps * ARMS * STEPS for name, steps in ramp.items()}
    sample, _ = planner_samples(gamma=0.92, final_gamma=0.98, future_share=0.0, **ramp, **PURE)
    assert sample.discount.min() == pytest.approx(expected)     # of decisions of the whole horizon
    np.testing.assert_allclose(sample.reward - sample.discount / 0.08, -1.0 / 0.08, rtol=1e-12)


def test_a_discount_that_would_fall_is_refused():
    with pytest.raises(ValueError, match=r'PlannerConfig.final_gamma: 0.0 came with gamma_until 9, at least gamma \(0.9\) is wanted'):
        PlannerConfig(gamma=0.9, gamma_until=9)


@pytest.mark.parametrize('exploiting_horizon, learnt', [(5, True), (0, False)])
def test_missed_tests_of_arms_with_shorter_attempts_count_too(exploiting_horizon, learnt):
    settings = PURE | dict(sliding_share=0.0, inside_share=0.0, hindsight_share=0.0, testing_penalty=1.0, horizon=10)
    sample, _ = planner_samples(changes={'testing': np.ones((STEPS, ARMS), dtype=bool)},     # attempts of 5 steps
                                exploiting_horizon=exploiting_horizon, **settings)
    last = np.isclose(sample.following[:, 0], sample.following[:, 0].max())        # ended by the episode, of the fastest arm
    assert (sample.discount == 0.0).any() == learnt and (sample.discount[last] > 0.0).all()


def test_a_missed_test_is_learnt_as_the_worst_value_and_ends():
    tested = {'testing': np.ones((STEPS, ARMS), dtype=bool)}
    settings = PURE | dict(sliding_share=0.0, inside_share=0.0, hindsight_share=0.0, testing_penalty=1.0)
    sample, _ = planner_samples(changes=tested, **settings)
    assert (sample.discount == 0.0).all() and np.allclose(sample.reward, -1.0 / (1.0 - PlannerConfig().gamma))


def test_a_test_that_hit_is_not_punished():
    one = episodes(records.PLANNER)
    subgoal = one.subgoal.copy()
    subgoal[..., :3] = one.observation[HORIZON::HORIZON, :, :3].repeat(HORIZON, axis=0)
    changes = {'testing': np.ones((STEPS, ARMS), dtype=bool), 'subgoal': subgoal}
    settings = PURE | dict(sliding_share=0.0, inside_share=0.0, hindsight_share=0.0, testing_penalty=1.0)
    sample, _ = planner_samples(changes=changes, **settings)
    assert (sample.discount > 0.0).all()


def test_hindsight_actions_are_never_punished():
    changes = {'testing': np.ones((STEPS, ARMS), dtype=bool)}
    sample, _ = planner_samples(changes=changes, sliding_share=1.0, **(PURE | dict(testing_penalty=1.0)))
    assert (sample.discount > 0.0).all()


def test_most_goals_are_not_yet_reached():
    sample, _ = planner_samples(future_share=0.0, stay_share=0.5, unsatisfied_share=0.7)
    satisfied = np.linalg.norm(sample.observation[:, :3] - sample.goal, axis=1) <= PlannerConfig().goal_tolerance
    assert 0.25 < satisfied.mean() <= 0.3


def test_controller_goals_of_hindsight_were_reached_within_the_window():
    sample = controller_samples(future_share=1.0, elsewhere_share=0.0, window=3)
    x = sample.observation[:, 0]
    ahead = (sample.goal[:, 0] - x) / np.maximum(sample.following[:, 0] - x, 1e-9)
    assert ahead.min() > 0.99 and ahead.max() < 3.01


def test_controller_reward_is_zero_exactly_within_the_stricter_tolerance():
    config = ControllerConfig()
    sample = controller_samples()
    at = np.linalg.norm(sample.following[:, :3] - sample.goal[:, :3], axis=1) <= config.strictness * 0.02
    np.testing.assert_array_equal(sample.reward == 0.0, at)
    assert at.any() and not at.all()


def test_samples_come_only_from_the_rows_that_may_be_used():
    one = level.ControllerLevel(REACH, ControllerConfig())
    sample = one.sample(one.rows(episodes(records.CONTROLLER)), np.array([2]), 500, rng())
    np.testing.assert_allclose(sample.observation[:, 1], 0.7)


def test_accuracy_counts_ended_attempts_only():
    one, recorded = level.ControllerLevel(REACH, ControllerConfig()), episodes(records.CONTROLLER)
    assert one.measure(recorded)['controller/accuracy'] == 0.0
    subgoal = recorded.subgoal.copy()
    subgoal[:25, :, :3] = recorded.observation[HORIZON:30:HORIZON, :, :3].repeat(HORIZON, axis=0)
    half = dataclasses.replace(recorded, subgoal=subgoal)
    assert one.measure(half)['controller/accuracy'] == pytest.approx(0.5)
    cut = dataclasses.replace(half, steps_left=half.steps_left + np.uint16(10) * (half.attempt == 9).astype(np.uint16))
    assert one.measure(cut)['controller/accuracy'] == pytest.approx(5 / 9)


PICK = tasks.by_name('pick_and_place')


FIRST_FALLEN = 0.1      # [m] height at step 20, the last place that may be a goal


def falling(**settings) -> tuple[level.PlannerLevel, dict]:
    """A level and its rows of episodes whose object slides, has fallen off the table at step 20, and falls on."""
    one = episodes(records.PLANNER)
    observation = np.zeros((STEPS + 1, ARMS, 25))
    observation[..., 0:3] = one.observation[..., :3]
    goal = observation[..., :3].copy()
    step = np.arange(STEPS + 1)
    goal[..., 2] = np.where(step < 20, 0.425, FIRST_FALLEN - 0.001 * (step - 20))[:, None]
    observation[..., 3:6] = goal
    level_ = level.PlannerLevel(PICK, PlannerConfig(**settings))
    return level_, level_.rows(dataclasses.replace(one, observation=observation, achieved_goal=goal))


def test_what_follows_a_fall_is_not_replayed():
    one, data = falling(skip_fallen=True, future_share=1.0, **PURE)
    assert (data['usable'] == 20).all() and not data['lifted'].any()
    sample = one.sample(data, np.arange(ARMS), 2000, rng())
    assert (sample.observation[:, 5] > 0.4).all() and (sample.following[:, 5] < 0.4).any()
    own = sample.following[:, 5] > 0.4
    assert (sample.goal[own, 2] >= FIRST_FALLEN).all() and (sample.goal[own, 2] > 0.4).mean() > 0.8


def test_a_decision_that_loses_the_object_has_the_worst_value_and_nothing_follows():
    one, data = falling(skip_fallen=True, fallen_penalty=1.0, future_share=1.0, **PURE)
    sample = one.sample(data, np.arange(ARMS), 2000, rng())
    lost = sample.following[:, 5] < 0.4
    assert lost.any() and (sample.discount[lost] == 0.0).all() and (sample.discount[~lost] > 0.0).all()
    np.testing.assert_allclose(sample.reward[lost], one.lowest)
    assert (sample.goal[:, 2] >= FIRST_FALLEN).all(), 'where it fell to is nobody\'s goal'


def test_what_a_fall_costs_is_told_little_by_little_after_so_many_steps_of_replay():
    settings = {'skip_fallen': True, 'fallen_penalty': 1.0, 'future_share': 1.0, **PURE}
    one, data = falling(**settings)
    steps = ARMS * one.task.steps

    def worst(**ramp) -> float:
        level_ = level.PlannerLevel(PICK, PlannerConfig(**settings, **ramp))
        sample = level_.sample(data, np.arange(ARMS), 4000, rng())
        return float((sample.discount[sample.following[:, 5] < 0.4] == 0.0).mean())
    assert worst(fallen_from=steps, fallen_until=2 * steps) == 0.0
    assert 0.4 < worst(fallen_from=0, fallen_until=2 * steps) < 0.6
    assert worst(fallen_from=0, fallen_until=steps) == worst() == 1.0


def test_without_that_knowledge_falls_are_replayed():
    one, data = falling(**PURE)
    assert (one.sample(data, np.arange(ARMS), 2000, rng()).observation[:, 5] < 0.4).mean() > 0.3


def passing(number: int) -> Episodes:
    """Episodes whose gripper is within 15 cm of the object from step 8 to 12; of the third one it never is."""
    steps = np.arange(STEPS + 1)
    observation = np.zeros((STEPS + 1, ARMS, 25))
    observation[..., 0] = steps[:, None] * 0.001                                  # tells the step
    observation[..., 1] = np.where((steps >= 8) & (steps <= 12), 0.1, 0.2)[:, None]
    observation[:, 2, 1] = 0.2
    return dataclasses.replace(episodes(number), observation=observation, achieved_goal=observation[..., 3:6].copy())


@pytest.mark.parametrize('share', [0.0, 0.5, 1.0])
def test_samples_begin_beside_the_object_in_the_share_that_is_asked_for(share):
    settings = {'sliding_share': 1.0, **PURE}          # they begin at any step, not at a decision's
    one = level.PlannerLevel(PICK, PlannerConfig(beside_share=share, **settings))
    data = one.rows(passing(records.PLANNER))
    others = np.setdiff1d(np.arange(ARMS), [2])
    start = np.rint(one.sample(data, others, 4000, rng()).observation[:, 0] * 1000)
    beside = (start >= 8) & (start <= 12)
    assert abs(beside.mean() - (share + (1.0 - share) * 5 / 50)) < 0.03
    counts = np.bincount(start[beside].astype(int), minlength=13)[8:13]
    assert counts.min() > 0.7 * counts.max(), 'each of them is as likely'
    never = np.rint(one.sample(data, np.array([2]), 2000, rng()).observation[:, 0] * 1000)
    assert never.min() == 0 and never.max() == STEPS - 1


def test_what_follows_a_fall_is_not_replayed_beside_the_object_either():
    one, data = falling(skip_fallen=True, beside_share=1.0, **PURE)
    assert (one.sample(data, np.arange(ARMS), 2000, rng()).observation[:, 5] > 0.4).all()


def test_an_object_counts_as_lifted_only_beside_the_gripper():
    one, data = falling()
    observation, goal = data['observation'].swapaxes(0, 1).copy(), data['achieved_goal'].swapaxes(0, 1).copy()
    goal[10:14, :, 2] += 0.05
    observation[..., :3] = goal
    recorded = dataclasses.replace(episodes(records.PLANNER), achieved_goal=goal, observation=observation)
    assert one.rows(recorded)['lifted'].all()
    observation[..., 2] += 0.06
    assert not one.rows(dataclasses.replace(recorded, observation=observation))['lifted'].any()


def test_a_quarter_turn_of_the_object_changes_no_input():
    observation = rng().normal(size=(50, 25)) * 0.3
    turned = observation.copy()
    turned[:, 13] += np.pi / 2
    moments = running_statistics.of_samples(observation)[0]
    normalization = Normalization(Statistics(0, PICK.observation.name, moments), 5.0)
    for fold in (True, False):
        inputs = PlannerFeatures(PICK, normalization, PlannerConfig(fold_yaw=fold))
        equal = np.allclose(inputs(turned, np.zeros((50, 3))), inputs(observation, np.zeros((50, 3))), atol=1e-5)
        assert equal is fold


def turned_about(centre: np.ndarray, points: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return (points - centre) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T + centre


def test_seen_along_the_way_to_the_goal_a_turned_scene_asks_for_the_turned_subgoal():
    geometry = SubgoalAction(PICK, PlannerConfig(axes='goal'))
    observation, goal = rng().normal(size=(9, 25)) * 0.05 + 0.7, rng().normal(size=(9, 3)) * 0.05 + 0.7
    observation[:, 3:6] = centre = [1.3, 0.75, 0.6]
    action = rng().uniform(-1, 1, (9, 4))
    here = geometry.subgoal(observation, action, goal)
    there = geometry.subgoal(observation, action, turned_about(centre, goal, 2.0))
    np.testing.assert_allclose(there[:, :3], turned_about(centre, here[:, :3], 2.0), atol=1e-12)
    np.testing.assert_allclose(geometry.action(observation, here[:, :3], action[:, 3], goal), action, atol=1e-12)
    towards = geometry.seen(goal - centre, observation, goal)
    assert (towards[:, 0] > 0).all() and np.abs(towards[:, 1]).max() < 1e-12


def test_seen_along_the_way_to_the_goal_only_place_heading_and_tilt_tell_how_a_scene_is_turned():
    moments = running_statistics.of_samples(rng().normal(size=(50, 25)))[0]
    config = PlannerConfig(axes='goal', fold_yaw=True, goal_distance=True, coasting=1.0)
    inputs = PlannerFeatures(PICK, Normalization(Statistics(0, PICK.observation.name, moments), 50.0), config)
    observation, goal = rng().normal(size=(9, 25)) * 0.1, rng().normal(size=(9, 3)) * 0.1
    observation[:, 6:9] = observation[:, 3:6] - observation[:, :3]
    turned, centre, angle = observation.copy(), observation[:, 3:6].copy(), 0.7
    for i in range(9):
        turned[i, :3] = turned_about(centre[i], observation[i, :3], angle)
        for start in (6, 14, 17, 20):
            turned[i, start:start + 3] = turned_about(np.zeros(3), observation[i, start:start + 3], angle)
    turned[:, 13] += angle
    other = np.stack([turned_about(c, g, angle) for c, g in zip(centre, goal)])
    differs = np.abs(inputs(turned, other) - inputs(observation, goal)).max(axis=0) > 1e-4
    places = {0, 1, 25, 26}    # gripper x and y, and the heading; the object stands still
    assert set(np.flatnonzero(differs)) == places
    assert inputs(observation, goal).shape[1] == PlannerFeatures.size(PICK, config)


def test_the_distance_to_the_goal_is_an_input_that_ends_at_the_tolerance():
    moments = running_statistics.of_samples(rng().normal(size=(50, 25)))[0]
    config = PlannerConfig(goal_distance=True, goal_tolerance=0.045)
    inputs = PlannerFeatures(PICK, Normalization(Statistics(0, PICK.observation.name, moments), 5.0), config)
    observation = np.zeros((2, 25))
    seen = inputs(observation, np.array([[0.0, 0.045, 0.0], [0.055, 0.0, 0.0]]))
    np.testing.assert_allclose(seen[:, -1], [0.0, 1.0], atol=1e-5)


def missed_by(sample) -> np.ndarray:
    """Return (B, 3) where goals lie, seen from where their arms have been last."""
    last = episodes(records.PLANNER).observation[-1]
    arm = np.rint((sample.observation[:, 1] - 0.6) / 0.05).astype(int)
    return sample.goal - last[arm, :3]


def test_missed_goals_lie_beside_what_was_achieved_last():
    away = missed_by(planner_samples(miss_share=1.0, miss_spread=0.1, future_share=0.0, **PURE)[0])
    np.testing.assert_allclose(away.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(away.std(axis=0), [0.1, 0.1, 0.0], atol=0.01)
    away = missed_by(planner_samples(miss_share=1.0, miss_spread=0.0, future_share=0.0, **PURE)[0])
    np.testing.assert_allclose(away, 0.0, atol=1e-12)


def test_a_share_of_the_goals_is_missed_and_the_others_are_as_without():
    with_misses, _ = planner_samples(miss_share=0.3, miss_spread=0.0, future_share=0.0, **PURE)
    missed = np.abs(missed_by(with_misses)).max(axis=1) < 1e-12
    assert missed.mean() == pytest.approx(0.3, abs=0.04)
    np.testing.assert_array_equal(with_misses.goal[~missed], np.tile([1.4, 0.7, 0.6], ((~missed).sum(), 1)))


def test_goals_cannot_be_of_more_kinds_than_there_are_samples():
    with pytest.raises(ValueError, match='future_share 0.8, miss_share 0.2, stay_share 0.1 came, at most 1'):
        PlannerConfig(future_share=0.8, miss_share=0.2, stay_share=0.1)


def test_critics_see_how_long_a_decision_lasts_and_actors_decide_for_a_whole_one():
    one = level.PlannerLevel(PICK, PlannerConfig(critic_duration=True, horizon=5))
    observation, goal = np.zeros((2, 25)), np.zeros((2, 3))
    np.testing.assert_allclose(one.context(observation, goal, np.array([0.8, 0.0]))[:, -1], [0.8, 0.0], atol=1e-6)
    assert (one.context(observation, goal)[:, -1] == 0).all() and (one.action_map[:, -1] == 0).all()
    sample, _ = planner_samples(inside_share=1.0, sliding_share=0.0, **PURE)
    assert set(np.round(sample.left * 5)) == {0, 1, 2, 3, 4}


def test_critics_see_subgoal_minus_gripper_and_minus_goal():
    one = level.PlannerLevel(PICK, PlannerConfig(critic_differences=True))
    observation, goal = rng().normal(size=(9, 25)), rng().normal(size=(9, 3))
    action = rng().uniform(-1, 1, (9, 4))
    seen = one.context(observation, goal) + action @ one.action_map
    subgoal = observation[:, 3:6] + 0.15 * action[:, :3]
    np.testing.assert_allclose(seen[:, 4:7], (subgoal - observation[:, :3]) / 0.1, atol=1e-5)
    np.testing.assert_allclose(seen[:, 7:], (subgoal - goal) / 0.1, atol=1e-5)
