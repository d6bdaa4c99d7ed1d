"""What tests of several folders need."""
import subprocess
import sys

import pytest

MAPPER = '''
import mmap, signal, sys
with open(sys.argv[1], 'r+b') as file:
    kept = mmap.mmap(file.fileno(), 0)
print('mapped', flush=True)
while True: signal.pause()
'''


@pytest.fixture(autouse=True)
def denormals():
    """Give this process its denormal numbers back where a test has let a learner take them for 0."""
    yield
    if torch := sys.modules.get('torch'):
        torch.set_flush_denormal(False)


@pytest.fixture
def child():
    """A process of this one that waits to be killed."""
    process = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def maps():
    """Return what starts a process that has mapped a file; it may be killed before the test ends."""
    processes = []

    def start(path):
        processes.append(subprocess.Popen([sys.executable, '-c', MAPPER, str(path)], stdout=subprocess.PIPE))
        assert processes[-1].stdout.readline() == b'mapped\n'
        return processes[-1]
    yield start
    for process in processes:
        process.kill()
        process.communicate()
