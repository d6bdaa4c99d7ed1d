"""The acting side of an actor network, in numpy: a few arms a step need no more, and actors start without torch."""
import numpy as np

from hac_ros.records import LEVELS, Weights

ACTOR, AVERAGED = 'actor', 'averaged'
EPSILON = 1e-5  # of LayerNorm, PyTorch's default


class Policy:
    """A multilayer perceptron with ReLU and tanh, read from weights; ``layer_norm`` as networks.Perceptron's."""

    def __init__(self, weights: Weights, network: str, inputs: int, outputs: int, layer_norm: bool = False):
        """``network``: ACTOR or AVERAGED. Raises ValueError if the tensors are not there or of the wrong size."""
        self.layers, self.layer_norm = [], layer_norm
        while f'{network}.{len(self.layers)}.weight' in weights.tensors:
            name = f'{network}.{len(self.layers)}'
            self.layers.append((weights.tensors[f'{name}.weight'], weights.tensors[f'{name}.bias']))
        came = (self.layers[0][0].shape[0], self.layers[-1][0].shape[1]) if self.layers else None
        if came != (inputs, outputs):
            raise ValueError(f'{LEVELS[weights.level]} weights {weights.version}: network {network} has (inputs, '
                             f'outputs) {came}, {(inputs, outputs)} are wanted: they are of another task or setting')

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """inputs (B, F) float32; returns actions (B, A) float64 in -1 .. 1."""
        hidden = inputs
        for weight, bias in self.layers[:-1]:
            product = hidden @ weight + bias
            hidden = np.maximum(_normalised(product) if self.layer_norm else product, 0.0)
        weight, bias = self.layers[-1]
        return np.tanh((hidden @ weight + bias).astype(np.float64))


def _normalised(units: np.ndarray) -> np.ndarray:
    away = units - units.mean(axis=-1, keepdims=True)
    return away / np.sqrt(np.square(away).mean(axis=-1, keepdims=True) + EPSILON)
