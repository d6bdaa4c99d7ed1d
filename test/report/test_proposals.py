"""What evaluations keep of the planner's proposals is what happened in their episodes."""
import dataclasses

import numpy as np
import pytest

from hac_ros import proposals, records, tasks, tensor_file
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.evaluation import Evaluator
from hac_ros.learning import running_statistics
from hac_ros.learning.learner import Learner
from hac_ros.learning.level import PlannerLevel
from hac_ros.records import Statistics

REACH = tasks.by_name('reach')
PLANNER, CONTROLLER = PlannerConfig(hidden=(16,)), ControllerConfig(hidden=(16,))


@pytest.fixture(scope='module')
def found():
    """Return an evaluator's proposals of 6 episodes, 4 at a time, with untrained weights of version 3."""
    space = REACH.observation
    statistics = Statistics(3, space.name, running_statistics.empty(space.size))
    planner, controller = (dataclasses.replace(Learner(level, REACH, config, 0).initial_weights(), version=3,
                                               statistics=3, updates=1)
                           for level, config in ((records.PLANNER, PLANNER), (records.CONTROLLER, CONTROLLER)))
    evaluator = Evaluator(REACH, PLANNER, CONTROLLER, 4, 0, with_probes=False)
    report = evaluator.evaluate(planner, controller, statistics, 6)
    return evaluator.proposals, report


def episode(reached_at: int | None) -> records.Episodes:
    """Return one arm's episode of 6 steps with attempts of 3: the first is reached at step ``reached_at`` or never."""
    steps, size = 6, REACH.observation.size
    observation, subgoal = np.zeros((steps + 1, 1, size)), np.zeros((steps, 1, 4))
    subgoal[:3, :, 0], subgoal[3:, :, 0] = 0.3, 0.5
    if reached_at is not None:
        observation[reached_at, 0, 0] = 0.3
    attempt = np.repeat([0, 1], 3)[:, None].astype(np.uint32)
    left = np.array([3, 2, 1, 3, 2, 2])[:, None].astype(np.uint16)   # the episode cuts the second attempt short
    zeros = np.zeros((steps, 1), dtype=bool)
    return records.Episodes(0, 0, 9, records.PLANNER, 9, 9, observation, observation[..., :3], np.ones((1, 3)),
                            np.zeros((steps + 1, 1), dtype=bool), subgoal, np.full((steps, 1, 2), 0.02),
                            np.ones((steps, 1)), attempt, left, zeros, np.full((steps, 1, 4), 0.25), zeros)


@pytest.mark.parametrize('reached_at, hit', [(3, True), (2, False), (None, False)])
def test_an_attempt_is_hit_if_its_last_state_is_at_the_subgoal(reached_at, hit):
    found = proposals.of_episodes(episode(reached_at), 1, locked=True)
    assert found.hit.tolist() == [hit, False]
    assert found.ended.tolist() == [True, False]
    assert found.step.tolist() == [0, 3]
    assert found.distance[0] == pytest.approx(0.3)
    assert found.round == 9


def test_a_place_is_reached_whatever_the_opening_is():
    closed = episode(3)
    closed.subgoal[..., 3] = 0.1
    found = proposals.of_episodes(closed, 1, locked=False)
    assert (found.hit.tolist(), found.placed.tolist()) == ([False, False], [True, False])


def test_what_an_older_version_has_written_tells_of_both_only(tmp_path):
    found = proposals.of_episodes(episode(3), 1, locked=True)
    path = proposals.write(tmp_path, found)
    old = tensor_file.read(path, proposals.KIND)
    tensor_file.write(path, proposals.KIND, {name: value for name, value in old.tensors.items() if name != 'placed'}, old.content)
    assert proposals.read(tmp_path)[0].placed.tolist() == found.hit.tolist()


def test_attempts_of_several_arms_keep_their_outcome():
    one, other = episode(None), episode(3)
    fields = {f.name for f in dataclasses.fields(records.Episodes)}
    both = records.Episodes(**{
        name: value if not isinstance(value := getattr(one, name), np.ndarray)
        else np.concatenate([value, getattr(other, name)], axis=0 if name == 'desired_goal' else 1) for name in fields})
    found = proposals.of_episodes(both, 2, locked=True)
    assert found.step.tolist() == [0, 0, 3, 3] and found.hit.tolist() == [False, True, False, False]


def test_an_evaluation_keeps_the_attempts_of_the_episodes_that_it_counts(found):
    kept, report = found
    assert len(kept.success) == report.episodes == 6
    assert (kept.step == 0).sum() == 6
    assert kept.subgoal[:, :3].std(axis=0).mean() == pytest.approx(report.subgoal_diversity)
    assert kept.hit[kept.ended].mean() == pytest.approx(report.controller_accuracy, abs=0.05)
    assert np.linalg.norm(kept.goal[:6] - kept.gripper[:6], axis=1).max() < 0.3


def test_a_file_gives_back_what_was_written(found, tmp_path):
    kept = found[0]
    for round_ in (8, 4):
        proposals.write(tmp_path / 'p', dataclasses.replace(kept, round=round_))
    again = proposals.read(tmp_path / 'p')
    assert [item.round for item in again] == [4, 8]
    assert all(np.array_equal(getattr(again[0], f.name), getattr(kept, f.name))
               for f in dataclasses.fields(kept) if f.name != 'round')


def test_a_damaged_or_missing_file_is_left_out(found, tmp_path):
    assert proposals.read(tmp_path / 'nothing') == []
    path = proposals.write(tmp_path, found[0])
    path.write_bytes(path.read_bytes()[:-1])
    assert proposals.read(tmp_path) == []


def test_a_large_evaluation_is_thinned_from_end_to_end(found):
    thin = found[0].thinned(10)
    assert len(thin.step) == len(thin.hit) == 10 and len(thin.success) == 6
    assert np.array_equal(thin.subgoal[[0, -1]], found[0].subgoal[[0, -1]])


@pytest.mark.parametrize('reached, value', [(None, -10.0), (0, 0.0), (5, -(1 - 0.9) / (1 - 0.9))])
def test_the_return_lasts_beyond_the_end_of_the_episode(reached, value):
    # 5 steps are one decision at gamma 0.9; from then on the goal is held
    level = PlannerLevel(REACH, dataclasses.replace(PLANNER, gamma=0.9))
    achieved = np.zeros((7, 1, 3))
    if reached is not None:
        achieved[reached + 1:] = 1.0
    assert level.returns(dataclasses.replace(episode(None), achieved_goal=achieved)) == pytest.approx([value])


@pytest.mark.parametrize('updates, gamma', [(0, 0.9), (30, 0.99), (300, 0.99)])
def test_the_return_has_the_discount_that_its_critics_learn_with(updates, gamma):
    level = PlannerLevel(REACH, dataclasses.replace(PLANNER, gamma=0.9, final_gamma=0.99, gamma_from=50, gamma_until=100, updates=300.0))
    achieved = np.zeros((7, 1, 3))
    achieved[6:] = 1.0
    assert level.returns(dataclasses.replace(episode(None), achieved_goal=achieved), updates) == pytest.approx([-(1 - gamma) / 0.1])
