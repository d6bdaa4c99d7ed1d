"""A benchmark that wants a GPU says at once that there is none."""
import pytest
import torch

from hac_ros.cli import bench


@pytest.mark.skipif(torch.cuda.is_available(), reason='torch finds a GPU')
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_measured(capfd):
    with pytest.raises(ValueError, match='device: cuda came, but torch finds no GPU'):
        bench.measure({'device': 'cuda', 'arms': '1', 'pairs': '1'})
    assert capfd.readouterr() == ('', '')     # a row of the bridge would have been told
