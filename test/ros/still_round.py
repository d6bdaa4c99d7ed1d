"""The states of a round in which nobody moves, as a bridge would send them."""
import numpy as np

from hac_ros import messages, records
from hac_ros.simulation.simulation import Simulation


def states(task, arms, seed, first: records.StepId) -> list:
    """Return the ArmState messages of a round, from the state ``first`` on."""
    simulation = Simulation(task, arms, seed, first.worker)
    simulation.reset(first.round)
    made = []
    for step in range(task.steps + 1):
        s = simulation
        made.append(messages.from_arm_state(records.ArmState(
            records.StepId(first.run, first.worker, first.round, first.take, step), task.observation.name, task.steps,
            s.observation, s.achieved_goal, s.desired_goal, s.reward, s.success)))
        simulation.step(np.zeros((arms, 4)))
    simulation.close()
    return made


def answered(state, answers) -> bool:
    """Whether the newest answer is to this state."""
    return bool(answers) and messages.to_id(answers[-1].id) == messages.to_id(state.id)
