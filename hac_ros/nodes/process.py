"""The life of a node's process: start, spin, stop, with one clear line for a setting that does not fit."""
import gc
import signal
import sys
import threading

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from hac_ros import realtime
from hac_ros.config import ProcessConfig
from hac_ros.launching import shared_memory, stop_signals
from hac_ros.launching.exit_status import FAILED, REFUSED
from hac_ros.parameters import declare

SPIN_SLICE = 0.2   # [s] the events executor of Jazzy hangs without a timeout, and a signal is noticed after one

_told_to_stop = threading.Event()


def stopping() -> bool:
    """Return whether the process has been told to stop: long callbacks ask now and then."""
    return _told_to_stop.is_set()


def timer(node, period: float, callback):
    """Call ``callback`` every ``period`` [s] by the machine's clock, whatever ``use_sim_time`` says.

    Simulated time stands still while a command is missing, which is what such timers are there to mend.
    """
    return node.create_timer(period, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def run(make_node, argv=None) -> int:
    """Run the node that ``make_node()`` returns until it is told to stop; return the exit status.

    A node that ends by itself has a Future ``stopped`` and sets the exit status as its result. 0 after a signal to stop
    (``stop_signals``) or a shutdown of the context, which let the running callback finish; 2 if a setting or the run was
    refused (ValueError or RuntimeError while the node was made), which is printed as one line. A node that must not leave
    yet when it is told to stop has ``may_end()``, which is asked every SPIN_SLICE.
    """
    # ``ros2 launch`` cleans nothing before it starts nodes, and not after one was killed.
    shared_memory.clean(age=shared_memory.STARTED)
    # rclpy's own handlers would end the context, and Python's would raise, in the middle of a callback.
    rclpy.init(args=sys.argv if argv is None else argv, signal_handler_options=SignalHandlerOptions.NO)
    for number in stop_signals.heeded():
        signal.signal(number, lambda *_: _told_to_stop.set())
    executor = EventsExecutor()
    node = None
    try:
        node = make_node()
        _claim_priority(node)
        gc.freeze()     # the collector need not go through modules and networks again in the midst of a round
        executor.add_node(node)
        return _spin(node, executor)
    except (ValueError, RuntimeError) as error:
        if node is not None or isinstance(error, RCLError):
            raise
        print(f'error: {error}', file=sys.stderr, flush=True)
        return REFUSED
    except OSError as error:     # a full disk: what was not written was not acknowledged either
        print(f'error: {error}', file=sys.stderr, flush=True)
        return FAILED
    finally:
        _close(node, executor)


def declare_priority(node, above: int = 0) -> None:
    """Declare the real-time priority of ``node``; ``run`` sees to it once the node is made.

    ``above``: so much more than what was asked for: what watches over others must not wait for them.
    """
    wanted = declare(node, ProcessConfig, 'process').priority
    node.real_time_priority = wanted + above if wanted else 0


def _claim_priority(node) -> None:
    """Take the real-time priority that was asked for; a node that may not have it says so, and goes on without."""
    wanted = getattr(node, 'real_time_priority', 0)
    if not wanted:
        return
    try:
        realtime.claim(wanted)
    except PermissionError:
        node.get_logger().warn(f'real-time priority {wanted} is not permitted here: goes on at the usual priority; '
                               'docs/deploy.md tells how to permit it')


def _spin(node, executor) -> int:
    stopped, may_end = getattr(node, 'stopped', None) or Future(), getattr(node, 'may_end', lambda: True)
    try:
        while rclpy.ok() and not (stopping() and may_end()) and not stopped.done():
            executor.spin_until_future_complete(stopped, timeout_sec=SPIN_SLICE)
    except ExternalShutdownException:
        pass
    return stopped.result() if stopped.done() else 0


def _close(node, executor) -> None:
    try:
        if node is not None:
            getattr(node, 'close', lambda: None)()
            node.destroy_node()
        executor.shutdown()
    finally:
        rclpy.try_shutdown()
