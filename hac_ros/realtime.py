"""Real-time priority of a process: its threads run before all that have none (SCHED_FIFO, sched(7))."""
import contextlib
import os
from pathlib import Path

THREADS = Path('/proc/self/task')


def claim(priority: int) -> None:
    """Give all threads of this process the real-time ``priority``, 1 .. 99; threads that they start later have it too.

    Raises PermissionError, and changes nothing, where the system does not permit it (RLIMIT_RTPRIO, CAP_SYS_NICE).
    """
    wanted = os.sched_param(priority)
    os.sched_setscheduler(0, os.SCHED_FIFO, wanted)     # the caller's own first: what is refused is refused here
    for thread in map(int, os.listdir(THREADS)):
        with contextlib.suppress(ProcessLookupError):   # it has ended meanwhile
            os.sched_setscheduler(thread, os.SCHED_FIFO, wanted)
