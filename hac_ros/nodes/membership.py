"""What binds a worker that joined to its run: it must have the run's settings, and it ends with the run."""
from hac_ros import topics
from hac_ros.config import RunConfig
from hac_ros.msg import RunStatus
from hac_ros.nodes import process
from hac_ros.nodes.ownership import Ownership
from hac_ros.parameters import declare

from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.task import Future

SHARED = ('task', 'control', 'policy', 'arms', 'seed')     # spaces alone do not tell tasks apart, and weights not who made them
ASK_EVERY = 0.5     # [s]


def joins(config: RunConfig) -> bool:
    """Whether the run did not start with this worker: one that it starts with has its settings from the same launch."""
    return config.worker >= config.workers


class Membership:
    """Ends ``node``, a node of a worker that joins, by its Future ``stopped``: with the run, or where it does not fit.

    The run's settings are the parameters of its recorder. ``confirmed``: they have come and are this worker's.
    Where the worker does not join, nothing is asked.

    A run that was begun again has other weights and statistics of the same numbers. Nothing of those before may be mixed
    with them: a node that is ``respawned`` ends and is started anew; one that is not compares the settings again.
    """

    def __init__(self, node, config: RunConfig, joined: bool, respawned: bool = True):
        self.node, self.config, self.confirmed, self._respawned = node, config, not joined, respawned
        self._recorder: int | None = None       # its incarnation
        node.stopped = Future()
        if not joined:
            return
        self._request = GetParameters.Request(names=list(SHARED))
        self._client = node.create_client(GetParameters, f'/{config.run}/recorder/get_parameters')
        process.timer(node, ASK_EVERY, self.ask)
        topics.subscribe(node, topics.STATUS, self.on_status, config.run)

    def ask(self) -> None:
        """Ask the recorder that was heard, until it has answered: one that ended meanwhile never does."""
        if self._recorder is not None and not self.confirmed and self._client.service_is_ready():
            self._client.call_async(self._request).add_done_callback(self.on_answer)

    def on_answer(self, future) -> None:
        """Compare the run's settings with this worker's."""
        theirs = [_value(value) for value in future.result().values]
        found = [f'{name} {getattr(self.config, name)} came, {wanted} is wanted'
                 for name, wanted in zip(SHARED, theirs, strict=True) if wanted != getattr(self.config, name)]
        if not found and not self.confirmed:
            self.node.get_logger().info(f'worker {self.config.worker} joins run {self.config.run}')
        self.confirmed = not found
        if found:
            self.end(process.REFUSED, f'worker {self.config.worker} cannot join run {self.config.run}: {"; ".join(found)}')

    def on_status(self, msg) -> None:
        """End with the run; begin again with one that was begun again."""
        if msg.run != self.config.run:
            return
        if msg.state == RunStatus.DONE:
            self.end(0, f'run {self.config.run} is done: worker {self.config.worker} ends')
        elif self._recorder not in (None, msg.incarnation):
            self.begin_again()
        self._recorder = msg.incarnation

    def begin_again(self) -> None:
        """Keep nothing of the run as it was before."""
        if self._respawned:
            self.end(0, f'run {self.config.run} was begun again: worker {self.config.worker} does so too')
        else:
            self.confirmed = False

    def end(self, status: int, why: str) -> None:
        """End the node, once, saying why."""
        if self.node.stopped.done():
            return
        logger = self.node.get_logger()
        (logger.error if status else logger.info)(why)
        self.node.stopped.set_result(status)


def _value(parameter):
    is_text = parameter.type == ParameterType.PARAMETER_STRING
    return parameter.string_value if is_text else parameter.integer_value


class MembershipNode(Node):
    """status, the recorder's parameters -> the end of a joined worker's launch, whose other nodes are started again."""

    def __init__(self, **node_options):
        super().__init__('membership', **node_options)
        config = declare(self, RunConfig)
        self.ownership = Ownership(self, config)
        self.membership = Membership(self, config, joined=True, respawned=False)

    def close(self) -> None:
        """Give the node's name back."""
        self.ownership.release()


def main(argv=None):
    """Run the node."""
    return process.run(MembershipNode, argv)
