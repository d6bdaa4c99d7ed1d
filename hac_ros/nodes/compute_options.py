"""What computes the gradient steps of a run: apart from the learner, since the recorder writes it down without torch."""
from dataclasses import dataclass

from hac_ros.config import option


@dataclass(frozen=True)
class ComputeOptions:
    """What computes gradient steps. The learners use it, the recorder writes it down."""

    device: str = option('cpu', 'Where gradient steps run; auto: a GPU if there is one', choices=('cpu', 'cuda', 'auto'))
    threads: int = option(1, 'Torch threads of each learner', low=1, high=64)
