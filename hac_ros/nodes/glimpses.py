"""Reading a busy topic now and then: what comes in between is dropped by DDS and never reaches Python."""
import time
from collections.abc import Callable

from hac_ros import topics

from rclpy.node import Node


class Glimpses:
    """Subscriptions that are read when asked, of a hidden node that no executor spins.

    An executor would call back for every sample of every arm; here the newest few wait in the reader.
    """

    def __init__(self, owner: Node):
        self._owner, self._node, self._subscriptions = owner, None, {}

    @property
    def open(self) -> bool:
        """Whether there are subscriptions."""
        return self._node is not None

    def subscribe(self, run: str, worker: int, *wanted: topics.Topic) -> None:
        """Subscribe to topics of a worker, if that was not done yet."""
        if self._node is not None:
            return
        self._node = Node(f'_{self._owner.get_name()}_reader', namespace=self._owner.get_namespace(),
                          context=self._owner.context, use_global_arguments=False, enable_rosout=False,
                          start_parameter_services=False)
        for topic in wanted:
            self._subscriptions[topic.name] = self._node.create_subscription(
                topic.type, topic.path(run, worker), lambda _: None, topics.GLIMPSE)

    def take(self, topic: topics.Topic) -> list:
        """Return the messages that wait, oldest first: at most the reader's depth."""
        handle, found = self._subscriptions[topic.name].handle, []
        with handle:
            while (taken := handle.take_message(topic.type, False)) is not None:
                found.append(taken[0])
        return found

    def close(self) -> None:
        """End the subscriptions."""
        if self._node is not None:
            self._node.destroy_node()
            self._node, self._subscriptions = None, {}


class CpuBudget:
    """A share of one core that this process keeps to on average, whatever a piece of work costs."""

    SAVED = 3.0     # [s] of wall clock whose share may be saved up

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic,
                 cpu: Callable[[], float] = time.process_time):
        self.share, self.clock, self.cpu = share, clock, cpu
        self.restart()

    def restart(self) -> None:
        """Begin to count anew: what was used before does not matter."""
        self.wall, self.used, self.credit = self.clock(), self.cpu(), self.share * self.SAVED

    def allows(self) -> bool:
        """Return whether the process has used less than its share lately."""
        wall, used = self.clock(), self.cpu()
        gained = self.share * (wall - self.wall) - (used - self.used)
        self.credit = min(self.credit + gained, self.share * self.SAVED)
        self.wall, self.used = wall, used
        return self.credit > 0
