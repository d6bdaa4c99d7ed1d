"""Random draws keyed by what they are for, never by the order of calls.

A round that is run again draws the same numbers, and a draw more or less in one place changes no other.
Philox is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so making
a generator costs microseconds.
"""
import hashlib
from functools import lru_cache

import numpy as np


def generator(seed: int, purpose: str, *key: int) -> np.random.Generator:
    """Return a generator that depends on its arguments only.

    ``purpose`` names the draw; ``key`` holds up to three further integers 0 .. 2**63 - 1, e.g. (worker, round,
    step). Arms are rows of one draw: a row does not depend on how many follow it.
    """
    if len(key) > 3:
        raise ValueError(f'a random key has at most 3 integers, got {len(key)}')
    counter = np.zeros(4, dtype=np.uint64)
    counter[1:1 + len(key)] = key    # word 0 is the generator's own running count
    return np.random.Generator(np.random.Philox(key=_philox_key(seed, purpose), counter=counter))


@lru_cache(maxsize=1024)
def _philox_key(seed: int, purpose: str) -> np.ndarray:
    digest = hashlib.blake2b(f'{seed}/{purpose}'.encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype=np.uint64)     # read-only
