"""A learner that can go back: it keeps the networks of the best evaluated version, and of those that await a verdict."""
from hac_ros.learning.learner import Learner
from hac_ros.learning.return_rule import Return, ReturnRule
from hac_ros.learning.td3 import Snapshot


class Returning:
    """Around the training of each version: ``before`` it the return that is due, ``after`` it its networks are kept.

    With a rule of limit 0 nothing is kept and nothing returns.
    """

    def __init__(self, learner: Learner, rule: ReturnRule):
        self.learner, self.rule = learner, rule
        self.kept: dict[int, Snapshot] = {}

    def before(self, version: int) -> Return | None:
        """Go back if that is due, and return why. Versions ascend, and none lacks its verdict (``ReturnRule.lacks``)."""
        due = self.rule.begin(version)
        if due is not None:
            self.learner.td3.go_back(self.kept[due.best])
        awaited = version - 1 - self.rule.lag
        self.kept = {kept: each for kept, each in self.kept.items() if kept >= awaited or kept == self.rule.best}
        return due

    def after(self, version: int) -> None:
        """Keep the networks of ``version`` if it is evaluated."""
        if self.rule.evaluates(version):
            self.kept[version] = self.learner.td3.snapshot()

    def metrics(self) -> dict[str, float]:
        """Return the number of returns so far. The planner's learner tells it: the other one returns with it."""
        told = self.rule.limit > 0 and self.learner.level.name == 'planner'
        return {'planner/returns_to_best': float(len(self.rule.returns))} if told else {}

    def state(self, version: int) -> tuple[dict, dict]:
        """Return what is needed to go on after ``version``: tensors, and values fit for JSON. Both empty for limit 0."""
        if not self.rule.limit:
            return {}, {}
        tensors = {f'{version}/{name}': tensor for version, kept in self.kept.items()
                   for name, tensor in kept.tensors.items()}
        return tensors, {'verdicts': list(self.rule.taken(version).items()),
                         'kept': [[version, kept.updates, kept.hold] for version, kept in self.kept.items()]}

    def load_state(self, tensors: dict, info: dict, version: int) -> None:
        """Go on after ``version`` from ``state``: what was decided follows from the verdicts again."""
        for evaluated, success in info.get('verdicts', ()):
            self.rule.hear(evaluated, success)
        for earlier in range(version + 1):
            self.rule.begin(earlier)
        for kept, updates, hold in info.get('kept', ()):
            prefix = f'{kept}/'
            own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            self.kept[kept] = Snapshot(own, updates, hold)
