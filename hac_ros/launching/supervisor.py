"""Runs the processes of a plan as ``ros2 launch`` does: starts, logs, respawns and stops them, leaving none behind.

One thread: a child is killed by the kernel when the thread that made it ends, so nothing survives a supervisor that
is itself killed.
"""
import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hac_ros.launching import stop_signals
from hac_ros.launching.child_process import ChildProcess
from hac_ros.launching.exit_status import REFUSED
from hac_ros.launching.plan import NodeProcess
from hac_ros.launching.terminal import Terminal

GRACE = 5.0             # [s] from SIGINT to SIGTERM, from there to SIGKILL: sigterm_timeout, sigkill_timeout of launch
CRASH_LOOP = 4          # exits with an error in a row, ...
CRASH_LOOP_TIME = 10.0  # [s] ... each so soon after its start, or with REFUSED, end the run: launch would try for ever
_ESCALATION = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@dataclass
class _Job:
    """One entry of the plan and what has become of it."""

    node: NodeProcess
    log: BinaryIO
    child: ChildProcess | None = None
    start_at: float | None = 0.0     # [s, monotonic] when to start it; None: not again
    started: float = 0.0
    crashes: int = 0
    streams: set = field(default_factory=set)


class Supervisor:
    """Runs ``plan`` until the process with on_exit "shutdown" ends, none is left, or a signal comes.

    Log files, one for each entry and launch.log for the supervisor's own, go to ``log_folder``, and to its folder
    parameters the parameter files that are made. ``grace`` [s] is what processes get after SIGINT, and after SIGTERM.
    """

    def __init__(self, plan: Sequence[NodeProcess], log_folder: Path, terminal: Terminal, grace: float = GRACE,
                 clock: Callable[[], float] = time.monotonic):
        self.plan, self.folder, self.terminal, self.grace, self.clock = plan, log_folder, terminal, grace, clock
        self.parameters = log_folder / 'parameters'
        self.status: int | None = None
        self.stage = -1                 # of _ESCALATION; -1 while running
        self.escalate_at = float('inf')
        self.signals: list[int] = []
        self.jobs: list[_Job] = []
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Run everything, and return the exit status.

        That is the status of the process with on_exit "shutdown" (128 + number where a signal ended it); 128 + number
        of the signal that this process was told to stop with; 1 where one kept failing; else 0.
        """
        self.parameters.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self._open_logs(stack)
            stack.enter_context(self._signals())
            stack.callback(self._end_all)
            while self._alive() or self._waiting():
                self._start_due()
                self._wait()
                self._take_signals()
                self._reap()
                self._escalate()
        self.terminal.finish()
        return 0 if self.status is None else self.status

    # Setting up and cleaning up

    def _open_logs(self, stack: contextlib.ExitStack) -> None:
        def log(name: str) -> BinaryIO:
            return stack.enter_context(open(self.folder / f'{name}.log', 'ab', buffering=0))

        self.log = log('launch')
        self.jobs = [_Job(node, log(node.label)) for node in self.plan]

    @contextlib.contextmanager
    def _signals(self):
        """Wake the selector on a signal that stops us and when a child ends; restore everything afterwards."""
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        self.selector.register(reader, selectors.EVENT_READ)
        handlers = {number: signal.signal(number, self._on_signal) for number in (*stop_signals.heeded(), signal.SIGCHLD)}
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self.selector.close()
            os.close(reader)
            os.close(writer)

    def _on_signal(self, number, _frame) -> None:
        if number != signal.SIGCHLD:
            self.signals.append(number)

    def _end_all(self) -> None:
        for job in self.jobs:
            if job.child is not None:
                job.child.kill()

    # The loop

    def _alive(self) -> list[_Job]:
        return [job for job in self.jobs if job.child is not None]

    def _waiting(self) -> list[_Job]:
        return [job for job in self.jobs if job.start_at is not None]

    def _wait(self) -> None:
        deadlines = [self.escalate_at, *(job.start_at for job in self._waiting())]
        patience = min(deadlines) - self.clock()
        for key, _ in self.selector.select(None if patience == float('inf') else max(0.0, patience)):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self._read(key.data, key.fd)

    def _start_due(self) -> None:
        for job in self._waiting():
            if job.start_at <= self.clock():
                self._start(job)

    def _start(self, job: _Job) -> None:
        job.start_at, job.started = None, self.clock()
        try:
            job.child = ChildProcess(job.node.command(self.parameters), job.node.environment)
        except OSError as error:
            self._say(f'[ERROR] [{job.node.label}]: cannot be started: {error}', loud=True)
            self._after(job, 1)
            return
        for fd in job.child.streams:
            self.selector.register(fd, selectors.EVENT_READ, job)
            job.streams.add(fd)
        self._say(f'[INFO] [{job.node.label}]: process started with pid [{job.child.pid}]')

    def _read(self, job: _Job, fd: int) -> None:
        lines = job.child.read(fd)
        if lines is None:
            lines = job.child.rest(fd)
            self._forget(job, fd)
        self._print(job, fd, lines)

    def _print(self, job: _Job, fd: int, lines: list[str]) -> None:
        stream = job.child.streams[fd]
        for line in lines:
            _write(job.log, line)
            self.terminal.output(job.node.label, stream, line, job.node.output == 'screen')

    def _forget(self, job: _Job, fd: int) -> None:
        self.selector.unregister(fd)
        job.streams.discard(fd)

    # The end of a process

    def _reap(self) -> None:
        for job in self._alive():
            if job.child.ended():
                for fd in list(job.streams):
                    self._print(job, fd, job.child.rest(fd))
                    self._forget(job, fd)
                status = job.child.status
                job.child.close()
                self._tell_end(job, status)
                job.child = None
                self._after(job, status)

    def _tell_end(self, job: _Job, status: int) -> None:
        label = job.node.label
        if status == 0:
            self._say(f'[INFO] [{label}]: process has finished cleanly [pid {job.child.pid}]')
        else:
            self._say(f'[ERROR] [{label}]: process has died [pid {job.child.pid}, exit code {status}]',
                      loud=self.stage < 0)

    def _after(self, job: _Job, status: int) -> None:
        """Decide what follows the end of a process."""
        if self.stage >= 0:
            return
        if job.node.on_exit == 'shutdown':
            self.status = status if status >= 0 else 128 - status
            self._stop(f'process[{job.node.label}] was required: shutting down')
        elif self._crash_loops(job, status):
            self.status = 1
            self._stop(f'[ERROR] {job.node.label} failed {CRASH_LOOP} times in a row: shutting down', loud=True)
        elif job.node.respawn:
            job.start_at = self.clock() + job.node.respawn_delay

    def _crash_loops(self, job: _Job, status: int) -> bool:
        """Whether it keeps failing by itself; a process that somebody kills does not.

        What is refused is refused again, however long a busy machine takes to get there.
        """
        soon = self.clock() - job.started < CRASH_LOOP_TIME
        failed = status == REFUSED or (status > 0 and soon)
        job.crashes = job.crashes + 1 if failed else 0
        return job.crashes >= CRASH_LOOP

    # Stopping

    def _take_signals(self) -> None:
        while self.signals:
            number = self.signals.pop(0)
            if self.stage < 0:
                self.status = 128 + number
                self._stop('stopping ...', loud=True)
            else:
                self.escalate_at = self.clock()     # who asks again does not want to wait

    def _stop(self, text: str, loud: bool = False) -> None:
        self._say(text, loud)
        self.terminal.stopping = True
        for job in self.jobs:
            job.start_at = None
        self._signal_all(0)

    def _escalate(self) -> None:
        if self._alive() and self.clock() >= self.escalate_at and self.stage < len(_ESCALATION) - 1:
            labels = ', '.join(job.node.label for job in self._alive())
            self._say(f'[WARN] still running {self.grace:g} s after {_ESCALATION[self.stage].name}: {labels}')
            self._signal_all(self.stage + 1)

    def _signal_all(self, stage: int) -> None:
        self.stage = stage
        last = stage == len(_ESCALATION) - 1
        self.escalate_at = float('inf') if last else self.clock() + self.grace
        for job in self._alive():
            self._say(f"[INFO] [{job.node.label}]: sending signal '{_ESCALATION[stage].name}'")
            job.child.send(_ESCALATION[stage])

    def _say(self, text: str, loud: bool = False) -> None:
        _write(self.log, f'{time.time():.3f} {text}')
        if loud or self.terminal.verbose:
            self.terminal.say(text)


def _write(log: BinaryIO, line: str) -> None:
    with contextlib.suppress(OSError):      # a full disk must not end a run
        log.write(f'{line}\n'.encode(errors='replace'))
