"""Exploration: which actions are drawn at random, and which are disturbed.

All draws come from one generator keyed by (worker, round, step) and are made for every arm, used or not.
"""
import numpy as np


def disturbed(action: np.ndarray, rng: np.random.Generator, noise, random_share):
    """Return actions (N, A) with normal noise, a share replaced by uniform draws, all within -1 .. 1.

    noise, random_share: for all, or (N,) for each.
    """
    noisy = np.clip(action + np.reshape(noise, (-1, 1)) * rng.standard_normal(action.shape), -1.0, 1.0)
    uniform = rng.uniform(-1.0, 1.0, action.shape)
    return np.where((rng.random(len(action)) < random_share)[:, None], uniform, noisy)
