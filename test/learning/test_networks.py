"""Claims about the written-out networks: they are compared with PyTorch's own."""
import numpy as np
import pytest
import torch

from hac_ros.config import PlannerConfig
from hac_ros.learning.networks import Adam, Perceptron
from hac_ros.learning.policy import ACTOR, Policy
from hac_ros.learning.td3 import Batch, Td3, prepare
from hac_ros.records import PLANNER, Weights


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize('layer_norm', [False, True])
def test_gradients_equal_autograd(layer_norm):
    net = Perceptron((5, 16, 12, 3), 2, layer_norm)
    flat = net.initial(rng()) * 3
    inputs, slope = torch.randn(2, 7, 5, generator=torch.manual_seed(0)), torch.randn(2, 7, 3)
    leaf, free = flat.clone().requires_grad_(), inputs.clone().requires_grad_()
    hidden = free
    for i, (weight, bias) in enumerate(net.views(leaf)):
        hidden = hidden @ weight + bias
        if i < 2:
            hidden = torch.relu(torch.nn.functional.layer_norm(hidden, hidden.shape[-1:]) if layer_norm else hidden)
    (hidden * slope).sum().backward()
    gradient = torch.zeros_like(flat)
    output, cache = net.forward(net.views(flat), inputs)
    net.backward(net.views(flat), cache, slope, net.views(gradient))
    torch.testing.assert_close(output, hidden.detach())
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.backward(net.views(flat), cache, slope), free.grad, rtol=1e-4, atol=1e-5)


def test_adam_equals_pytorch():
    ours, theirs = torch.ones(20), torch.ones(20, requires_grad=True)
    adam, reference = Adam(ours, 1e-2), torch.optim.Adam([theirs], lr=1e-2)
    for i in range(20):
        theirs.grad = torch.sin(torch.arange(20.0) + i)
        adam.step(theirs.grad)
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)


def td3(**settings) -> Td3:
    return Td3(PlannerConfig(hidden=(32, 32), **settings), 4, 2, -10.0, np.eye(2), rng())


def batch(reward: float, discount: float = 0.9) -> Batch:
    generator = torch.manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    return Batch(draw(64, 4), draw(64, 2).clamp(-1, 1), draw(64, 4), torch.full((64,), reward),
                 torch.full((64,), discount), draw(64, 2), *torch.zeros(3, 64, 2))


def test_targets_stay_within_the_bounds():
    learner = td3()
    assert learner.target(batch(-100.0)).eq(-10.0).all() and learner.target(batch(100.0)).eq(0.0).all()


def test_targets_ignore_what_follows_where_the_discount_is_zero():
    assert td3().target(batch(-3.0, 0.0)).eq(-3.0).all()


@pytest.mark.parametrize('critics', [1, 2, 5])
def test_the_least_of_all_critics_is_the_target_and_each_of_them_learns(critics):
    learner, given = td3(critics=critics, target_noise=0.0), batch(-1.0)
    actions = torch.tanh(learner.actor_net.forward(learner.actor_target_layers, given.following[None])[0][0])
    joined = torch.cat((given.following, actions), dim=1)
    alone = Perceptron(learner.critic_net.sizes)
    values = [alone.forward([(weight[i:i + 1], bias[i:i + 1]) for weight, bias in learner.critic_target_layers], joined[None])[0]
              for i in range(critics)]
    expected = (-1.0 + 0.9 * torch.stack(values).amin(dim=0).flatten()).clamp(-10.0, 0.0)
    torch.testing.assert_close(learner.target(given), expected)
    first = learner.critic_net.views(learner.critic)[0][0].clone()
    learner.update(given)
    assert first.ne(learner.critic_layers[0][0]).flatten(1).any(dim=1).tolist() == [True] * critics


def test_target_networks_follow_slowly():
    learner = td3(tau=0.01)
    before, start = learner.critic.clone(), learner.critic_target.clone()
    learner.update(batch(-1.0))
    torch.testing.assert_close(learner.critic_target, start.lerp(learner.critic, 0.01))
    assert not torch.equal(before, learner.critic)


