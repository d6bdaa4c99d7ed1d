"""One round in one process: simulation, planner and controller in exactly the order in which the nodes take turns.

The reference that trajectories through ROS equal bit for bit, and what evaluations are made of.
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hac_ros.learning.controller import Controller
from hac_ros.learning.planner import Planner
from hac_ros.records import ArmState, Episodes, Statistics, StepId, Weights
from hac_ros.simulation.simulation import Simulation


@dataclass(frozen=True)
class Round:
    """One episode on every arm, as each level saw it."""

    planner: Episodes
    controller: Episodes
    reward: np.ndarray   # (T + 1, N): of each state, 0 or -1


def run_round(simulation: Simulation, planner: Planner, controller: Controller, round_: int,
              weights: tuple[Weights, Weights], statistics: Statistics, explore: bool, incarnation: int = 0,
              watch: Callable[[Simulation], None] = lambda simulation: None) -> Round:
    """Run ``round_`` from its reset to its end with ``weights`` (planner's, controller's) and ``statistics``.

    ``watch`` is called in each of the T + 1 states, and must leave the simulation as it is.
    Raises ValueError if either weights were not trained with these statistics.
    """
    for each in weights:
        if each.statistics != statistics.version:
            raise ValueError(f'weights trained with statistics {each.statistics} came with statistics '
                             f'{statistics.version}: they are no pair')
    planner.begin(round_, weights[0], statistics, explore)
    controller.begin(round_, weights[1], statistics, explore)
    simulation.reset(round_)
    rewards = [simulation.reward]
    watch(simulation)
    while not (state := arm_state(simulation, round_)).terminal:
        simulation.step(controller.act(state, planner.act(state)).value)
        rewards.append(simulation.reward)
        watch(simulation)
    planner.finish(state)
    controller.finish(state)
    return Round(planner.episodes(incarnation), controller.episodes(incarnation), np.stack(rewards))


def arm_state(simulation: Simulation, round_: int, run: str = '') -> ArmState:
    """Return what ``simulation`` is in, as the bridge would publish it."""
    task = simulation.task
    step = StepId(run, simulation.worker, round_, 0, simulation.step_count)
    return ArmState(step, task.observation.name, task.steps, simulation.observation, simulation.achieved_goal,
                    simulation.desired_goal, simulation.reward, simulation.success, simulation.time, task.period)
