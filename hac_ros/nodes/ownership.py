"""No node of a run is there twice: each owns its name, in the run's folder and in the ROS domain, while it lives."""
from hac_ros import domain_names
from hac_ros.run_folder import RunFolder


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
