"""What an AttemptTrail knows as visualization_msgs/MarkerArray: RViz and the browser view show the same.

A namespace is a kind of thing, so that a viewer can hide one; the id is the arm, plus PART for each further part.
Every marker is in the states' frame with their stamp and lives for a while, so that nothing stays when the publisher is
gone: who publishes must send again before that. The first message of an episode begins with DELETEALL.
"""
import math
from dataclasses import dataclass, field

import numpy as np

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from hac_ros import spaces
from hac_ros.attempt_trail import HIT, MISS, UNKNOWN, AttemptTrail
from hac_ros.tasks import Task, Workspace
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

LIFETIME = 3.0                           # [s] of a marker at least
UPDATES = 3                              # for so many updates a marker lives, where they are farther apart than usual
FLASH = Duration(nanosec=600_000_000)    # how long the end of an attempt is shown
PART = 1000                              # added to the id for each further part of a thing
ALL = -1                                 # instead of an arm: all of them, in a grid

GREEN, RED, GREY = (0.18, 0.72, 0.35), (0.88, 0.22, 0.20), (0.55, 0.57, 0.60)
OUTCOME = {HIT: GREEN, MISS: RED, UNKNOWN: GREY}
AMBER, BLUE, VIOLET, TEAL = (0.98, 0.68, 0.10), (0.16, 0.45, 0.92), (0.58, 0.30, 0.85), (0.10, 0.62, 0.66)
WOOD, WHITE, DARK, STEEL = (0.90, 0.84, 0.74), (0.95, 0.95, 0.97), (0.22, 0.24, 0.28), (0.45, 0.50, 0.58)
SILVER = (0.74, 0.77, 0.82)

# Figures of gymnasium-robotics 1.4.2's MJCF, envs/assets/fetch/*.xml, in metres
FINGER = (0.024, 0.012, 0.060)           # size of the drawn finger and plate: x, y, z, pointing down
LINK = 0.055                             # diameter of the drawn arm
BASE = (0.36, 0.36, 0.70)                # of the drawn robot: a column below the shoulder
PALM = (0.060, 0.125, 0.050)
PALM_ABOVE = 0.075                       # of the palm's centre above the point between the fingertips


@dataclass(frozen=True)
class Scenery:
    """Table and object of a task [m]: centre and size of the table, size of the object, whether it is a cylinder."""

    table: tuple[float, float, float] = (1.3, 0.75, 0.2)
    table_size: tuple[float, float, float] = (0.5, 0.7, 0.4)
    object_size: tuple[float, float, float] = (0.05, 0.05, 0.05)
    cylinder: bool = False


SCENERY = {'slide': Scenery((1.3244, 0.7502, 0.2), (1.25, 0.9, 0.4), (0.05, 0.05, 0.04), True)}


def outliving(interval: float) -> Duration:
    """Return how long a marker lives where updates are ``interval`` [s] apart: UPDATES of them, LIFETIME at least.

    Many arms cost so much that a share of a core pays for an update every few seconds only.
    """
    seconds, rest = divmod(max(LIFETIME, UPDATES * interval), 1.0)
    return Duration(sec=int(seconds), nanosec=int(rest * 1e9))


@dataclass(frozen=True)
class Place:
    """Where and when the markers of one arm belong."""

    header: Header
    arm: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)   # [m] of the arm's world in a grid
    lifetime: Duration = field(default_factory=lambda: outliving(0.0))

    def marker(self, kind: str, type_: int, size, colour, alpha=1.0, at=(0.0, 0.0, 0.0),
               orientation=(1.0, 0.0, 0.0, 0.0), lifetime: Duration | None = None, part: int = 0) -> Marker:
        """Return a marker of namespace ``kind`` at ``at`` (3,) [m], turned by quaternion w, x, y, z.

        Without a ``lifetime`` of its own it has that of the place.
        """
        w, x, y, z = map(float, orientation)
        pose = Pose(position=_point(np.add(at, self.offset)), orientation=Quaternion(w=w, x=x, y=y, z=z))
        return Marker(header=self.header, ns=kind, id=self.arm + PART * part, type=type_, action=Marker.ADD, pose=pose,
                      scale=_vector(size), color=_colour(colour, alpha), lifetime=lifetime or self.lifetime)

    def removal(self, kind: str) -> Marker:
        """Return what deletes this arm's marker of namespace ``kind``."""
        return Marker(header=self.header, ns=kind, id=self.arm, action=Marker.DELETE)


