"""A test's own stand-in place at the bridge's wire: sends commands and keeps every state."""
import numpy as np

from hac_ros import messages, records, tasks, topics
from std_msgs.msg import Header


class BridgeDriver:
    """Talks to the bridge of worker 0 of ``run`` through ``listener``; answers a repeated state again, as a controller does."""

    def __init__(self, listener, run: str, task: str):
        self.listener, self.run, self.task = listener, run, tasks.by_name(task)
        self.states, self.answer = [], None
        self.commands = topics.publisher(listener.node, topics.ARM_COMMAND, run)
        topics.subscribe(listener.node, topics.ARM_STATE, self.on_state, run)

    def on_state(self, message):
        """Keep a state; one that the answer has been sent to is repeated because that was not heard."""
        self.states.append(message)
        if self.answer is not None and self.answer.id == message.id:
            self.commands.publish(self.answer)

    def first(self):
        """Return the id of the first state, when the bridge's subscription is known, too."""
        self.listener.until(lambda: self.states and self.commands.get_subscription_count(), 'the first state')
        return messages.to_id(self.states[-1].id)

    def send(self, step: records.StepId, value: np.ndarray):
        """Send a command for ``step``."""
        self.publish(messages.from_commands(records.Commands(step, value), Header()))

    def publish(self, message):
        """Send ``message``, an ArmCommand."""
        self.answer = message
        self.commands.publish(message)

    def wait(self, round_: int, step: int, take: int = 0):
        """Return the first state of that id that has come or comes."""
        def found():
            return next((m for m in self.states if (m.id.round, m.id.take, m.id.step) == (round_, take, step)), None)
        return messages.to_arm_state(self.listener.until(found, f'state {round_}/{take}/{step}'), self.task.observation)

    def step(self, step: records.StepId, value: np.ndarray):
        """Send a command for ``step`` and return the state that follows."""
        self.send(step, value)
        return self.wait(step.round, step.step + 1, step.take)
