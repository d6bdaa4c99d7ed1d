"""How precisely a learnt controller is where the planner wanted it as an attempt ends.

    python benchmarks/precision.py --task slide --rounds 20 --controller punctual=false

Trains the controller alone, without ROS, on subgoals drawn uniformly, from the task's preset with what is given. Prints, every 10
rounds, quartiles and 90 % of the gripper's distance from its subgoal [mm] as attempts without exploration end, and the share of the way that it
has gone at half of their time, of those that there was time for: 0.5 is even, more is early.
"""
import argparse
import dataclasses

import numpy as np
from in_process import PARAMETERS, Training, collect, configured, options

from hac_ros import records, spaces, tasks
from hac_ros.learning import td3
from hac_ros.learning.flat import actors
from hac_ros.simulation.simulation import Simulation

ARMS = 200
SHARE = 0.9     # of the farthest way that the time of an attempt allows: farther ones count for nothing
SHORT = 0.01    # [m] ways shorter than this have no half


def attempts(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Return distance at their end [m] and share of the way at half of their time of attempts with subgoals at random."""
    task, (planner_config, _) = training.task, training.configs
    (weights, statistics), horizon = training.recent, planner_config.horizon
    simulation, (planner, controller) = training.simulate(ARMS, 'evaluation'), actors(task, *training.configs, ARMS, training.seed)
    planner.begin(1, weights[records.PLANNER], statistics, True)
    controller.begin(1, weights[records.CONTROLLER], statistics, False)
    episodes, _ = collect(simulation, task, planner, controller, 1)
    gripper, start = spaces.gripper_position(episodes.observation), np.arange(0, task.steps - horizon + 1, horizon)
    wanted = episodes.subgoal[start, :, :3]
    way, gone = wanted - gripper[start], gripper[start + horizon // 2] - gripper[start]
    fits = (np.abs(way).max(axis=-1) < SHARE * horizon * task.stride) & (np.linalg.norm(way, axis=-1) > SHORT)
    share = (gone * way).sum(axis=-1) / np.square(way).sum(axis=-1)
    return np.linalg.norm(gripper[start + horizon] - wanted, axis=-1)[fits], share[fits]


def main():
    td3.prepare(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[options()])
    parser.add_argument('--task', default='slide')
    parser.add_argument('--rounds', type=int, default=20)
    given = parser.parse_args()
    task = tasks.by_name(given.task)
    planner, controller = configured(given, PARAMETERS / f'{task.name}.yaml')
    planner = dataclasses.replace(planner, updates=0.0, start_updates=0.0, testing_rate=0.0, end_when_reached=False)
    training = Training(task, lambda arms, purpose: Simulation(task, arms, given.seed, purpose=purpose), given.arms, given.seed,
                        planner, controller)
    for round in range(given.rounds + 1):
        training.run_round(round)
        if round and round % 10 == 0:
            distance, share = attempts(training)
            print(f'round {round} attempts {len(distance)} mm', *np.round(1000 * np.quantile(distance, [0.25, 0.5, 0.75, 0.9]), 1),
                  'half', *np.round(np.quantile(share, [0.25, 0.5, 0.75]), 2), flush=True)


if __name__ == '__main__':
    main()
