"""How far a strike sends FetchSlide's puck: what the task allows, whatever a policy has learnt.

    python benchmarks/strikes.py

The gripper stands behind the puck, comes at a share of its full command, and goes on at all of it once it is near. Prints how
far away goals are, and a line a share: the puck's greatest speed, and how far it goes, median and (10 to 90 %) of 64 pucks. Then
the same of one command from start to end, from places 1 mm apart behind the puck: in which part of a control step they touch.
"""
import numpy as np

from hac_ros import spaces, tasks
from hac_ros.simulation.simulation import Simulation

ARMS, SEED = 64, 5
BEHIND = 0.075      # [m] from the gripper to the puck's middle at the start
PLACES = 0.060 + 0.001 * np.arange(ARMS)    # [m] the same, over about two steps at full command
NEAR = 0.052        # [m] the same from which on the command is full: about a step before they touch
THROUGH = 0.12      # [m] past the puck's place at which the gripper stops
GAIN = 20.0         # command a metre on the way to the start: 0.05 m a step at command 1


def swing(simulation: Simulation, share, near=1.0, behind=BEHIND):
    """Strike every puck along x, at ``share`` of the full command on the way and at ``near`` from near on; yields after each step.

    behind: distance of the start from the puck [m]. Each is for all arms or (arms,).
    """
    simulation.reset(1)
    place = _puck(simulation).copy()
    back = np.stack(np.broadcast_arrays(-np.asarray(behind), 0.0, 0.0), axis=-1)
    for height, steps in ((0.1, 12), (0.0, 8)):
        for _ in range(steps):
            _step(simulation, GAIN * (place + back + (0.0, 0.0, height) - _gripper(simulation)))
            yield
    while simulation.step_count < simulation.task.steps:
        gripper = _gripper(simulation)
        ahead = (place - gripper)[:, 0]
        command = GAIN * (place - gripper)      # keeps to the line
        command[:, 0] = np.where(ahead < -THROUGH, 0.0, np.where(ahead < NEAR, near, share))
        _step(simulation, command)
        yield


def strike(simulation: Simulation, *given) -> tuple[np.ndarray, np.ndarray]:
    """Return the greatest speed [m/s] and the distance along x [m] of each puck in a ``swing`` with what is given."""
    places = np.stack([_puck(simulation).copy() for _ in swing(simulation, *given)])
    speed = np.linalg.norm(np.diff(places, axis=0), axis=-1).max(axis=0) / simulation.task.period
    return speed, (places[-1] - places[0])[:, 0]


def _goals(simulation: Simulation, round_: int) -> np.ndarray:
    simulation.reset(round_)
    return np.linalg.norm(simulation.desired_goal - _puck(simulation), axis=1)


def _step(simulation: Simulation, command: np.ndarray):
    simulation.step(np.pad(command, ((0, 0), (0, 1))).clip(-1.0, 1.0))


def _puck(simulation: Simulation) -> np.ndarray:
    return spaces.object_position(simulation.observation)


def _gripper(simulation: Simulation) -> np.ndarray:
    return spaces.gripper_position(simulation.observation)


def _in_words(speed: np.ndarray, distance: np.ndarray) -> str:
    low, middle, high = np.quantile(distance, (0.1, 0.5, 0.9))
    return f'speed {np.median(speed):.2f} m/s, distance {middle:.2f} m ({low:.2f} to {high:.2f})'


def main():
    simulation = Simulation(tasks.by_name('slide'), ARMS, SEED)
    goals = np.concatenate([_goals(simulation, round_) for round_ in range(20)])
    print(f'goals: {np.quantile(goals, (0.1, 0.5, 0.8, 0.9, 1.0)).round(2)} m away (10, 50, 80, 90, 100 % of {len(goals)})')
    for share in (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        print(f'comes at {share:.1f}: {_in_words(*strike(simulation, share))}')
    for share in (0.8, 0.9, 0.95, 1.0):
        speed, distance = strike(simulation, share, share, PLACES)
        print(f'at {share:.2f} throughout: {_in_words(speed, distance)}, farthest {distance.max():.2f} m from '
              f'{1000 * PLACES[distance.argmax()]:.0f} mm behind')


if __name__ == '__main__':
    main()
