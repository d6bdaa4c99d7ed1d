"""One level's gradient step: TD3 (arXiv:1802.09477) with bounded targets and an averaged actor.

Departures from TD3: targets are clipped to the values that are possible (HAC, arXiv:1712.00948, bounds its
critics); a penalty on the pre-tanh output keeps the actor from saturating; actors and critics may be updated
equally often; an exponential average of the actor is kept for acting without exploration.
"""
from dataclasses import dataclass

import numpy as np
import torch

from hac_ros.config import LevelConfig
from hac_ros.learning.networks import Adam, Perceptron
from hac_ros.learning.policy import ACTOR, AVERAGED

CLIP_NOISE = 2.5  # standard deviations of target noise, as in TD3 (0.2 clipped at 0.5)

HOLD = 2000       # updates of new critics before they may move an actor that came trained


def prepare(threads: int):
    """Have torch compute with so many threads, in this one and those that it starts later, and take denormals for 0.

    Adam's moments of a unit that no sample reaches any more fade into numbers that a CPU is slow with.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


@dataclass
class Batch:
    """Samples of one or more updates, torch float32 of shape (updates, B, ...)."""

    inputs: torch.Tensor        # (.., F)
    action: torch.Tensor        # (.., A)
    following: torch.Tensor     # (.., F) inputs after the decision, same goal
    reward: torch.Tensor        # (..,)
    discount: torch.Tensor      # (..,) 0 where nothing follows
    noise: torch.Tensor         # (.., A) standard normal, for the target action
    context: torch.Tensor       # (.., M) what the mapped action is added to
    following_context: torch.Tensor
    acting_context: torch.Tensor    # the same for the actor's own decision at the start

    def __getitem__(self, i) -> 'Batch':
        return Batch(*(getattr(self, name)[i] for name in self.__dataclass_fields__))

    def to(self, device: torch.device) -> 'Batch':
        """Return the batch on ``device``; itself where it is there."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Snapshot:
    """A level's state at one time. ``tensors``: as ``Td3.state()`` gives them; ``hold``: updates in which the actor rests."""

    tensors: dict[str, np.ndarray]
    updates: int
    hold: int


