"""A level frame that is turned so that x points from the object to its goal.

Domain knowledge: on a table a push depends on where the gripper is as seen along the way to the goal, hardly on which
way that is. What little it does (fingers are not round, the workspace is a box) is left to be learnt from the heading.
"""
import numpy as np

from hac_ros import spaces

LEAST = 1e-9   # [m] of a distance whose direction means something
_FORWARD, _BACK = np.array([1.0, 0.0]), np.array([1.0, -1.0])


def heading(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., 2), x and y of the way from the object to the goal; (1, 0) where there is none."""
    way = (goal - spaces.object_position(observation))[..., :2]
    length = np.sqrt(np.add.reduce(way * way, axis=-1, keepdims=True))
    return np.where(length > LEAST, way / np.maximum(length, LEAST), _FORWARD)


def into(vector: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) of the world as seen in the frame of heading ``towards`` (..., 2)."""
    (x, y), (cos, sin) = _parts(vector), _parts(towards)
    return np.concatenate([cos * x + sin * y, cos * y - sin * x, vector[..., 2:]], axis=-1)


def out_of(vector: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) of the frame of heading ``towards`` (..., 2) as seen in the world: undoes ``into``."""
    return into(vector, towards * _BACK)


def _parts(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return vector[..., 0:1], vector[..., 1:2]
