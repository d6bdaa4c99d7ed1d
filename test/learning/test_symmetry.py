"""Claims about mirrored samples: the reflection is one that the simulated arm obeys."""
import numpy as np
import pytest

from hac_ros import tasks
from hac_ros.learning.hindsight import Sample
from hac_ros.learning.symmetry import Symmetry
from hac_ros.simulation.simulation import Simulation

OFFSET = 0.015  # [m]
PICK, PUSH = tasks.by_name('pick_and_place'), tasks.by_name('push')


def sample(observation: np.ndarray) -> Sample:
    count = len(observation)
    rng = np.random.default_rng(1)
    return Sample(observation, observation + 0.01, rng.normal(size=(count, 3)), rng.uniform(-1, 1, (count, 4)),
                  *np.zeros((3, count)))


def observations(task, commands: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return (T, O) of an arm whose object lies beside it, on the other side where ``mirrored``."""
    simulation = Simulation(task, 1, 0)
    simulation.reset(0)
    address = simulation.settled.object_address()
    state = simulation.data[0]
    side = -0.06 if mirrored else 0.06
    state.qpos[address:address + 2] = [simulation.observation[0, 0] + OFFSET, 0.749 + side]
    simulation.set_state(0, simulation.state(0))
    seen = [simulation.observation[0]]
    for command in commands:
        simulation.step(command[None] * ([1, -1, 1, 1] if mirrored else [1, 1, 1, 1]))
        seen.append(simulation.observation[0])
    return np.array(seen)


def test_mirroring_twice_changes_nothing():
    one = sample(np.random.default_rng(0).normal(size=(20, 25)))
    symmetry = Symmetry(PICK)
    twice = symmetry.mirrored(symmetry.mirrored(one, 1.0, np.random.default_rng(0)), 1.0, np.random.default_rng(0))
    for name in one.__dataclass_fields__:
        np.testing.assert_allclose(getattr(twice, name), getattr(one, name), atol=1e-6)


@pytest.mark.parametrize('task', [PICK, PUSH], ids=['pick_and_place', 'push'])
def test_the_arm_does_the_mirrored_thing_with_mirrored_commands(task):
    down, push = np.tile([0.0, 0.0, -0.75, -0.1], (5, 1)), np.tile([0.0, 0.6, 0.0, -0.1], (4, 1))
    commands = np.concatenate([down, push])     # onto the table, then past the object's centre: it turns
    here, there = (observations(task, commands, mirrored) for mirrored in (False, True))
    expected = Symmetry(task)._observation(here, np.arange(len(here)))
    np.testing.assert_allclose(expected[:, :9], there[:, :9], atol=0.004)     # the arm's own start is 1 mm off
    yaw = expected[-1, 13], there[-1, 13]     # how far it turns depends on a fraction of a millimetre, whither does not
    assert np.abs(yaw).min() > 0.1 and np.sign(yaw[0]) == np.sign(yaw[1])


def test_a_share_of_none_draws_nothing():
    rng = np.random.default_rng(0)
    one = sample(np.zeros((5, 25)))
    assert Symmetry(PICK).mirrored(one, 0.0, rng) is one
    assert rng.random() == np.random.default_rng(0).random()