class Td3:
    """Networks, targets and optimisers of one level.

    lowest: least possible value of a critic. action_map (A, M): critics see context + action @ action_map.
    """

    VECTORS = ('actor', 'averaged', 'actor_target', 'critic', 'critic_target')

    def __init__(self, config: LevelConfig, inputs: int, actions: int, lowest: float, action_map: np.ndarray,
                 rng: np.random.Generator, device: str = 'cpu'):
        self.config, self.lowest, self.device = config, lowest, torch.device(device)
        self.map = torch.from_numpy(np.asarray(action_map, dtype=np.float32)).to(self.device)
        self.actor_net = Perceptron((inputs, *config.hidden, actions), 1, config.actor_layer_norm)
        self.critic_net = Perceptron((inputs + self.map.shape[1], *config.hidden, 1), config.critics, config.layer_norm)
        self.first_net = Perceptron(self.critic_net.sizes, 1, config.layer_norm)
        self.actor, self.critic = (net.initial(rng).to(self.device) for net in (self.actor_net, self.critic_net))
        self.averaged, self.actor_target = self.actor.clone(), self.actor.clone()
        self.critic_target = self.critic.clone()
        self.actor_adam, self.critic_adam = (Adam(p, config.learning_rate) for p in (self.actor, self.critic))
        self.actor_gradient, self.critic_gradient = torch.zeros_like(self.actor), torch.zeros_like(self.critic)
        self.no_loss = torch.full((), float('nan'), device=self.device)
        self.updates = self.hold = self.earlier = 0
        self._views()

    @torch.no_grad()
    def update(self, batch: Batch) -> torch.Tensor:
        """Make one gradient step; returns (3,) critic loss, mean value, actor loss (NaN where no actor update was due).

        They stay on the device: to read them at each step would have a GPU wait for every one.
        """
        self.critic_adam.learning_rate = self.actor_adam.learning_rate = self.config.learning_rate_after(self.updates)
        critic_loss, value = self._update_critics(batch)
        self.updates += 1
        actor_loss = self.no_loss
        if self.updates % self.config.policy_delay == 0 and self.updates > self.hold:
            actor_loss = self._update_actor(batch)
            self.averaged.lerp_(self.actor, self.config.averaging_after(self.updates + self.earlier))
            self.actor_target.lerp_(self.actor, self.config.tau)
        self.critic_target.lerp_(self.critic, self.config.tau)
        return torch.stack((critic_loss, value, actor_loss))

    @torch.no_grad()
    def act(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the actor's actions (B, A), on the CPU, for inputs (B, F)."""
        return torch.tanh(self.actor_net.forward(self.actor_layers, inputs[None].to(self.device))[0][0]).cpu()

    @torch.no_grad()
    def value(self, inputs: torch.Tensor, context: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return what the critics expect (B,), the least of all, on the CPU; arguments as in Batch, (B, ...)."""
        joined = self._joined(*(given.to(self.device) for given in (inputs, context, action)), self.config.critics)
        return self.critic_net.forward(self.critic_layers, joined)[0].amin(dim=0).squeeze(-1).cpu()

    @torch.no_grad()
    def silent_units(self, inputs: torch.Tensor) -> float:
        """Return the share of the actor's hidden units that answer none of the inputs (B, F).

        ReLU units that no sample reaches get no gradient and stay so: "dormant neurons", arXiv:2302.12902.
        """
        _, cache = self.actor_net.forward(self.actor_layers, inputs[None].to(self.device))
        answers = [(hidden > 0).any(dim=1).flatten() for hidden, _ in cache[1:]]
        return 1.0 - float(torch.cat(answers).float().mean()) if answers else 0.0

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what acts: actor and averaged actor, named as ``policy.Policy`` reads them (copies)."""
        result = {}
        for name, flat in ((ACTOR, self.actor), (AVERAGED, self.averaged)):
            for i, (weight, bias) in enumerate(self.actor_net.views(flat)):
                result[f'{name}.{i}.weight'] = _copied(weight[0])
                result[f'{name}.{i}.bias'] = _copied(bias[0, 0])
        return result

    def state(self) -> dict[str, np.ndarray]:
        """Return every vector that an update depends on (copies)."""
        return {name: _copied(vector) for name, vector in self._state_vectors().items()}

    def load_state(self, tensors: dict[str, np.ndarray], updates: int, hold: int | None = None):
        """Go on from ``state``; raises ValueError where a vector is missing or of another size.

        ``hold``: updates in which the actor rests; None: as ``start_from`` set it.
        """
        self.hold = self.hold if hold is None else hold
        for name, vector in self._state_vectors().items():
            came = None if name not in tensors else tensors[name].shape
            if came != tuple(vector.shape):
                raise ValueError(f'checkpoint: {name} has shape {came}, {tuple(vector.shape)} is wanted: '
                                 'it is of other settings')
            vector.copy_(torch.from_numpy(np.array(tensors[name], dtype=np.float32)))
        self.updates = self.critic_adam.steps = updates
        self.actor_adam.steps = self._actor_steps(updates, self.hold)

    def snapshot(self) -> Snapshot:
        """Return what ``go_back`` takes (copies)."""
        return Snapshot(self.state(), self.updates, self.hold)

    def go_back(self, earlier: Snapshot):
        """Take the networks of ``earlier``; the count of updates, by which schedules and training go, goes on.

        Adam's moments come back with the networks that they belong to: those of the networks that are given up point
        elsewhere, and without any the first steps would be the longest. They are scaled, since Adam divides them by what
        the count makes of them. An actor that rested then, because its critics were new, rests as long again.
        """
        then, rest = earlier.updates, earlier.hold - earlier.updates
        self.load_state(earlier.tensors, self.updates, self.updates + rest if rest > 0 else earlier.hold)
        self.critic_adam.rescale(then)
        self.actor_adam.rescale(self._actor_steps(then, earlier.hold))

    def start_from(self, tensors: dict[str, np.ndarray], critics: dict[str, np.ndarray]):
        """Take actors as ``tensors()`` names them and, where given, critics as ``state()`` does; the rest begins anew.

        Critics that begin anew would spoil the actor, which rests for the first HOLD updates then. Raises ValueError for
        networks of another size.

        The average that came counts as HOLD updates: one that starts from nothing would take the actor's place at once.
        """
        for name, flat in ((ACTOR, self.actor), (AVERAGED, self.averaged)):
            for i, (weight, bias) in enumerate(self.actor_net.views(flat)):
                _take(weight[0], tensors, f'{name}.{i}.weight')
                _take(bias[0, 0], tensors, f'{name}.{i}.bias')
        for name, values in critics.items():
            _take(getattr(self, name), critics, name)
        self.actor_target.copy_(self.actor)
        self.hold, self.earlier = (0, HOLD) if critics else (HOLD, 0)      # by the end of the rest there have been as many

    def target(self, batch: Batch) -> torch.Tensor:
        """Return the value (B,) that all critics are drawn to, within [lowest, 0]."""
        scale = self.config.target_noise
        noise = (batch.noise * scale).clamp_(-CLIP_NOISE * scale, CLIP_NOISE * scale)
        proposed = torch.tanh(self.actor_net.forward(self.actor_target_layers, batch.following[None])[0][0])
        action = (proposed + noise).clamp_(-1.0, 1.0)
        joined = self._joined(batch.following, batch.following_context, action, self.config.critics)
        value = self.critic_net.forward(self.critic_target_layers, joined)[0]
        return (batch.reward + batch.discount * value.amin(dim=0).squeeze(-1)).clamp_(self.lowest, 0.0)

    def _update_critics(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        value, cache = self.critic_net.forward(
            self.critic_layers, self._joined(batch.inputs, batch.context, batch.action, self.config.critics))
        error = value - self.target(batch)[None, :, None]
        self.critic_net.backward(self.critic_layers, cache, error * (2.0 / error.shape[1]), self.critic_gradient_layers)
        self.critic_adam.step(self.critic_gradient)
        return error.square().mean(), value.mean()

    def _update_actor(self, batch: Batch) -> torch.Tensor:
        raw, cache = self.actor_net.forward(self.actor_layers, batch.inputs[None])
        action = torch.tanh(raw)
        value, critic_cache = self.first_net.forward(
            self.first_layers, self._joined(batch.inputs, batch.acting_context, action[0], 1))
        slope = torch.full_like(value, -1.0 / value.shape[1])
        slope = self.first_net.backward(self.first_layers, critic_cache, slope)[..., -self.map.shape[1]:]
        slope = slope @ self.map.T * (1.0 - action.square()) + raw * (2.0 * self.config.pretanh / raw.numel())
        self.actor_net.backward(self.actor_layers, cache, slope, self.actor_gradient_layers)
        self.actor_adam.step(self.actor_gradient)
        return self.config.pretanh * raw.square().mean() - value.mean()

    def _joined(self, inputs: torch.Tensor, context: torch.Tensor, action: torch.Tensor, members: int) -> torch.Tensor:
        return torch.cat((inputs, torch.addmm(context, action, self.map)), dim=-1).expand(members, -1, -1)

    def _views(self):
        self.actor_layers = self.actor_net.views(self.actor)
        self.actor_target_layers = self.actor_net.views(self.actor_target)
        self.actor_gradient_layers = self.actor_net.views(self.actor_gradient)
        self.critic_layers = self.critic_net.views(self.critic)
        self.critic_target_layers = self.critic_net.views(self.critic_target)
        self.critic_gradient_layers = self.critic_net.views(self.critic_gradient)
        self.first_layers = [(weight[:1], bias[:1]) for weight, bias in self.critic_layers]

    def _actor_steps(self, updates: int, hold: int) -> int:
        return max(0, updates // self.config.policy_delay - hold // self.config.policy_delay)

    def _state_vectors(self) -> dict[str, torch.Tensor]:
        vectors = {name: getattr(self, name) for name in self.VECTORS}
        for name, adam in (('actor', self.actor_adam), ('critic', self.critic_adam)):
            vectors |= {f'{name}_adam_mean': adam.mean, f'{name}_adam_square': adam.square}
        return vectors


def _copied(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _take(tensor: torch.Tensor, given: dict[str, np.ndarray], name: str):
    came = None if name not in given else given[name].shape
    if came != tuple(tensor.shape):
        raise ValueError(f'network to start from: {name} has shape {came}, {tuple(tensor.shape)} is wanted: it is of '
                         'other settings')
    tensor.copy_(torch.from_numpy(np.array(given[name], dtype=np.float32)))
