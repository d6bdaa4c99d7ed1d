"""How fast MuJoCo alone steps the arms: the limit that Simulation and bridge are measured against."""
import time
from functools import partial

import mujoco
import numpy as np

from hac_ros.randomness import generator
from hac_ros.simulation import constants
from hac_ros.simulation.simulation import Simulation


def draw_commands(simulation: Simulation, steps: int) -> np.ndarray:
    """Return uniform commands (steps, N, 4) in -1 .. 1, the same for the same seed."""
    rng = generator(simulation.seed, 'speed/commands')
    return rng.uniform(-1, 1, size=(steps, simulation.arms, 4))


def physics_only(simulation: Simulation, steps: int, clock=time.perf_counter, first_round: int = 0) -> float:
    """Return control steps/s (of all arms together) of a bare loop of mj_step, with the simulation's threads.

    The commands of ``draw_commands`` move the mocap bodies and fingers; nothing is checked or read out, and locked
    fingers are not zeroed. An episode is restarted, untimed, after as many steps as the task has; ``first_round`` is
    the round of the first.
    """
    model, data = simulation.model, simulation.data
    gripper, mocap = model.body(constants.GRIPPER_BODY).id, model.body(constants.MOCAP_BODY).mocapid[0]
    poses = [(d.xpos[gripper], d.mocap_pos[mocap], d.xquat[gripper], d.mocap_quat[mocap]) for d in data]
    rotation = np.array(constants.ROTATION)
    fingers = [[(d.ctrl[k:k + 1], d.qpos[a:a + 1]) for k, a in
                enumerate(model.jnt_qposadr[model.actuator_trnid[:, 0]])] for d in data]

    def advance(arms, move, opening):
        for arm in arms:
            position, mocap_position, orientation, mocap_orientation = poses[arm]
            np.add(position, move[arm], mocap_position)
            np.add(orientation, rotation, mocap_orientation)
            for control, finger in fingers[arm]:
                control[0] = finger[0] + opening[arm]
            mujoco.mj_step(model, data[arm], constants.SUBSTEPS)

    def step(command):
        work = partial(advance, move=command[:, :3] * constants.STEP_LENGTH, opening=command[:, 3])
        if simulation.pool is None:
            work(simulation.chunks[0])
        else:
            list(simulation.pool.map(work, simulation.chunks))

    return timed(simulation, step, steps, clock, first_round)


def batched(simulation: Simulation, steps: int, clock=time.perf_counter) -> float:
    """Return control steps/s (of all arms together) of ``simulation.step`` with the same commands and restarts."""
    return timed(simulation, simulation.step, steps, clock)


def timed(simulation: Simulation, step, steps: int, clock, first_round: int = 0) -> float:
    """Return control steps/s of ``step(command)`` by ``clock`` [s]; restarts of the episodes are not timed."""
    elapsed = 0.0
    for index, command in enumerate(draw_commands(simulation, steps)):
        if index % simulation.task.steps == 0:
            simulation.reset(first_round + index // simulation.task.steps)
        begin = clock()
        step(command)
        elapsed += clock() - begin
    return steps * simulation.arms / elapsed
