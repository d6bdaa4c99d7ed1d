"""Network namespaces that stand in for machines, joined by a switch of our own that delays and loses frames.

A tap device in each namespace ends in this process. Not the kernel's netem: it is a module that small kernels lack, and
this counts bytes on the way. Needs Linux, root and `ip` (iproute2).
"""
import contextlib
import fcntl
import heapq
import os
import random
import selectors
import shutil
import struct
import subprocess
import threading
import time

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_FRAME = 65536


def missing() -> str:
    """Return why namespaces cannot be made here; empty if they can."""
    if shutil.which('ip') is None:
        return 'ip is not installed (iproute2)'
    if os.geteuid() != 0:
        return 'root is needed to make network namespaces'
    try:        # root need not have every capability: whether it can be made only making it tells
        with Network(1, delay=0.0, loss=0.0):
            return ''
    except OSError as error:
        return f'no network namespace can be made: {error}'


class Network:
    """``machines`` namespaces on one switch; a context manager that removes them again.

    Each frame takes ``delay`` [s] from one machine to another, and is lost with probability ``loss``: drawn from ``seed``.
    """

    def __init__(self, machines: int, delay: float, loss: float, seed: int = 0):
        self.names = [f'hac{os.getpid()}m{number}' for number in range(machines)]
        self.delay, self.loss, self.random = delay, loss, random.Random(seed)
        self.sent, self.received = [0] * machines, [0] * machines      # [bytes] by machine, lost frames included in sent
        self._taps: list[int] = []
        self._ended = threading.Event()

    def command(self, machine: int) -> list[str]:
        """Return the words to put before a command that shall run on ``machine``."""
        return ['ip', 'netns', 'exec', self.names[machine]]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for number, name in enumerate(self.names):
                _ip('netns', 'add', name)
                stack.callback(_ip, 'netns', 'delete', name)
                self._taps.append(_tap(name))
                stack.callback(os.close, self._taps[-1])
                self._address(number, name)
            thread = threading.Thread(target=self._switch)
            thread.start()
            stack.callback(thread.join)
            stack.callback(self._ended.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _address(self, number: int, name: str) -> None:
        _ip('link', 'set', name, 'netns', name)
        for words in (('addr', 'add', f'10.77.0.{number + 1}/24', 'dev', name), ('link', 'set', name, 'up'),
                      ('link', 'set', 'lo', 'up'), ('route', 'add', '224.0.0.0/4', 'dev', name)):
            _ip('-n', name, *words)

    def _switch(self) -> None:
        """Pass frames on when their time has come, until told to end."""
        waiting, number, known = [], 0, {}
        with selectors.DefaultSelector() as selector:
            for machine, tap in enumerate(self._taps):
                selector.register(tap, selectors.EVENT_READ, machine)
            while not self._ended.is_set():
                due = waiting[0][0] - time.monotonic() if waiting else 0.2
                for key, _ in selector.select(max(0.0, min(due, 0.2))):
                    for frame in _frames(key.fd):
                        self.sent[key.data] += len(frame)
                        known[frame[6:12]] = key.data
                        for machine in self._receivers(frame, key.data, known):
                            heapq.heappush(waiting, (time.monotonic() + self.delay, number := number + 1, machine, frame))
                while waiting and waiting[0][0] <= time.monotonic():
                    *_, machine, frame = heapq.heappop(waiting)
                    self._deliver(machine, frame)

    def _receivers(self, frame: bytes, sender: int, known: dict[bytes, int]) -> list[int]:
        """Return the machines that get ``frame``: the addressed one, or all others; none that lose it."""
        others = [known[frame[:6]]] if frame[:6] in known else [m for m in range(len(self._taps)) if m != sender]
        return [machine for machine in others if self.random.random() >= self.loss]

    def _deliver(self, machine: int, frame: bytes) -> None:
        with contextlib.suppress(OSError):      # as a full queue of a real switch
            os.write(self._taps[machine], frame)
            self.received[machine] += len(frame)


def _frames(tap: int):
    with contextlib.suppress(BlockingIOError):
        while True:
            yield os.read(tap, _FRAME)


def _tap(name: str) -> int:
    tap = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack('16sH', name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def _ip(*words: str) -> None:
    result = subprocess.run(['ip', *words], capture_output=True, text=True)
    if result.returncode:
        raise OSError(f'ip {" ".join(words)}: {result.stderr.strip()}')
