"""The acting side of the low level: commands that take the gripper to its subgoal."""
import numpy as np

from hac_ros import records, spaces
from hac_ros.config import ControllerConfig
from hac_ros.learning import exploration
from hac_ros.learning.features import ControllerFeatures
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.policy import ACTOR, AVERAGED, Policy
from hac_ros.learning.recording import Recording
from hac_ros.randomness import generator
from hac_ros.records import ArmState, Commands, Episodes, Statistics, Subgoals, Weights
from hac_ros.tasks import Task


def action_size(config: ControllerConfig) -> int:
    """Return how many values of the command the policy gives: a servo has the fourth."""
    return 3 if config.gripper == 'servo' else spaces.COMMAND.size


class Controller:
    """Answers the subgoals of every state of a round with commands.

    A round is a pure function of (weights, statistics, seed, worker, round, states, subgoals).
    """

    def __init__(self, task: Task, config: ControllerConfig, arms: int, seed: int, worker: int = 0):
        self.task, self.config, self.arms, self.seed, self.worker = task, config, arms, seed, worker
        self.recording = None

    def begin(self, round: int, weights: Weights, statistics: Statistics, explore: bool):
        """Start a round, whatever became of the one before. Without ``explore``: averaged weights, no draws."""
        network = ACTOR if explore else AVERAGED
        self.policy = Policy(weights, network, *self._sizes(), self.config.actor_layer_norm)
        self.features = self._features(Normalization(statistics, self.config.clip))
        self.explore, self.untrained = explore, weights.updates == 0
        self.exploration = self.config.exploration_after(weights.updates)
        self.recording = Recording(records.CONTROLLER, round, weights.version, statistics.version)

    def act(self, state: ArmState, subgoals: Subgoals) -> Commands:
        """Return commands; states must come in order 0 .. steps - 1. Raises ValueError if not."""
        self.recording.expect(state)
        if subgoals.id != state.id:
            raise ValueError(f'subgoals of {subgoals.id} came, of {state.id} are wanted')
        action = self.policy(self.features(state.observation, self._aim(state, subgoals)))
        exploring = self.explore & ~subgoals.testing
        if self.explore:
            action = np.where(exploring[:, None], self._explored(state, action), action)
        value = self._command(state, subgoals, action)
        self.recording.append(state, subgoals, value, exploring)
        return Commands(state.id, value, self.recording.weights, self.recording.statistics)

    def finish(self, state: ArmState):
        """Take the terminal state of the round."""
        self.recording.expect(state)
        self.recording.finish(state)

    def episodes(self, incarnation: int) -> Episodes:
        """Return the round as the controller's learner wants it; raises ValueError before ``finish``."""
        return self.recording.episodes(incarnation)

    def _sizes(self) -> tuple[int, int]:
        return ControllerFeatures.size(self.task), action_size(self.config)

    def _features(self, normalization: Normalization) -> ControllerFeatures:
        return ControllerFeatures(self.task, normalization)

    def _aim(self, state: ArmState, subgoals: Subgoals) -> np.ndarray:
        return waypoint(state.observation, subgoals, self.task.stride) if self.config.punctual else subgoals.value

    def _explored(self, state: ArmState, action: np.ndarray) -> np.ndarray:
        rng = generator(self.seed, 'controller_exploration', self.worker, state.id.round, state.id.step)
        random_share = 1.0 if self.untrained else self.config.random_share * self.exploration
        return exploration.disturbed(action, rng, self.config.noise * self.exploration, random_share)

    def _command(self, state: ArmState, subgoals: Subgoals, action: np.ndarray) -> np.ndarray:
        value = np.empty((self.arms, spaces.COMMAND.size))
        value[:, :3] = action[:, :3] if self.config.punctual else action[:, :3] * subgoals.speed[:, None]
        value[:, 3] = action[:, 3] if action.shape[1] > 3 else servo(
            state.observation, subgoals.value[:, 3], self.config)
        return value.clip(-1.0, 1.0)


def waypoint(observation: np.ndarray, subgoals: Subgoals, stride: float) -> np.ndarray:
    """Return (N, 4) subgoals of one control step: where on the straight way each gripper is due after it.

    A controller that is shown the subgoal itself is there as soon as it can, on bent ways, and waits. What is struck on the
    way feels speed and direction, so the planner has to be able to ask for both by a place and a time. Where the time is too
    short, the way goes on at full speed: ``stride`` [m] a step along its longest axis, times ``Subgoals.speed``.
    """
    way = subgoals.value[:, :3] - spaces.gripper_position(observation)
    full = stride * subgoals.speed
    share = np.minimum(1.0 / np.maximum(subgoals.steps_left, 1), full / np.maximum(np.abs(way).max(axis=1), full))
    aim = subgoals.value.copy()
    aim[:, :3] -= way * (1.0 - share[:, None])
    return aim


def servo(observation: np.ndarray, opening: np.ndarray, config: ControllerConfig) -> np.ndarray:
    """Return the gripper command (N,) that takes both fingers to half of ``opening`` (N,) [m].

    FetchEnv adds the command [m] to each finger's position and drives its position actuator there, so feedback of
    what is missing and of the speed closes the loop; an object in between is squeezed in proportion to what is missing.
    """
    missing = opening / 2 - spaces.fingers(observation).sum(axis=-1) / 2
    motion = spaces.finger_velocities(observation).sum(axis=-1) / 2
    return config.servo_gain * missing - config.servo_damping * motion
