"""Learning is measured and compared to the bit with one thread of torch, whatever the machine has."""
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Let torch compute with one thread during a test."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
