"""The life of a node's process: start, spin, stop, with one clear line for a setting that does not fit."""
import signal
import sys

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.task import Future

SPIN_SLICE = 0.5   # [s] the events executor of Jazzy's wheels hangs when it spins without a timeout


def run(make_node, argv=None) -> int:
    """Run the node that ``make_node()`` returns until it is told to stop; return the exit status.

    A node that ends by itself has a Future ``stopped`` and sets the exit status as its result. 0 after SIGINT, SIGTERM or a shutdown of the context; 2 if a setting or the run was refused (ValueError,
    RuntimeError while the node was made), which is printed as one line.
    """
    rclpy.init(args=sys.argv if argv is None else argv)
    # A second signal during the clean-up would kill the process: the first one has been heard.
    node, executor, status = None, EventsExecutor(), 0
    try:
        node = make_node()
        executor.add_node(node)
        stop = getattr(node, 'stopped', None) or Future()
        while rclpy.ok() and not stop.done():
            executor.spin_until_future_complete(stop, timeout_sec=SPIN_SLICE)
        status = stop.result() if stop.done() else 0
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RCLError:
        if rclpy.ok():   # else a callback was interrupted by the shutdown of the context: that is the end
            raise
    except (ValueError, RuntimeError) as error:
        if node is not None:
            raise
        print(f'error: {error}', file=sys.stderr)
        status = 2
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _close(node, executor)
    return status


def _close(node, executor) -> None:
    try:
        if node is not None:
            getattr(node, 'close', lambda: None)()
            node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
    except RCLError:
        pass   # the context was shut down by a signal meanwhile: nothing is left to destroy
