"""Running statistics in a file of their own, to be looked at, kept, and started from: JSON that a SHA-256 guards."""
import json
from pathlib import Path

import numpy as np

from hac_ros import atomic_files, spaces
from hac_ros.learning import running_statistics
from hac_ros.records import Moments, Statistics

FORMAT = 1


def write(path, statistics: Statistics) -> str:
    """Replace the file at ``path`` by ``statistics``, to the bit; return their digest. Raises WriteFailed."""
    space, moments = spaces.by_name(statistics.space), statistics.moments
    digest = running_statistics.digest(space.name, moments)
    atomic_files.write_json(path, {
        'format': FORMAT, 'space': space.name, 'names': list(space.names), 'version': statistics.version,
        'count': moments.count, 'mean': moments.mean.tolist(), 'm2': moments.m2.tolist(),
        'std': running_statistics.std(moments, space.floor).tolist(), 'digest': digest})
    return digest


def read(path, space: spaces.Space) -> Moments:
    """Return the moments in the file at ``path``, which must be of ``space``.

    Besides what ``write`` writes it may hold count, sum and sum_of_squares only, as the 2020 work printed them. Raises
    ValueError, with one sentence, for a file that is missing, damaged, or of another space.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        moments = _written(path, content, space) if 'm2' in content else _sums(content)
    except OSError as error:
        raise ValueError(f'statistics {path} cannot be read: {error.strerror}') from error
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f'statistics {path} are malformed: {type(error).__name__} {error}') from error
    except json.JSONDecodeError as error:
        raise ValueError(f'statistics {path} are truncated or no JSON: {error}') from error
    if moments.mean.shape != (space.size,):
        raise ValueError(f'statistics {path}: {moments.mean.size} dimensions came, {space.size} ({space.name}) are wanted')
    return moments


def _written(path, content: dict, space: spaces.Space) -> Moments:
    if (content['format'], content['space']) != (FORMAT, space.name):
        raise ValueError(f'statistics {path}: format {content["format"]} of space {content["space"]} came, format '
                         f'{FORMAT} of {space.name} is wanted')
    moments = Moments(content['count'], np.array(content['mean'], dtype=np.float64), np.array(content['m2'], np.float64))
    if running_statistics.digest(space.name, moments) != content['digest']:
        raise ValueError(f'statistics {path} were changed after they were written: they do not match their digest')
    return moments


def _sums(content: dict) -> Moments:
    return running_statistics.from_sums(content['count'], content['sum'], content['sum_of_squares'])