def test_critics_learn_a_known_value_and_the_actor_climbs_it():
    learner, value, losses = td3(), batch(0.0, 0.0), []
    generator = torch.manual_seed(2)
    for _ in range(800):
        value.action = torch.rand(64, 2, generator=generator) * 2 - 1
        value.reward = -(value.action - 0.5).square().sum(dim=1)
        losses.append(learner.update(value)[0])
    assert losses[-1] < 0.05 * losses[0]
    assert (learner.act(value.inputs) - 0.5).abs().mean() < 0.25   # 0.64 before


@pytest.mark.parametrize('layer_norm', [False, True])
def test_the_acting_side_does_what_the_actor_does(layer_norm):
    learner, inputs = td3(actor_layer_norm=layer_norm), batch(0.0).inputs
    learner.actor.mul_(3.0)
    policy = Policy(Weights(PLANNER, 1, 1, 1, learner.tensors()), ACTOR, 4, 2, layer_norm)
    np.testing.assert_allclose(policy(inputs.numpy()), learner.act(inputs).numpy(), atol=1e-5)


def test_what_kills_every_unit_of_a_plain_actor_changes_nothing_where_they_are_normalised():
    plain, normalised, inputs = td3(), td3(actor_layer_norm=True), batch(0.0).inputs
    before = normalised.act(inputs)
    for learner in (plain, normalised):
        for _, bias in learner.actor_layers[:-1]:
            bias.sub_(100.0)
    assert plain.act(inputs).std(dim=0).max() == 0.0
    torch.testing.assert_close(normalised.act(inputs), before, rtol=1e-3, atol=1e-4)


def test_units_that_answer_nothing_are_counted():
    learner, inputs = td3(), batch(0.0).inputs
    before = learner.silent_units(inputs)
    learner.actor_layers[1][1][..., :8] = -1e6      # 8 of 2 x 32 units
    assert learner.silent_units(inputs) == pytest.approx(before + 8 / 64, abs=0.02) and before < 0.1


def test_moments_that_have_faded_count_as_zero():
    prepare(1)
    assert torch.full((8,), 1e-30).mul(1e-10).eq(0.0).all()


def test_the_action_map_is_part_of_the_actors_gradient():
    plain, scaled = td3(), td3()
    scaled.map = 4.0 * torch.eye(2)
    layers = scaled.critic_net.views(scaled.critic)
    layers[0][0][:, 4:] /= 4.0     # the same function of the action
    plain._update_actor(batch(0.0)), scaled._update_actor(batch(0.0))
    torch.testing.assert_close(plain.actor_gradient, scaled.actor_gradient, rtol=1e-4, atol=1e-8)


def test_critics_see_the_mapped_action_beside_its_context():
    learner = Td3(PlannerConfig(hidden=(32, 32)), 4, 2, -10.0, np.array([[1.0, 0, 2], [0, 1, 0]]), rng())
    joined = learner._joined(torch.zeros(1, 4), torch.tensor([[0.0, 0, 7]]), torch.tensor([[0.5, 0.25]]), 2)
    torch.testing.assert_close(joined, torch.tensor([0, 0, 0, 0, 0.5, 0.25, 8]).expand(2, 1, 7))


def test_the_learning_rate_falls_between_the_steps_that_are_set():
    config = PlannerConfig(updates=100.0, decay_from=1000, decay_until=3000, final_learning_rate=0.0)
    assert [config.learning_rate_after(updates) for updates in (0, 100, 200, 300, 900)] == [1e-3, 1e-3, 5e-4, 0.0, 0.0]
    assert PlannerConfig().learning_rate_after(10**9) == PlannerConfig().learning_rate


def test_the_averaged_actor_averages_over_a_share_of_the_updates_so_far_until_the_least_share_holds():
    config = PlannerConfig(averaging=1e-3, averaging_span=0.1, policy_delay=2)
    shares = [config.averaging_after(updates) for updates in (1, 200, 2000, 10**6)]
    np.testing.assert_allclose(shares, [1.0, 0.1, 0.01, 1e-3])
    assert PlannerConfig(averaging=1e-3).averaging_after(5) == 1e-3
