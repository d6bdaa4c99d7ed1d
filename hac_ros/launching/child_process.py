"""One child process: started in a session of its own, read without blocking, reaped with all that it started."""
import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_CHUNK = 65536


class ChildProcess:
    """A running command whose stdout and stderr are read line by line.

    It dies with the thread that made it, whatever happens to that one: make it in a thread that lives as long as the
    child shall. A session of its own keeps a terminal's Ctrl-C from it: only its maker sends signals.
    """

    def __init__(self, command: list[str], environment=None, folder: Path | None = None):
        parent = os.getpid()
        self._popen = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=lambda: _die_with(parent))
        self.pid = self._popen.pid
        self.status: int | None = None      # exit code, or minus the signal; None while it runs
        self.streams = {self._popen.stdout.fileno(): 'stdout', self._popen.stderr.fileno(): 'stderr'}
        self._partial = {fd: b'' for fd in self.streams}
        for fd in self.streams:
            os.set_blocking(fd, False)

    def read(self, fd: int) -> list[str] | None:
        """Return the whole lines that have come on ``fd``; None at its end."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return []
        return self._lines(fd, data) if data else None

    def _lines(self, fd: int, data: bytes) -> list[str]:
        *lines, self._partial[fd] = (self._partial[fd] + data).split(b'\n')
        return [line.decode(errors='replace') for line in lines]

    def rest(self, fd: int) -> list[str]:
        """Return what is left on ``fd`` of a process that has ended, its last line complete or not."""
        lines = []
        with contextlib.suppress(BlockingIOError):      # something that it started may still hold the pipe
            while data := os.read(fd, _CHUNK):
                lines += self._lines(fd, data)
        last, self._partial[fd] = self._partial[fd], b''
        return lines + ([last.decode(errors='replace')] if last else [])

    def ended(self) -> bool:
        """Whether it has ended; then ``status`` is set, and whatever it had started in its session is killed."""
        if self.status is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            # Before it is reaped, while its number cannot be given to another process.
            self._kill_group()
            self.status = self._popen.wait()
        return self.status is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, if it runs."""
        if self.status is None:
            os.kill(self.pid, number)   # not Popen.send_signal, which may reap it

    def kill(self) -> None:
        """End it and everything in its session, and reap it."""
        if self.status is None:
            self._kill_group()
            self.status = self._popen.wait()

    def close(self) -> None:
        """Close the pipes."""
        self._popen.stdout.close()
        self._popen.stderr.close()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _die_with(parent: int) -> None:
    """Ask the kernel, in the child, for SIGKILL when ``parent`` is gone; end at once if it is gone already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
