"""Small multilayer perceptrons with forward and backward written out.

Several members of equal shape (twin critics) are one batched product. All parameters of a network lie in one
flat vector, so that Adam, target and averaged networks are a few operations on vectors; written-out gradients
take about half of autograd's time at these sizes (a test compares them with autograd).
"""
import math

import numpy as np
import torch

from hac_ros.learning.policy import EPSILON


class Perceptron:
    """Shapes of ``members`` equal networks: layers of ``sizes`` with ReLU between, linear at the end.

    ``layer_norm`` normalises hidden layers before the ReLU (without gain and bias).
    """

    def __init__(self, sizes: tuple[int, ...], members: int = 1, layer_norm: bool = False):
        self.sizes, self.members, self.layer_norm = tuple(sizes), members, layer_norm
        self.count = members * sum((a + 1) * b for a, b in zip(sizes, sizes[1:]))

    def initial(self, rng: np.random.Generator) -> torch.Tensor:
        """Return a flat vector (count,): uniform by fan-in, the last layer near 0 (DDPG, arXiv:1509.02971)."""
        flat = torch.empty(self.count)
        for i, (weight, bias) in enumerate(self.views(flat)):
            bound = 1 / math.sqrt(self.sizes[i]) if i < len(self.sizes) - 2 else 3e-3
            for tensor in (weight, bias):
                tensor.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(tensor.shape)).astype(np.float32)))
        return flat

    def views(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return for each layer weight (members, in, out) and bias (members, 1, out): views of ``flat``."""
        layers, start = [], 0
        for inputs, outputs in zip(self.sizes, self.sizes[1:]):
            middle = start + self.members * inputs * outputs
            end = middle + self.members * outputs
            layers.append((flat[start:middle].view(self.members, inputs, outputs),
                           flat[middle:end].view(self.members, 1, outputs)))
            start = end
        return layers

    def forward(self, layers, inputs: torch.Tensor) -> tuple[torch.Tensor, list]:
        """inputs (members, B, in); returns outputs (members, B, out) and what ``backward`` needs."""
        hidden, cache = inputs, []
        for i, (weight, bias) in enumerate(layers):
            product = torch.baddbmm(bias, hidden, weight)
            if i == len(layers) - 1:
                return product, cache + [(hidden, None)]
            normal = (torch.native_layer_norm(product, product.shape[-1:], None, None, EPSILON)
                      if self.layer_norm else None)
            cache.append((hidden, (product, *normal[1:]) if normal else None))
            hidden = torch.relu(normal[0]) if normal else torch.relu_(product)

    def backward(self, layers, cache: list, slope: torch.Tensor, gradients=None) -> torch.Tensor:
        """Return the slope with respect to the inputs; write those of the parameters into ``gradients`` (as views).

        slope: (members, B, out), of the loss with respect to the outputs.
        """
        for i in reversed(range(len(layers))):
            hidden, _ = cache[i]
            if gradients is not None:
                torch.bmm(hidden.transpose(1, 2), slope, out=gradients[i][0])
                torch.sum(slope, dim=1, keepdim=True, out=gradients[i][1])
                if i == 0:
                    return None   # nobody asks for both
            slope = torch.bmm(slope, layers[i][0].transpose(1, 2))
            if i:
                slope = self._through_hidden(slope, hidden, cache[i - 1][1])
        return slope

    @staticmethod
    def _through_hidden(slope: torch.Tensor, hidden: torch.Tensor, normal) -> torch.Tensor:
        slope = torch.ops.aten.threshold_backward(slope, hidden, 0)
        if normal is None:
            return slope
        product, mean, rstd = normal
        return torch.ops.aten.native_layer_norm_backward(
            slope, product, product.shape[-1:], mean, rstd, None, None, (True, False, False))[0]


class Adam:
    """Adam (arXiv:1412.6980) on one flat vector."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: torch.Tensor, learning_rate: float):
        self.parameters, self.learning_rate = parameters, learning_rate
        self.mean, self.square, self.steps = torch.zeros_like(parameters), torch.zeros_like(parameters), 0

    def step(self, gradient: torch.Tensor):
        """Move the parameters in place against ``gradient`` (same shape)."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - self.BETA1)
        self.square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        scale = math.sqrt(1 - self.BETA2 ** self.steps)
        denominator = self.square.sqrt().add_(self.EPSILON * scale)
        rate = self.learning_rate * scale / (1 - self.BETA1 ** self.steps)
        self.parameters.addcdiv_(self.mean, denominator, value=-rate)

    def rescale(self, steps: int):
        """Let moments that ``steps`` steps made stand for as many as ``self.steps``: unbiased they are the same."""
        if steps:
            self.mean.mul_((1 - self.BETA1 ** self.steps) / (1 - self.BETA1 ** steps))
            self.square.mul_((1 - self.BETA2 ** self.steps) / (1 - self.BETA2 ** steps))
