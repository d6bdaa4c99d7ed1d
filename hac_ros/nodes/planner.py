"""The high level: proposes subgoals."""
import functools

from hac_ros import atomic_files, messages, records, topics
from hac_ros.learning import journal
from hac_ros.learning.contributor import Contributor
from hac_ros.nodes import process
from hac_ros.nodes.level import LevelNode, header
from hac_ros.run_folder import RunFolder


class PlannerNode(LevelNode):
    """arm_state, planner/weights, statistics -> subgoal, planner/episodes, contribution."""

    number = records.PLANNER

    def __init__(self, **node_options):
        super().__init__('planner', **node_options)
        run, worker = self.config.run, self.config.worker
        path = RunFolder(self.config.folder, run).journal / f'planner_{worker}.json'
        self.contributor = Contributor(worker, self.incarnation, self.task.observation, journal.read_contribution(path),
                                       functools.partial(journal.write_contribution, path))
        self.answers = topics.publisher(self, topics.SUBGOAL, run, worker)
        self.contributions = topics.publisher(self, topics.CONTRIBUTION, run)

    def act(self, state):
        """Return the Subgoal message for ``state``."""
        return messages.from_subgoals(self.level.act(state), header(state))

    def finished(self, episodes):
        """Hold the round's observations ready for the statistics: they go out when the learners hold the round."""
        if self.learns:
            self.contributor.finish(episodes.round, episodes.observation)

    def on_receipt(self, msg):
        """Contribute the round when the last learner holds it."""
        super().on_receipt(msg)
        self.contribute()

    def repeat(self, state):
        """Answer again, and try again what the disk did not take."""
        super().repeat(state)
        self.contribute()

    def go_on(self):
        """Contribute what the newest statistics have made way for, and answer a state that waited."""
        self.contribute()
        super().go_on()

    def contribute(self):
        """Publish the contribution that is due, if one is: none where nobody learns."""
        if not self.learns:
            return
        try:
            contribution = self.due()
        except atomic_files.WriteFailed as error:
            self.health.refuse('contribution not stored', error)
            return
        if contribution is not None:
            stamp = self.get_clock().now().to_msg()
            self.contributions.publish(messages.from_contribution(contribution, self.config.run, stamp))

    def due(self) -> records.Contribution | None:
        """Return the contribution that may go out now, None if there is none; raises WriteFailed on a full disk."""
        newest = self.versions.newest_statistics()
        if newest < 0:
            return None
        statistics = self.versions.statistics(newest)
        learners = [self.held.get(learner, 0) for learner in topics.LEARNERS]
        included = [each for each in statistics.includes if each.worker == self.config.worker]
        return self.contributor.next(newest, self.held.get('normalizer'), statistics.since, learners, included)


def main(argv=None):
    """Run the node."""
    return process.run(PlannerNode, argv)
