"""What one level saw and did in a round, step by step, until it is handed on whole."""
import numpy as np

from hac_ros.records import ArmState, Episodes, Subgoals

_SUBGOAL = ('value', 'tolerance', 'speed', 'attempt', 'steps_left', 'testing')


class Recording:
    """States, subgoals and actions of one round in the order of its steps."""

    def __init__(self, level: int, round: int, weights: int, statistics: int):
        self.level, self.round, self.weights, self.statistics = level, round, weights, statistics
        self.states: list[ArmState] = []
        self.steps: list[tuple[Subgoals, np.ndarray, np.ndarray]] = []

    def expect(self, state: ArmState):
        """Raise ValueError unless ``state`` is the next of this round."""
        wanted = self.round, len(self.states)
        if (state.id.round, state.id.step) != wanted:
            raise ValueError(f'round {state.id.round} step {state.id.step} came, '
                             f'round {wanted[0]} step {wanted[1]} is wanted')
        if state.terminal is not (len(self.steps) == len(self.states) == state.steps > 0):
            raise ValueError(f'step {state.id.step} of {state.steps}: a terminal state wants no action')

    def append(self, state: ArmState, subgoals: Subgoals, action: np.ndarray, exploring: np.ndarray):
        """Keep one step: action (N, A), exploring (N,) bool."""
        self.states.append(state)
        self.steps.append((subgoals, action, exploring))

    def finish(self, state: ArmState):
        """Keep the terminal state."""
        self.states.append(state)

    def episodes(self, incarnation: int) -> Episodes:
        """Return the whole round; raises ValueError before its terminal state has come."""
        if len(self.states) != len(self.steps) + 1:
            raise ValueError(f'round {self.round} has {len(self.steps)} steps and no terminal state yet')
        of_subgoal = {('subgoal' if name == 'value' else name): np.stack([getattr(s, name) for s, _, _ in self.steps])
                      for name in _SUBGOAL}
        return Episodes(
            worker=self.states[0].id.worker, incarnation=incarnation, round=self.round, level=self.level,
            weights=self.weights, statistics=self.statistics,
            observation=np.stack([s.observation for s in self.states]),
            achieved_goal=np.stack([s.achieved_goal for s in self.states]),
            desired_goal=self.states[0].desired_goal, success=np.stack([s.success for s in self.states]).astype(bool),
            action=np.stack([action for _, action, _ in self.steps]),
            exploring=np.stack([exploring for _, _, exploring in self.steps]), **of_subgoal)
