"""The low level: reaches subgoals."""
from hac_ros import messages, records, topics
from hac_ros.nodes import process
from hac_ros.nodes.level import LevelNode, header


class ControllerNode(LevelNode):
    """arm_state, subgoal, controller/weights, statistics -> arm_command, controller/episodes."""

    number = records.CONTROLLER

    def __init__(self, **node_options):
        super().__init__('controller', **node_options)
        run, worker = self.config.run, self.config.worker
        self.subgoals = self.open_state = None
        self.answers = topics.publisher(self, topics.ARM_COMMAND, run, worker)
        topics.subscribe(self, topics.SUBGOAL, self.on_subgoal, run, worker)

    def on_subgoal(self, msg):
        """Keep the subgoal, and act if its state has come."""
        try:
            subgoals = messages.to_subgoals(msg)
            if len(subgoals.value) != self.config.arms:
                raise ValueError(f'subgoals for {len(subgoals.value)} arms came, for {self.config.arms} are wanted')
        except ValueError as error:
            self.health.refuse('subgoal refused', error)
            return
        self.subgoals = subgoals
        if self.open_state is not None and self.open_state.id == self.subgoals.id:
            self.follow(self.open_state)

    def advance(self, state):
        """Answer the state when its subgoal is here; a round's last state has none."""
        waits = not state.terminal and (self.subgoals is None or self.subgoals.id != state.id)
        self.open_state = state if waits else None
        if not waits:
            super().advance(state)

    def act(self, state):
        """Return the ArmCommand message for ``state`` under the subgoal in force."""
        return messages.from_commands(self.level.act(state, self.subgoals), header(state))


def main(argv=None):
    """Run the node."""
    return process.run(ControllerNode, argv)
