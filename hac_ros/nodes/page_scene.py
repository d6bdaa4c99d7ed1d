"""Draws visualization_msgs/MarkerArray with viser: the markers that RViz gets, nothing else."""
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from visualization_msgs.msg import Marker, MarkerArray

LINE_THINNEST = 0.004    # [m] thinner lines vanish on a screen


@dataclass
class Drawn:
    """A marker on the page: its viser nodes, what they look like, and until when they stay."""

    look: tuple
    nodes: list = field(default_factory=list)
    until: float = float('inf')      # [s] monotonic

    def remove(self) -> None:
        """Take it off the page."""
        for node in self.nodes:
            node.remove()


class PageScene:
    """Keeps a viser scene equal to the markers that came. Namespaces in ``hidden`` are not drawn."""

    def __init__(self, scene):
        self.scene, self.drawn, self.hidden = scene, {}, frozenset()

    def show(self, array: MarkerArray) -> None:
        """Take one message: ADD, DELETE and DELETEALL in its order; of types, those that markers.py makes."""
        for marker in array.markers:
            if marker.action == Marker.DELETEALL:
                self.clear()
            elif marker.action == Marker.DELETE:
                self._remove((marker.ns, marker.id))
            elif marker.type in DRAW:
                self._draw(marker)

    def clear(self) -> None:
        """Take everything off the page."""
        for key in list(self.drawn):
            self._remove(key)

    def expire(self) -> None:
        """Take off what has outlived its lifetime."""
        now = time.monotonic()
        for key in [key for key, drawn in self.drawn.items() if drawn.until < now]:
            self._remove(key)

    def hide(self, namespaces) -> None:
        """Draw nothing of these namespaces from now on, and everything else."""
        self.hidden = frozenset(namespaces)
        for (namespace, _), drawn in self.drawn.items():
            for node in drawn.nodes:
                node.visible = namespace not in self.hidden

    def _remove(self, key) -> None:
        if key in self.drawn:
            self.drawn.pop(key).remove()

    def _draw(self, marker: Marker) -> None:
        key, look = (marker.ns, marker.id), appearance(marker)
        drawn = self.drawn.get(key)
        if drawn is None or drawn.look != look:      # another shape or colour: viser makes it anew
            self._remove(key)
            drawn = self.drawn[key] = Drawn(look, DRAW[marker.type](self.scene, f'/{marker.ns}/{marker.id}', marker))
            for node in drawn.nodes if marker.ns in self.hidden else ():
                node.visible = False
        _move(drawn.nodes, marker)
        lifetime = marker.lifetime.sec + marker.lifetime.nanosec * 1e-9
        drawn.until = time.monotonic() + lifetime if lifetime > 0 else float('inf')


def appearance(marker: Marker) -> tuple:
    """Return all of a marker but its pose and lifetime: as long as it stays the same, the marker only moves."""
    s, c = marker.scale, marker.color
    points = tuple((p.x, p.y, p.z) for p in marker.points)
    colours = tuple((p.r, p.g, p.b, p.a) for p in marker.colors)
    return marker.type, s.x, s.y, s.z, c.r, c.g, c.b, c.a, marker.text, points, colours


def _move(nodes, marker: Marker) -> None:
    p, q = marker.pose.position, marker.pose.orientation
    for node in nodes:
        node.position, node.wxyz = (p.x, p.y, p.z), (q.w, q.x, q.y, q.z)


# One function for each type of marker: viser's scene, name, marker -> viser nodes

def _colour(colour) -> tuple[int, int, int]:
    return tuple(round(255 * channel) for channel in (colour.r, colour.g, colour.b))


def _style(marker: Marker) -> dict:
    """Return what all solid shapes have in common; what can be seen through casts no shadow."""
    solid = marker.color.a >= 1.0
    return {'color': _colour(marker.color), 'opacity': None if solid else marker.color.a, 'cast_shadow': solid}


def _box(scene, name: str, marker: Marker) -> list:
    s = marker.scale
    return [scene.add_box(name, dimensions=(s.x, s.y, s.z), **_style(marker))]


def _sphere(scene, name: str, marker: Marker) -> list:
    return [scene.add_icosphere(name, radius=marker.scale.x / 2, **_style(marker))]


def _cylinder(scene, name: str, marker: Marker) -> list:
    return [scene.add_cylinder(name, radius=marker.scale.x / 2, height=marker.scale.z, **_style(marker))]


def _points(marker: Marker) -> np.ndarray:
    return np.array([(p.x, p.y, p.z) for p in marker.points], dtype=np.float32)


def _boxes(scene, name: str, marker: Marker) -> list:
    s = marker.scale
    frame = scene.add_frame(name, show_axes=False)     # its boxes move, hide and go with it
    for index, point in enumerate(_points(marker)):
        scene.add_box(f'{name}/{index}', dimensions=(s.x, s.y, s.z), position=point, **_style(marker))
    return [frame]


def _dots(scene, name: str, marker: Marker) -> list:
    colours = np.array([_colour(colour) for colour in marker.colors] or [_colour(marker.color)] * len(marker.points))
    return [scene.add_point_cloud(name, _points(marker), colours.astype(np.uint8), point_size=marker.scale.x,
                                  point_shape='circle', precision='float32')]


def _lines(scene, name: str, marker: Marker) -> list:
    points = _points(marker)
    pairs = points.reshape(-1, 2, 3) if marker.type == Marker.LINE_LIST else np.stack([points[:-1], points[1:]], axis=1)
    thickness = max(marker.scale.x, LINE_THINNEST)
    return [scene.add_line_segments(name, pairs, _colour(marker.color), thickness=thickness)]


def _label(scene, name: str, marker: Marker) -> list:
    return [scene.add_label(name, marker.text, font_size_mode='scene', font_scene_height=marker.scale.z,
                            anchor='bottom-center')]


DRAW: dict[int, Callable] = {
    Marker.CUBE: _box, Marker.SPHERE: _sphere, Marker.CYLINDER: _cylinder, Marker.CUBE_LIST: _boxes,
    Marker.SPHERE_LIST: _dots, Marker.LINE_STRIP: _lines, Marker.LINE_LIST: _lines, Marker.TEXT_VIEW_FACING: _label}
