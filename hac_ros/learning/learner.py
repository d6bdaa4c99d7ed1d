"""One level's learner: holds episodes, trains for each version of the statistics, hands out weights."""
import numpy as np
import torch

from hac_ros.config import LevelConfig
from hac_ros.learning import level as levels
from hac_ros.learning import running_statistics
from hac_ros.learning.normalization import Normalization
from hac_ros.learning.origin import Origin
from hac_ros.learning.replay import Replay
from hac_ros.learning.td3 import Batch, Td3
from hac_ros.randomness import generator
from hac_ros.records import LEVELS, Episodes, Statistics, Weights
from hac_ros.tasks import Task

CHUNK = 8192    # samples drawn at once: numpy's cost a call is shared by many updates
PROBE = 256     # states over which the diversity of actions is measured


class Learner:
    """Trains one level. Weights of a version depend on seed, settings and the committed episodes only.

    ``level``: records.CONTROLLER or records.PLANNER. Same machine, same number of torch threads: same bits.
    """

    def __init__(self, level: int, task: Task, config: LevelConfig, seed: int, device: str = 'cpu'):
        """Raises ValueError for an unknown level or settings of the other; ``device``: of torch, for the updates."""
        self.level = levels.of_number(level, task, config)
        self.task, self.config, self.seed = task, config, seed
        self.replay = Replay(self.level.fields(), config.capacity)
        self.td3 = Td3(config, self.level.inputs, self.level.actions, self.level.lowest, self.level.action_map,
                       generator(seed, f'{self.level.name}_networks'), device)
        self.given = 0      # updates that the weights had before the first of this run
        self.probe: tuple[np.ndarray, np.ndarray] | None = None
        self.metrics = self._metrics([])

    def initial_weights(self, statistics: Statistics | None = None) -> Weights:
        """Return untrained weights, version 0, for ``statistics`` 0; None: for those that know nothing."""
        space = self.task.observation
        return self._weights(0, statistics or Statistics(0, space.name, running_statistics.empty(space.size)))

    def start_from(self, origin: Origin):
        """Begin with the networks of ``origin`` in place of random ones; call it before anything is learnt or restored.

        The weights count as trained from the start. Raises ValueError for networks of another size.
        """
        weights = (origin.bundle.controller, origin.bundle.planner)[self.level.number]
        self.td3.start_from(weights.tensors, origin.critics.get(self.level.name, {}))
        self.given = 1

    def add(self, episodes: Episodes) -> bool:
        """Hold a round; False if it was held before. Raises ValueError for a wrong level, space or size."""
        self._check(episodes)
        return self.replay.add(episodes.worker, episodes.round, self.level.rows(episodes))

    def learn(self, statistics: Statistics, version: int) -> Weights:
        """Train on the rounds that ``statistics`` includes, as many updates as their steps ask for.

        Versions ascend. Raises ValueError if the statistics are of another space or include a round that was
        not added.
        """
        if statistics.space != self.task.observation.name:
            raise ValueError(f'statistics of {statistics.space} came, of {self.task.observation.name} are wanted')
        rows, episodes = self.replay.committed(statistics)
        updates = self.config.updates_after(episodes * self.task.steps) - self.td3.updates if len(rows) else 0
        features = self.level.features(Normalization(statistics, self.config.clip))
        rng = generator(self.seed, f'{self.level.name}_replay', version)
        results = [self.td3.update(batch) for batch in self._batches(rows, updates, features, rng)]
        self.metrics = self._metrics(results)
        self._measure_diversity(rows, features)
        self._measure_values(rows, features)
        self.replay.drop_before(rows)
        return self._weights(version, statistics)

    def measure(self, episodes: Episodes) -> dict[str, float]:
        """Return the metrics of a round: a pure function of it."""
        return self.level.measure(episodes)

    def training_metrics(self) -> dict[str, float]:
        """Return the metrics of the last ``learn``; NaN where nothing was trained."""
        return dict(self.metrics)

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Return everything needed to go on bit for bit: tensors, and lists and numbers fit for JSON.

        There is no random state: draws are keyed by version.
        """
        replay, info = self.replay.state()
        tensors = {f'td3/{k}': v for k, v in self.td3.state().items()} | {f'replay/{k}': v for k, v in replay.items()}
        if self.probe is not None:
            tensors |= {'probe/observation': self.probe[0], 'probe/goal': self.probe[1]}
        return tensors, {'level': self.level.name, 'task': self.task.name, 'updates': self.td3.updates,
                         'hold': self.td3.hold, 'replay': info,
                         'metrics': {k: None if np.isnan(v) else v for k, v in self.metrics.items()}}

    def load_state(self, tensors: dict[str, np.ndarray], info: dict):
        """Go on from ``state``; raises ValueError if it is of another level, task or network size."""
        wanted = self.level.name, self.task.name
        if (info['level'], info['task']) != wanted:
            raise ValueError(f'checkpoint of {info["level"]} on {info["task"]} came, {" on ".join(wanted)} is wanted')
        self.td3.load_state(_part(tensors, 'td3/'), info['updates'], info.get('hold'))
        self.replay.load_state(_part(tensors, 'replay/'), info['replay'])
        probe = _part(tensors, 'probe/')
        self.probe = (probe['observation'], probe['goal']) if probe else None
        self.metrics = {k: float('nan') if v is None else v for k, v in info['metrics'].items()}

    def _batches(self, rows, updates: int, features, rng):
        size = self.config.batch
        while updates > 0:
            some = min(updates, max(1, CHUNK // size))
            sample = self.level.sample(self.replay.arrays, rows, some * size, rng)
            noise = rng.standard_normal(sample.action.shape, dtype=np.float32)
            arrays = (features(sample.observation, sample.goal), sample.action, features(sample.following, sample.goal),
                      sample.reward, sample.discount, noise,
                      self.level.context(sample.observation, sample.goal, sample.left),
                      self.level.context(sample.following, sample.goal),
                      self.level.context(sample.observation, sample.goal))
            batch = Batch(*(_batched(array, some, size) for array in arrays)).to(self.td3.device)
            yield from (batch[i] for i in range(some))
            updates -= some

    def _metrics(self, results: list[torch.Tensor]) -> dict[str, float]:
        read = torch.stack(results).cpu().numpy() if results else np.empty((0, 3))
        columns = read.astype(np.float64).T
        loss, value, actor = (float(np.nanmean(c)) if np.isfinite(c).any() else float('nan') for c in columns)
        name = self.level.name
        return {f'{name}/actor_loss': actor, f'{name}/critic_loss': loss, f'{name}/q_mean': value,
                f'{name}/updates': float(self.td3.updates)}

    def _measure_diversity(self, rows, features):
        """Add how subgoals differ [m] over the same states throughout a run, the first that were committed.

        planner/subgoal_std: of their positions. planner/state_dependence and goal_dependence: how far (root of the
        mean square) a proposal's displacement moves when it gets the observation, or the goal, of another state.
        planner/silent_units: share of the actor's hidden units that answer none of these states.
        """
        if self.level.name != 'planner':
            return
        if self.probe is None and len(rows) > 1:
            some = rows[np.arange(PROBE) % len(rows)]
            data, steps = self.replay.arrays, np.arange(PROBE) % self.task.steps
            self.probe = data['observation'][some, steps], data['desired_goal'][some]
        names = 'planner/subgoal_std', 'planner/state_dependence', 'planner/goal_dependence', 'planner/silent_units'
        self.metrics |= dict.fromkeys(names, float('nan'))
        if self.probe is not None:
            # The next one is of another episode, however many episodes the states are from.
            (observation, goal), other = self.probe, [np.roll(values, 1, axis=0) for values in self.probe]
            given = self.probe, (other[0], goal), (observation, other[1])
            inputs = [torch.from_numpy(features(*each)) for each in given]
            subgoal, *exchanged = (self._proposed(*each) for each in zip(inputs, *zip(*given)))
            centre = self.level.geometry.centre
            away = np.zeros((PROBE, 3)) + centre(observation) - centre(other[0])     # only the displacement counts
            moved = [np.linalg.norm(each[:, :3] + shift - subgoal[:, :3], axis=1)
                     for each, shift in zip(exchanged, (away, 0.0))]
            values = (subgoal.std(axis=0).mean(), *(np.sqrt(np.square(each).mean()) for each in moved),
                      self.td3.silent_units(inputs[0]))
            self.metrics |= {name: float(value) for name, value in zip(names, values)}

    def _proposed(self, inputs: torch.Tensor, observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return self.level.geometry.subgoal(observation, self.td3.act(inputs).numpy(), goal)

    def _measure_values(self, rows, features):
        """Add <level>/q_start: what the critics expect at the start of the newest episodes, if the actor acts alone."""
        name = f'{self.level.name}/q_start'
        self.metrics[name] = float('nan')
        if len(rows):
            start = self.level.starts(self.replay.arrays, rows[-PROBE:])
            inputs, context = (torch.from_numpy(given) for given in (features(*start), self.level.context(*start)))
            self.metrics[name] = float(self.td3.value(inputs, context, self.td3.act(inputs)).mean())

    def _weights(self, version: int, statistics: Statistics) -> Weights:
        digest = running_statistics.digest(statistics.space, statistics.moments)
        return Weights(self.level.number, version, statistics.version, self.td3.updates + self.given,
                       self.td3.tensors(), digest)

    def _check(self, episodes: Episodes):
        if episodes.level != self.level.number:
            raise ValueError(f'episodes of level {LEVELS[episodes.level]} came, {self.level.name} is wanted')
        steps, arms = self.task.steps, episodes.arms
        wanted = (steps + 1, arms, self.task.observation.size)
        if episodes.observation.shape != wanted:
            raise ValueError(f'episodes: observations {episodes.observation.shape} came, {wanted} '
                             f'({self.task.observation.name}) are wanted')
        if episodes.action.shape != (steps, arms, 4) or episodes.subgoal.shape != (steps, arms, 4):
            raise ValueError(f'episodes: actions {episodes.action.shape} and subgoals {episodes.subgoal.shape} came, '
                             f'{(steps, arms, 4)} are wanted')
        if not all(np.isfinite(a).all() for a in (episodes.observation, episodes.action, episodes.subgoal)):
            raise ValueError(f'episodes of round {episodes.round}: a value is not finite')


def _batched(array: np.ndarray, updates: int, size: int) -> torch.Tensor:
    array = np.ascontiguousarray(array, dtype=np.float32)
    return torch.from_numpy(array.reshape(updates, size, *array.shape[1:]))


def _part(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
