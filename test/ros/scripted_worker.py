"""Plays a worker of two arms: states and subgoals as a test wrote them, sent until somebody shows them."""
import dataclasses

import numpy as np

from hac_ros import messages, records, spaces, topics
from std_msgs.msg import Header

ARMS, STEPS, FRAME = 2, 6, 'world'
TOLERANCE = np.array([[0.02, 0.005], [0.03, 0.004]])
ATTEMPT = [0, 0, 1, 1, 1, 2]              # by step: the subgoal in force
STEPS_LEFT = [3, 2, 3, 2, 1, 3]
SUBGOALS = np.array([                     # attempt x arm: position [m] and opening [m]
    [[1.30, 0.70, 0.50, 0.02], [1.20, 0.80, 0.45, 0.08]],
    [[1.40, 0.60, 0.55, 0.04], [1.25, 0.85, 0.60, 0.00]],
    [[1.35, 0.75, 0.65, 0.06], [1.45, 0.65, 0.42, 0.10]]])
GOALS = np.array([[1.32, 0.68, 0.42], [1.22, 0.92, 0.70]])
ANGLES = np.array([[0.0, 0.0, 0.0], [0.3, -0.4, 0.5]])   # [rad] of the object


def grippers() -> np.ndarray:
    """Return (state, arm, 3) [m]: arm 0 reaches its first subgoal, and nobody any other."""
    paths = np.random.default_rng(3).uniform((1.1, 0.5, 0.42), (1.5, 1.0, 0.8), (STEPS + 1, ARMS, 3))
    paths[2, 0] = SUBGOALS[0, 0, :3] + (0.01, 0.0, 0.01)
    return paths


def state_of(task) -> records.ArmState:
    """Return the first state as ``task`` observes it."""
    first, space = state(0), task.observation
    return dataclasses.replace(first, space=space.name, observation=first.observation[:, :space.size])


def state(step: int, round_: int = 0, run: str = 'scripted') -> records.ArmState:
    """Return the state of ``step``."""
    observation = np.zeros((ARMS, spaces.OBJECT_OBSERVATION.size))
    observation[:, 0:3] = grippers()[step]
    observation[:, 3:6] = GOALS + 0.01 * step
    observation[:, 9:11] = (0.01, 0.01)
    observation[:, 11:14] = ANGLES
    time = (round_ * (STEPS + 1) + step + 1) * 0.04
    return records.ArmState(records.StepId(run, 0, round_, 0, step), spaces.OBJECT_OBSERVATION.name, STEPS, observation,
                            observation[:, 3:6], GOALS, -np.ones(ARMS), np.array([step == 4, False]), time, 0.04, FRAME)


def subgoals(step: int, round_: int = 0, run: str = 'scripted') -> records.Subgoals:
    """Return the subgoals that answer the state of ``step``."""
    return records.Subgoals(records.StepId(run, 0, round_, 0, step), SUBGOALS[ATTEMPT[step]], TOLERANCE, np.ones(ARMS),
                            np.full(ARMS, ATTEMPT[step]), np.full(ARMS, STEPS_LEFT[step]), np.array([False, step < 2]))


class ScriptedWorker:
    """Publishes the script through ``listener`` and keeps every MarkerArray that comes."""

    def __init__(self, listener, run: str = 'scripted'):
        self.listener, self.run, self.arrays = listener, run, []
        self.states = topics.publisher(listener.node, topics.ARM_STATE, run)
        self.subgoals = topics.publisher(listener.node, topics.SUBGOAL, run)
        self.watch()

    def watch(self):
        """Subscribe to the markers."""
        self.subscription = topics.subscribe(self.listener.node, topics.MARKERS, self.arrays.append, self.run)

    def look_away(self):
        """End the subscription."""
        self.listener.node.destroy_subscription(self.subscription)

    def show(self, step: int, round_: int = 0, arm: int = 0):
        """Send a step until its markers come, and return the array in which the subgoal is that of the step too."""
        words = [f'arm {arm},', f'round {round_},', f'step {step}/{STEPS}']
        words += [f'controller: steps left {STEPS_LEFT[step]}'] if step < STEPS else []
        here = len(self.arrays)

        def found():
            self.send(step, round_)
            return next((array for array in self.arrays[here:]
                         if any(all(word in text for word in words) for text in texts(array))), None)
        return self.listener.until(found, f'markers of step {step} of round {round_}')

    def send(self, step: int, round_: int):
        """Publish a state and the subgoals that answer it."""
        current = state(step, round_, self.run)
        header = Header(stamp=messages.to_time(current.time), frame_id=FRAME)
        self.states.publish(messages.from_arm_state(current))
        if step < STEPS:
            self.subgoals.publish(messages.from_subgoals(subgoals(step, round_, self.run), header))


def texts(array) -> list[str]:
    """Return the texts among the markers."""
    return [marker.text for marker in array.markers if marker.text]
