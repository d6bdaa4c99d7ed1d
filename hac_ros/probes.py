"""The fixed probe subgoals on which the low level's accuracy is measured, and how they were drawn.

A probe belongs to an arm, whose start (with its object) is drawn from SEED. Probes are uniform over the part of the
task's workspace within RANGE of the gripper's start and, where the fingers move, over all openings; those that a
proportional controller does not reach in STEPS control steps, to half the tolerance, are drawn again: every one is
reachable, with a margin for other builds of MuJoCo.

    python -m hac_ros.probes            writes data/probes_<task>.json for every task
"""
import json
from pathlib import Path

import numpy as np

from hac_ros import atomic_files, spaces, tasks
from hac_ros.learning import attempts
from hac_ros.learning.controller import Controller
from hac_ros.randomness import generator
from hac_ros.records import Statistics, Subgoals, Weights
from hac_ros.rollout import arm_state
from hac_ros.simulation.simulation import Simulation
from hac_ros.tasks import Task

SEED, PROBES = 2020, 100
STEPS = 10                 # control steps within which a probe must be reached
TOLERANCE = (0.02, 0.005)  # [m] distance, [m] opening
RANGE = 0.20               # [m] from the gripper's start: what ten steps allow for
FULL_SPEED = 0.05          # [m] by which FetchEnv displaces the mocap body in a step at command 1
# Per metre that a finger is away, per metre a step that it moves. Measured: of uniform openings these reach all, gain 1
# without damping only 70 %, which would leave the set uneven.
FINGER_GAIN, FINGER_DAMPING = 2.0, 2.0
_ATTEMPTS = 200
FOLDER = Path(__file__).parent / 'data'


def read(task: Task, folder: Path = FOLDER) -> np.ndarray:
    """Return the committed probes of ``task``: (PROBES, 4) subgoals [m]; raises ValueError for a broken file."""
    path = folder / f'probes_{task.name}.json'
    try:
        values = np.array(json.loads(path.read_text())['subgoals'])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f'{path} cannot be read ({error}): install hac_ros again, or write it with '
                         'python -m hac_ros.probes') from error
    return spaces.SUBGOAL.rows(values, PROBES, str(path))


def simulation(task: Task, control: str = 'mocap') -> Simulation:
    """Return the arms at whose starts the probes were drawn; reset(0) brings them back there."""
    return Simulation(task, PROBES, SEED, purpose='probes', control=control)


def accuracy(arms: Simulation, controller: Controller, weights: Weights, statistics: Statistics) -> float:
    """Return the share of the probes that ``controller`` (of PROBES arms) reaches within TOLERANCE and STEPS."""
    targets = read(arms.task)
    controller.begin(0, weights, statistics, explore=False)

    def command(step: int) -> np.ndarray:
        state = arm_state(arms, 0)
        return controller.act(state, _subgoals(state.id, targets, STEPS - step)).value

    return float(_reached(arms, targets, command).mean())


def draw(task: Task) -> np.ndarray:
    """Return probes for ``task`` (PROBES, 4) [m], a function of SEED; raises RuntimeError if some cannot be found."""
    arms = simulation(task)
    start = spaces.gripper_position(arms.observation).copy()
    targets, wanting = np.zeros((PROBES, spaces.SUBGOAL.size)), np.ones(PROBES, dtype=bool)
    for attempt in range(_ATTEMPTS):
        candidates = _candidates(task, start, generator(SEED, 'probes', attempt))
        targets[wanting] = candidates[wanting]
        wanting &= ~reached_by_script(arms, targets, share=0.5)
        if not wanting.any():
            return targets
    raise RuntimeError(f'probes of {task.name}: {wanting.sum()} of {PROBES} not found in {_ATTEMPTS} draws')


def _candidates(task: Task, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one subgoal for each start (PROBES, 3), to tenths of a millimetre: files stay small and exact."""
    low, high = np.array(task.workspace.low), np.array(task.workspace.high)
    position = np.full((PROBES, 3), np.inf)
    while (outside := ~(np.linalg.norm(position - start, axis=1) <= RANGE)).any():
        position[outside] = (low + (high - low) * rng.random((PROBES, 3)))[outside]
    opening = rng.random((PROBES, 1)) * (0.0 if task.gripper_locked else spaces.OPENING_MAX)
    return np.round(np.concatenate([position, opening], axis=1), 4)


def scripted(observation: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the commands (N, 4) of a proportional controller, for observations (N, O) and subgoals (N, 4)."""
    distance = targets[:, :3] - spaces.gripper_position(observation)
    missing = targets[:, 3:] / 2 - spaces.fingers(observation).mean(axis=-1, keepdims=True)
    motion = spaces.finger_velocities(observation).mean(axis=-1, keepdims=True)
    command = np.concatenate([distance / FULL_SPEED, FINGER_GAIN * missing - FINGER_DAMPING * motion], axis=1)
    return np.clip(command, -1.0, 1.0)


def reached_by_script(arms: Simulation, targets: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return which ``targets`` (N, 4) a proportional controller reaches within ``share`` of TOLERANCE: (N,) bool."""
    return _reached(arms, targets, lambda _: scripted(arms.observation, targets), share)


def _reached(arms: Simulation, targets: np.ndarray, command, share: float = 1.0) -> np.ndarray:
    """Step ``arms`` from their starts by ``command(step)``; return which (N,) were at their targets at any step."""
    arms.reset(0)
    reached = np.zeros(arms.arms, dtype=bool)
    tolerance = share * np.array(TOLERANCE)
    for step in range(STEPS):
        arms.step(command(step))
        reached |= attempts.reached(arms.observation, targets, tolerance, arms.task.gripper_locked)
    return reached


def _subgoals(step_id, targets: np.ndarray, left: int) -> Subgoals:
    arms = len(targets)
    return Subgoals(step_id, targets, np.tile(TOLERANCE, (arms, 1)), np.ones(arms), np.zeros(arms, np.uint32),
                    np.full(arms, left, np.uint16), np.ones(arms, dtype=bool))


def main():
    """Write the probes of every task."""
    FOLDER.mkdir(exist_ok=True)
    for task in tasks.TASKS.values():
        content = {'task': task.name, 'seed': SEED, 'steps': STEPS, 'tolerance': TOLERANCE,
                   'values': spaces.SUBGOAL.names, 'subgoals': draw(task).tolist()}
        text = json.dumps(content).replace('], [', '],\n [')
        atomic_files.write_bytes(FOLDER / f'probes_{task.name}.json', (text + '\n').encode())


if __name__ == '__main__':
    main()
