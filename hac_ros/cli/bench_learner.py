"""Gradient updates a second of each level's learner, sampling and relabelling included, on one torch thread."""
import dataclasses
import time

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import running_statistics, td3
from hac_ros.learning.controller import Controller
from hac_ros.learning.learner import Learner
from hac_ros.learning.planner import Planner
from hac_ros.rollout import run_round
from hac_ros.simulation.simulation import Simulation

ARMS = 16
CONFIGS = (ControllerConfig(), PlannerConfig())    # by records.CONTROLLER, records.PLANNER


def measure(task_name: str, updates: int, seed: int, device: str = 'cpu') -> list[dict]:
    """Return one row a level: updates, updates a second, milliseconds of wall clock for each update on ``device``."""
    td3.prepare(1)
    task = tasks.by_name(task_name)
    learners = [_learner(number, task, updates, seed, device) for number in (records.CONTROLLER, records.PLANNER)]
    statistics = records.Statistics(0, task.observation.name, running_statistics.empty(task.observation.size))
    round_ = run_round(
        Simulation(task, ARMS, seed), Planner(task, CONFIGS[records.PLANNER], ARMS, seed),
        Controller(task, CONFIGS[records.CONTROLLER], ARMS, seed), 0,
        tuple(learners[n].initial_weights() for n in (records.PLANNER, records.CONTROLLER)), statistics, explore=True)
    return [_row(learners[records.CONTROLLER], round_.controller), _row(learners[records.PLANNER], round_.planner)]


def _learner(number: int, task, updates: int, seed: int, device: str) -> Learner:
    rate = updates * 1000.0 / (ARMS * task.steps)
    config = dataclasses.replace(CONFIGS[number], start_steps=0, start_updates=rate, updates=rate)
    return Learner(number, task, config, seed, device)


def _row(learner: Learner, episodes: records.Episodes) -> dict:
    learner.add(episodes)
    space = learner.task.observation
    moments = running_statistics.of_samples(episodes.observation.reshape(-1, space.size))[0]
    key = records.ContributionId(0, 1, 1, 0, 0)
    statistics = records.Statistics(2, space.name, moments, (key,))
    began = time.perf_counter()
    made = learner.learn(statistics, 2).updates
    seconds = time.perf_counter() - began
    return {'level': learner.level.name, 'updates': made, 'batch': learner.config.batch,
            'updates_per_s': round(made / seconds, 1), 'ms_per_update': round(1e3 * seconds / made, 3)}
