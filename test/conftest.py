"""What tests of several folders need."""
import subprocess
import sys

import pytest


@pytest.fixture
def child():
    """A process of this one that waits to be killed."""
    process = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
    yield process
    process.kill()
    process.wait()
