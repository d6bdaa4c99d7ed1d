"""What was flown is made again from its log, whatever kind of policy flew it."""
import dataclasses
from dataclasses import asdict

import pytest
from test_pilot import PICK, Flight

from hac_ros import config, deployment_replay, records
from hac_ros.learning import running_statistics
from hac_ros.learning.bundle import Bundle, level_configs
from hac_ros.learning.flat import actors
from hac_ros.learning.learner import Learner

SIZES = config.PlannerConfig(hidden=(16,)), config.ControllerConfig(hidden=(16,)), config.FlatConfig()


def untrained(policy):
    """Return a bundle of random networks."""
    levels, space = config.levels(policy, *SIZES), PICK.observation
    weights = [dataclasses.replace(Learner(number, PICK, levels[name], 0).initial_weights(), updates=1)
               for number, name in ((records.PLANNER, 'planner'), (records.CONTROLLER, 'controller'))]
    low = 'flat' if policy == 'flat' else 'controller'
    return Bundle(PICK.name, 'fetch', *weights, records.Statistics(0, space.name, running_statistics.empty(space.size)),
                  {'planner': asdict(levels['planner']), low: asdict(levels['controller'])}, hash='0' * 64)


def fly(bundle, folder, steps):
    """Fly some steps as the nodes do, and write the log."""
    flight = Flight(folder)
    flight.pilot.about['bundle'] = bundle.hash
    acting = actors(PICK, *level_configs(bundle), 1, 0)
    for level, weights in zip(acting, (bundle.planner, bundle.controller)):
        level.begin(0, weights, bundle.statistics, explore=False)
    _, state = flight.begin()
    for _ in range(steps):
        subgoals = acting[0].act(state)
        flight.pilot.take_subgoal(flight.now, subgoals)
        assert flight.pilot.take_command(flight.now, acting[1].act(state, subgoals)) is not None
        _, state = flight.period()
    flight.pilot.abandon()
    flight.pilot.finished_log().write()


@pytest.mark.parametrize('policy', ('hierarchical', 'flat'))
def test_a_replay_gives_what_was_flown(policy, tmp_path):
    bundle = untrained(policy)
    fly(bundle, tmp_path, steps=7)
    found = deployment_replay.replay(tmp_path, bundle)
    assert found == {'episodes': 1, 'steps': 7, 'differing_steps': 0, 'largest_difference': 0.0, 'same': True}