def _point(values) -> Point:
    return Point(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _vector(values) -> Vector3:
    return Vector3(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _colour(rgb, alpha: float) -> ColorRGBA:
    return ColorRGBA(r=rgb[0], g=rgb[1], b=rgb[2], a=alpha)


# The whole message

def scene(trail: AttemptTrail, task: Task, header: Header, shown: int = ALL, spacing: float = 1.5, *,
          joints: np.ndarray | None = None, fresh: bool = False, still: bool = True, robot: bool = False,
          interval: float = 0.0) -> MarkerArray:
    """Return the markers of arm ``shown``, or of ALL in a grid with neighbours ``spacing`` [m] apart.

    ``joints`` (arms shown, J, 3) [m] are points of the arm, shoulder first. ``fresh`` begins with DELETEALL: another
    episode, or another choice of arms. ``still`` includes what does not move. ``robot``: the first arm's body is left out,
    because RViz's RobotModel draws it. ``interval`` [s] is the time since the last message, which markers outlive. An arm
    that does not exist shows the last one. The trail must have a state; ends of attempts are taken from it, so that each
    flashes once.
    """
    ended = trail.take_ended()
    found = [Marker(header=header, action=Marker.DELETEALL)] if fresh else []
    for row, place in enumerate(arms_shown(header, trail.state.arms, shown, spacing, outliving(interval))):
        found += standing(place, task) if still or fresh else []
        found += moving(place, trail, task)
        found += flash(place, ended.get(place.arm))
        found += [] if robot and row == 0 else body(place, trail, joints if joints is None else joints[row])
    return MarkerArray(markers=found)


def arms_shown(header: Header, arms: int, shown: int, spacing: float, lifetime: Duration) -> list[Place]:
    """Return the place of each arm that is shown: one where it is, ALL in rows of equal length."""
    if shown != ALL:
        return [Place(header, min(shown, arms - 1), lifetime=lifetime)]
    columns = math.ceil(math.sqrt(arms))
    return [Place(header, arm, (-(arm // columns) * spacing, (arm % columns) * spacing, 0.0), lifetime)
            for arm in range(arms)]


def standing(place: Place, task: Task) -> list[Marker]:
    """Return what does not move: table and workspace."""
    scenery = SCENERY.get(task.name, Scenery())
    table = place.marker('table', Marker.CUBE, scenery.table_size, WOOD, 1.0, scenery.table)
    return [table, workspace(place, task.workspace)]


def moving(place: Place, trail: AttemptTrail, task: Task) -> list[Marker]:
    """Return what moves, for one arm."""
    state, arm = trail.state, place.arm
    observation = state.observation[arm]
    found = goal(place, state.desired_goal[arm], bool(state.success[arm]), task.threshold)
    found += [path(place, [row[arm] for row in trail.path]), attempts(place, trail.attempts.get(arm, ()))]
    if task.has_object:
        found.append(object_(place, observation, SCENERY.get(task.name, Scenery())))
    found += subgoal(place, trail)
    return [*found, text(place, trail, task)]


def body(place: Place, trail: AttemptTrail, joints: np.ndarray | None) -> list[Marker]:
    """Return gripper and, where ``joints`` (J, 3) [m] are given, arm and base: what RobotModel draws too."""
    observation = trail.state.observation[place.arm]
    found = gripper(place, spaces.gripper_position(observation), spaces.fingers(observation))
    return found if joints is None else [*found, *arm(place, joints)]


# Its parts

def workspace(place: Place, box: Workspace) -> Marker:
    """Return the twelve edges of the box that subgoals are kept inside."""
    marker = place.marker('workspace', Marker.LINE_LIST, (0.003, 0.0, 0.0), GREY, 0.7)
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    edges = [(a, b) for a in corners for b in corners if a < b and sum(i != j for i, j in zip(a, b)) == 1]
    sides = box.low, box.high
    marker.points = [_point([sides[i][axis] for axis, i in enumerate(corner)]) for edge in edges for corner in edge]
    return marker


def goal(place: Place, position: np.ndarray, success: bool, threshold: float) -> list[Marker]:
    """Return the goal, and the sphere within which it counts as reached: green while it is."""
    colour = GREEN if success else AMBER
    region = (2 * threshold,) * 3
    return [place.marker('goal', Marker.SPHERE, (0.024,) * 3, colour, 1.0, position),
            place.marker('goal_region', Marker.SPHERE, region, colour, 0.22, position)]


def subgoal(place: Place, trail: AttemptTrail) -> list[Marker]:
    """Return the subgoal in force as sphere of its tolerance, with the opening that it asks for; violet: tested.

    Fingers that are locked take no heed of an opening: it is left out.
    """
    if trail.subgoals is None:
        return [place.removal('subgoal'), *([] if trail.locked else [place.removal('opening')])]
    value, tolerance = trail.subgoals.value[place.arm], trail.subgoals.tolerance[place.arm]
    colour = VIOLET if trail.subgoals.testing[place.arm] else BLUE
    sphere = place.marker('subgoal', Marker.SPHERE, (2 * tolerance[0],) * 3, colour, 0.45, value[:3])
    if trail.locked:
        return [sphere]
    plates = place.marker('opening', Marker.CUBE_LIST, FINGER, colour, 0.55, value[:3])
    plates.points = _beside(value[3] / 2, value[3] / 2)
    return [sphere, plates]


def _beside(right: float, left: float) -> list[Point]:
    """Return centres of two finger pads whose inner faces are ``right`` and ``left`` [m] from the middle."""
    half = FINGER[1] / 2
    return [_point((0.0, right + half, 0.0)), _point((0.0, -left - half, 0.0))]


def flash(place: Place, ended) -> list[Marker]:
    """Return a sphere that soon vanishes where an attempt has ended: green hit, red miss, grey not seen."""
    if ended is None:
        return []
    value, tolerance, outcome = ended
    return [place.marker('outcome', Marker.SPHERE, (2.4 * tolerance[0],) * 3, OUTCOME[outcome], 0.6, value[:3],
                         lifetime=FLASH)]


def attempts(place: Place, ended) -> Marker:
    """Return the last subgoals, coloured by how the attempts ended, the older the paler."""
    if not ended:
        return place.removal('subgoal_trail')
    marker = place.marker('subgoal_trail', Marker.SPHERE_LIST, (0.014,) * 3, WHITE)
    marker.points = [_point(value) for value, _ in ended]
    strengths = np.linspace(0.35, 0.95, len(ended)).tolist()
    marker.colors = [_colour(OUTCOME[outcome], strength) for (_, outcome), strength in zip(ended, strengths)]
    return marker


def path(place: Place, positions) -> Marker:
    """Return the line that the gripper has drawn; two points are the least that a line has."""
    if len(positions) < 2:
        return place.removal('gripper_trail')
    marker = place.marker('gripper_trail', Marker.LINE_STRIP, (0.005, 0.0, 0.0), TEAL, 0.9)
    marker.points = [_point(position) for position in positions]
    return marker


def gripper(place: Place, position: np.ndarray, fingers: np.ndarray) -> list[Marker]:
    """Return palm and fingers of the gripper, which points down; the right finger is at +y."""
    pads = place.marker('gripper', Marker.CUBE_LIST, FINGER, DARK, 1.0, position)
    pads.points = _beside(*fingers)
    above = np.add(position, (0.0, 0.0, PALM_ABOVE))
    return [pads, place.marker('palm', Marker.CUBE, PALM, STEEL, 1.0, above)]


def arm(place: Place, joints: np.ndarray) -> list[Marker]:
    """Return a cylinder for each link between the points ``joints`` (J, 3) [m], shoulder first, and the base."""
    links = [link(place, part, a, b) for part, (a, b) in enumerate(zip(joints[:-1], joints[1:]))]
    column = place.marker('base', Marker.CYLINDER, BASE, SILVER, 1.0, (*joints[0][:2], BASE[2] / 2))
    return [column, *links]


def link(place: Place, part: int, start: np.ndarray, end: np.ndarray) -> Marker:
    """Return the cylinder from ``start`` to ``end`` [m], which are apart."""
    length = float(np.linalg.norm(end - start))
    x, y, z = (end - start) / length
    turn = np.array([1.0 + z, -y, x, 0.0]) if z > -1.0 + 1e-9 else np.array([0.0, 1.0, 0.0, 0.0])   # from +z
    return place.marker('arm', Marker.CYLINDER, (LINK, LINK, length), STEEL if part % 2 else SILVER, 1.0,
                        (start + end) / 2, turn / np.linalg.norm(turn), part=part)


def object_(place: Place, observation: np.ndarray, scenery: Scenery) -> Marker:
    """Return the object of an observation (25,) at its position and orientation."""
    angles = observation[spaces.OBJECT_OBSERVATION.index('object_euler_x'):][:3]
    kind = Marker.CYLINDER if scenery.cylinder else Marker.CUBE
    return place.marker('object', kind, scenery.object_size, WHITE, 1.0, spaces.object_position(observation),
                        quaternion(angles))


def quaternion(angles: np.ndarray) -> np.ndarray:
    """Return the unit quaternion w, x, y, z of FetchEnv's Euler angles [rad] (3,): intrinsic x, y, z."""
    result = np.array([1.0, 0.0, 0.0, 0.0])
    for axis, angle in enumerate(angles):
        turn = np.zeros(4)
        turn[0], turn[1 + axis] = np.cos(angle / 2), np.sin(angle / 2)
        result = product(result, turn)
    return result / np.linalg.norm(result)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product of quaternions w, x, y, z."""
    vector = a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
    return np.array([a[0] * b[0] - a[1:] @ b[1:], *vector])


def text(place: Place, trail: AttemptTrail, task: Task) -> Marker:
    """Return lines for arm, round and step, what each level is at, and success, above the workspace."""
    low, high = task.workspace.low, task.workspace.high
    at = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2] + 0.25)
    marker = place.marker('text', Marker.TEXT_VIEW_FACING, (0.0, 0.0, 0.04), WHITE, 1.0, at)
    marker.text = '\n'.join(words(trail, place.arm))
    return marker


def words(trail: AttemptTrail, arm: int) -> list[str]:
    """Return the lines of the text; plain ASCII, since RViz draws no other."""
    state, subgoals = trail.state, trail.subgoals
    lines = [f'arm {arm}, round {state.id.round}, step {state.id.step}/{state.steps}']
    if subgoals is not None:
        tested = ', tested' if subgoals.testing[arm] else ''
        lines += [f'planner: subgoal {subgoals.attempt[arm]}{tested}',
                  f'controller: steps left {subgoals.steps_left[arm]}']
    return [*lines, 'goal reached' if state.success[arm] else 'goal not reached']
