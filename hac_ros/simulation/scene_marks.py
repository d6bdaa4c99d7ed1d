"""Goal, subgoal and trails drawn into MuJoCo's scene, in the colours of the markers that RViz shows.

Lengths in metres, frame ``world``. A scene that is full takes no more: marks are for the eye only.
"""
from dataclasses import dataclass, field

import mujoco
import numpy as np

AMBER, BLUE, GREEN, RED, DARK = ((0.98, 0.68, 0.10), (0.16, 0.45, 0.92), (0.18, 0.72, 0.35), (0.88, 0.22, 0.20),
                                 (0.22, 0.24, 0.28))
CORE = 0.010                       # radius of the solid middle of goal and subgoal
TRAIL, LINK = 0.0025, 0.0035       # radius of the gripper's trail, of the line from gripper to subgoal
PAST = 0.008                       # radius of earlier subgoals
PLATE = (0.012, 0.003, 0.022)      # half sizes of the plates that show the opening asked for
GLOW = 0.6                         # share of its colour that a mark shines by itself: shadows do not hide it


@dataclass(frozen=True)
class Marks:
    """What one picture shows of an episode so far."""

    goal: np.ndarray                  # (3,)
    threshold: float                  # distance within which the goal counts as reached
    reached: bool                     # the goal is reached in this state
    subgoal: np.ndarray               # (4,) position and opening, in force
    tolerance: float                  # distance within which the subgoal counts as reached
    gripper: np.ndarray               # (T, 3) where the gripper was, the newest last; at least one row
    past: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))          # (P, 3) earlier subgoals
    hit: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))    # (P,) and whether they were reached
    plates: bool = False              # show the opening that the subgoal asks for

    def draw(self, scene: mujoco.MjvScene) -> None:
        """Add everything to ``scene``."""
        colour = GREEN if self.reached else AMBER
        for start, end in zip(self.gripper, self.gripper[1:]):
            rod(scene, start, end, TRAIL, DARK, 0.8)
        for position, hit in zip(self.past, self.hit):
            sphere(scene, position, PAST, GREEN if hit else RED, 0.9)
        rod(scene, self.gripper[-1], self.subgoal[:3], LINK, BLUE, 0.9)
        sphere(scene, self.goal, CORE, colour, 1.0)
        sphere(scene, self.subgoal[:3], CORE, BLUE, 1.0)
        for side in (-1.0, 1.0) if self.plates else ():
            box(scene, self.subgoal[:3] + (0.0, side * self.subgoal[3] / 2, 0.0), PLATE, BLUE, 0.7)
        sphere(scene, self.subgoal[:3], self.tolerance, BLUE, 0.35)
        sphere(scene, self.goal, self.threshold, colour, 0.22)


def sphere(scene: mujoco.MjvScene, position, radius: float, colour, alpha: float) -> None:
    """Add a sphere."""
    _add(scene, mujoco.mjtGeom.mjGEOM_SPHERE, (radius, 0.0, 0.0), position, colour, alpha)


def box(scene: mujoco.MjvScene, position, half_sizes, colour, alpha: float) -> None:
    """Add a box along the axes."""
    _add(scene, mujoco.mjtGeom.mjGEOM_BOX, half_sizes, position, colour, alpha)


def rod(scene: mujoco.MjvScene, start, end, radius: float, colour, alpha: float) -> None:
    """Add a round bar from ``start`` to ``end``; nothing where they are the same."""
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    if np.linalg.norm(end - start) > 1e-6:
        geom = _add(scene, mujoco.mjtGeom.mjGEOM_CAPSULE, (radius,) * 3, start, colour, alpha)
        if geom is not None:
            mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_CAPSULE, radius, start, end)


def _add(scene: mujoco.MjvScene, kind, size, position, colour, alpha: float):
    """Return the geom that was added, None where the scene is full."""
    if scene.ngeom >= scene.maxgeom:
        return None
    geom = scene.geoms[scene.ngeom]
    mujoco.mjv_initGeom(geom, kind, np.array(size, dtype=np.float64), np.array(position, dtype=np.float64),
                        np.eye(3).flatten(), np.array((*colour, alpha), dtype=np.float32))
    geom.emission = GLOW
    scene.ngeom += 1
    return geom
