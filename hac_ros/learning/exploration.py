"""Exploration: which actions are drawn at random, and which are disturbed.

All draws come from one generator keyed by (worker, round, step) and are made for every arm, used or not.
"""
import numpy as np


def disturbed(action: np.ndarray, rng: np.random.Generator, noise: float, random_share: float):
    """Return actions (N, A) with normal noise, a share replaced by uniform draws, all within -1 .. 1."""
    noisy = np.clip(action + noise * rng.standard_normal(action.shape), -1.0, 1.0)
    uniform = rng.uniform(-1.0, 1.0, action.shape)
    return np.where(rng.random(len(action))[:, None] < random_share, uniform, noisy)
