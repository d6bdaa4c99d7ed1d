"""What a policy of one arm answers to a state of fetch_bridge."""
import numpy as np

from hac_ros import messages, records
from std_msgs.msg import Header


def answers(step: records.StepId, subgoal: np.ndarray, command) -> tuple:
    """Return the messages, subgoal (4,) and command (4,), that answer the state of ``step``."""
    return messages.from_subgoals(records.Subgoals(
        step, subgoal[None], np.array([[0.02, 0.005]]), np.ones(1), np.zeros(1, np.uint32), np.full(1, 5, np.uint16),
        np.zeros(1, bool)), Header()), messages.from_commands(
            records.Commands(step, np.array([command], dtype=float)), Header())
