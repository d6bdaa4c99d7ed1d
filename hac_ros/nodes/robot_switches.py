"""Where a robot tells of its run-stops and faults."""
from collections.abc import Callable

from hac_ros import topics
from hac_ros.safety import switches

NAMED = ((topics.RUNSTOPPED, switches.SOFTWARE), (topics.BUTTON, switches.BUTTON), (topics.FAULTED, switches.FAULT))


def listen(node, run: str, hear: Callable[[str, bool], None]) -> list:
    """Have ``hear(name, pressed)`` called for whatever the robot says of them; names as in ``Switches``.

    Return the subscriptions.
    """
    return [topics.subscribe(node, topic, lambda msg, name=name: hear(name, msg.data), run) for topic, name in NAMED]
