"""No node of a run is there twice: each owns its name, in the run's folder and in the ROS domain, while it lives.

Nor do two runs drive one robot: its topics have no run's name.
"""
from collections import Counter

from hac_ros import domain_names
from hac_ros.run_folder import RunFolder, RunInUse

ROS1_BRIDGE = 'ros_bridge'     # ros1_bridge's node offers a writer of each topic that it carries, whichever way its messages go


class Ownership:
    """Claims the node's fully qualified name; raises RunInUse, naming the process, if it is taken."""

    def __init__(self, node, config):
        role = node.get_fully_qualified_name().strip('/').replace('/', '.')
        self._claim = RunFolder(config.folder, config.run).claim(role)
        self._claim.__enter__()
        self._name = domain_names.claim(role)

    def release(self) -> None:
        """Give the name back."""
        self._name.close()
        self._claim.__exit__(None, None, None)


def claim_robot():
    """Own the robot of this ROS domain until what is returned is closed; raises RunInUse if another bridge drives it."""
    try:
        return domain_names.claim('the robot')
    except RunInUse as error:
        raise RunInUse('another fetch_bridge drives the robot of this ROS domain, under whatever run: end it, or start this one '
                       'with shadow:=true, or choose another ROS_DOMAIN_ID') from error


def other_writers(node, topic: str, partners: tuple[str, ...]) -> list[str]:
    """Return who else writes ``topic``, by fully qualified name: not ``node``, nor its ``partners``, once each.

    A second of one of these is another: the same run may have been started on another computer, where no name is claimed.
    """
    writers = Counter(f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                      for info in node.get_publishers_info_by_topic(topic)
                      if info.node_name != ROS1_BRIDGE)
    writers.subtract((node.get_fully_qualified_name(), *partners))
    return sorted(name for name, count in writers.items() if count > 0)
