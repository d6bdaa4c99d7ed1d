"""Real nodes in real processes, and a node that listens to them."""
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from ament_index_python.packages import get_package_prefix

import rclpy
from rclpy.executors import SingleThreadedExecutor

ASK_AGAIN = 10.0   # [s]
LIMIT = 60.0   # [s] for what should take a second: the machine may be busy


class NodeProcesses:
    """Starts executables of hac_ros; ends all of them, in the end with SIGKILL, and keeps what they print."""

    def __init__(self, folder: Path):
        self.folder, self.running = folder, []

    def start(self, executable: str, namespace: str, **parameters) -> subprocess.Popen:
        """Start a node; parameters with a section are written section__name."""
        command = [str(Path(get_package_prefix('hac_ros')) / 'lib' / 'hac_ros' / executable), '--ros-args',
                   '-r', f'__ns:={namespace}']
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ['-p', f'{name.replace("__", ".")}:={text}']
        log = open(self.folder / f'{executable}-{len(self.running)}.log', 'w+', encoding='utf-8')
        environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        process.log = Path(log.name)
        self.running.append(process)
        log.close()
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Listener:
    """A node with an executor of its own."""

    def __enter__(self):
        self.node = rclpy.create_node(f'listener_{os.getpid()}_{time.monotonic_ns()}')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        return self

    def __exit__(self, *_):
        self.executor.shutdown()
        self.node.destroy_node()

    def until(self, condition, what: str, limit: float = LIMIT):
        """Spin until ``condition()`` gives something true, and return it; fail, naming ``what``, after the limit."""
        end = time.monotonic() + limit
        while not (result := condition()):
            assert time.monotonic() < end, f'{what} did not come within {limit} s'
            self.executor.spin_once(timeout_sec=0.1)
        return result

    def call(self, kind, name: str, request):
        """Call a service and return its response.

        Ask again where none comes: a server that has just been found may not have found the client yet, and its response is
        lost.
        """
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f'service {name}')
        response = self.response(lambda: client.call_async(request), f'response of {name}')
        self.node.destroy_client(client)
        return response

    def response(self, ask, what: str):
        """Return the result of the future that ``ask()`` makes; ask again where none comes for ASK_AGAIN."""
        futures, due = [], 0.0

        def responded():
            nonlocal due
            if time.monotonic() >= due:
                futures.append(ask())
                due = time.monotonic() + ASK_AGAIN
            return next((future for future in futures if future.done()), None)
        return self.until(responded, what).result()
