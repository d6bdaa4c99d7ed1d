"""Claims about the learners on a GPU: the same learning as on the CPU, and checkpoints that go from one to the other."""
import numpy as np
import pytest
import torch
from test_learner import CONFIGS, LEVELS, REACH, equal, round_of, statistics

from hac_ros.learning.learner import Learner

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='torch finds no GPU')


def trained(number: int, device: str, versions=(2, 3)):
    """A learner that has trained six updates for each of ``versions``, and the last weights."""
    one = Learner(number, REACH, CONFIGS[number], 3, device)
    for r in range(4):
        one.add(round_of(number, r))
    return one, [one.learn(statistics(v, v - 1), v) for v in versions][-1]


def close(a, b) -> bool:
    return a.updates == b.updates and all(np.allclose(a.tensors[k], b.tensors[k], atol=2e-4) for k in a.tensors)


@LEVELS
def test_a_gpu_learns_what_the_cpu_learns(number):
    (gpu, on_gpu), (cpu, on_cpu) = trained(number, 'cuda'), trained(number, 'cpu')
    assert gpu.td3.actor.is_cuda and on_gpu.updates > 0 and close(on_gpu, on_cpu)
    for name, value in cpu.training_metrics().items():
        assert gpu.training_metrics()[name] == pytest.approx(value, rel=1e-2, abs=1e-3, nan_ok=True), name


@LEVELS
def test_the_same_seed_gives_the_same_bits_on_a_gpu(number):
    assert equal(trained(number, 'cuda')[1], trained(number, 'cuda')[1])


@LEVELS
@pytest.mark.parametrize('first, second', [('cuda', 'cpu'), ('cpu', 'cuda')])
def test_a_checkpoint_goes_on_elsewhere(number, first, second):
    one, _ = trained(number, first)
    other = Learner(number, REACH, CONFIGS[number], 3, second)
    other.load_state(*one.state())
    assert close(one.learn(statistics(4, 3), 4), other.learn(statistics(4, 3), 4))
