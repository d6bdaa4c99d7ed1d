"""Running count, mean and squared deviations of raw observations: pure functions on ``records.Moments``.

float64 throughout: a float32 count stalls at 2**24 and a float32 sum of squares cancels. There is no prior
count: count 0 means that nothing is known, and normalises as the identity (mean 0, std 1).

Source of the pairwise merge: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
sample variances", 1979.
"""
import hashlib
from collections.abc import Sequence

import numpy as np

from hac_ros.records import Moments


def empty(size: int) -> Moments:
    """Return the moments of no samples of ``size`` dimensions."""
    if size < 1:
        raise ValueError(f'moments need at least 1 dimension, got {size}')
    return Moments(0, np.zeros(size), np.zeros(size))


def of_samples(samples) -> tuple[Moments, int]:
    """Return the moments of ``samples`` (B, O) and the number of rows left out because a value is not finite.

    Raises ValueError for any shape but (B, O): a vector would be broadcast to wrong moments silently.
    """
    rows = np.asarray(samples, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise ValueError(f'samples: shape {rows.shape} came, (samples, dimensions) is wanted')
    finite = rows[np.isfinite(rows).all(axis=1)]
    rejected = len(rows) - len(finite)
    if not len(finite):
        return empty(rows.shape[1]), rejected
    mean = finite.mean(axis=0)
    mean += (finite - mean).mean(axis=0)    # rows are added one by one: of 10**6 the first mean is off by 1e-11
    return Moments(len(finite), mean, np.square(finite - mean).sum(axis=0)), rejected


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sample sets together (Chan et al.); a and b have equal dimensions."""
    _check(a), _check(b)
    if a.mean.shape != b.mean.shape:
        raise ValueError(f'moments of {a.mean.size} and of {b.mean.size} dimensions cannot be merged')
    if not a.count or not b.count:
        return a if a.count else b
    count = a.count + b.count
    delta = b.mean - a.mean
    mean = a.mean + delta * (b.count / count)
    return Moments(count, mean, a.m2 + b.m2 + np.square(delta) * (a.count * (b.count / count)))


def remove(total: Moments, part: Moments) -> Moments:
    """Return the moments of the samples of ``total`` that are not of ``part``: undoes ``merge``, but for rounding.

    Raises ValueError if ``part`` has more samples.
    """
    _check(total), _check(part)
    count = total.count - part.count
    if count < 0:
        raise ValueError(f'{part.count} samples cannot be removed from {total.count}')
    if not count or not part.count:
        return total if count else empty(total.mean.size)
    mean = (total.count * total.mean - part.count * part.mean) / count
    between = np.square(mean - part.mean) * (count * (part.count / total.count))
    return Moments(count, mean, np.maximum(total.m2 - part.m2 - between, 0.0))


def merge_all(sequence: Sequence[Moments], size: int | None = None) -> Moments:
    """Merge in the given order, which decides the last bits. An empty sequence needs ``size``."""
    moments = list(sequence)
    if not moments and size is None:
        raise ValueError('merging no moments needs the number of dimensions')
    total = empty(size) if size is not None else empty(moments[0].mean.size)
    for item in moments:
        total = merge(total, item)
    return total


def from_sums(count: int, total, total_of_squares) -> Moments:
    """Return moments given as count, sum and sum of squares (O,), the form in which the 2020 work printed them.

    A sum of squares that rounding made smaller than count x mean**2 gives zero deviation. Raises ValueError for
    shapes that differ, a negative count, values that are not finite, or sums without a count.
    """
    total, squares = np.asarray(total, dtype=np.float64), np.asarray(total_of_squares, dtype=np.float64)
    if total.ndim != 1 or total.shape != squares.shape or not total.size:
        raise ValueError(f'sum {total.shape} and sum of squares {squares.shape} must be vectors of equal length')
    if count < 0 or not (np.isfinite(total).all() and np.isfinite(squares).all()):
        raise ValueError(f'count {count}: count must be >= 0 and all sums finite')
    if count == 0:
        if total.any() or squares.any():
            raise ValueError('sums without a count would be lost: give the count that they belong to')
        return empty(total.size)
    mean = total / count
    return Moments(int(count), mean, np.maximum(squares - count * np.square(mean), 0.0))


def sums(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Return sum (O,) and sum of squares (O,): the inverse of from_sums."""
    _check(moments)
    return moments.count * moments.mean, moments.m2 + moments.count * np.square(moments.mean)


def mean(moments: Moments) -> np.ndarray:
    """Return the mean (O,); 0 where there are no samples."""
    _check(moments)
    return moments.mean if moments.count else np.zeros_like(moments.mean)


def std(moments: Moments, floor) -> np.ndarray:
    """Return the standard deviation (O,) (of the population), nowhere below ``floor`` (O,); 1 without samples."""
    _check(moments)
    floor = np.asarray(floor, dtype=np.float64)
    if floor.shape != moments.m2.shape:
        raise ValueError(f'floor: shape {floor.shape} came, {moments.m2.shape} is wanted')
    if not moments.count:
        return np.ones_like(moments.m2)
    return np.maximum(np.sqrt(moments.m2 / moments.count), floor)


def digest(space: str, moments: Moments) -> str:
    """Return the SHA-256 (hexadecimal) over the space's name, count, mean and M2."""
    result = hashlib.sha256(f'{space}/{moments.count}'.encode())
    for values in (moments.mean, moments.m2):
        result.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return result.hexdigest()


def _check(moments: Moments):
    if moments.mean.ndim != 1 or moments.mean.shape != moments.m2.shape:
        raise ValueError(f'moments: mean {moments.mean.shape} and m2 {moments.m2.shape} must be equal vectors')
