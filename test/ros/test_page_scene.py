"""The page's scene is what the markers say: a real viser server, without a browser."""
import numpy as np
import pytest
import viser
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from hac_ros.nodes.page_scene import PageScene

TURN = {'w': 0.5, 'x': 0.5, 'y': -0.5, 'z': 0.5}


@pytest.fixture
def scene():
    server = viser.ViserServer('127.0.0.1', 0, verbose=False)
    yield PageScene(server.scene)
    server.stop()


def marker(type_=Marker.CUBE, number=0, at=(1.2, -0.3, 0.5), ns='goal', lifetime=0, **fields):
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = at
    for name, value in TURN.items():
        setattr(pose.orientation, name, value)
    return Marker(ns=ns, id=number, type=type_, action=Marker.ADD, pose=pose, scale=Vector3(x=0.1, y=0.2, z=0.3),
                  color=ColorRGBA(r=1.0, g=0.2, b=0.0, a=1.0), lifetime=Duration(sec=lifetime), **fields)


def show(scene, *markers):
    scene.show(MarkerArray(markers=markers))


def points(*rows):
    return [Point(x=x, y=y, z=z) for x, y, z in rows]


@pytest.mark.parametrize('type_', [Marker.CUBE, Marker.SPHERE, Marker.CYLINDER, Marker.CUBE_LIST, Marker.SPHERE_LIST,
                                   Marker.LINE_STRIP, Marker.LINE_LIST, Marker.TEXT_VIEW_FACING])
def test_every_type_is_drawn_where_its_marker_is_and_follows_it(scene, type_):
    given = {'points': points((0.0, 0.0, 0.0), (0.1, 0.0, 0.2)), 'text': 'round 3'}
    show(scene, marker(type_, **given))
    node, = scene.drawn['goal', 0].nodes
    assert node.position == pytest.approx((1.2, -0.3, 0.5)) and node.wxyz == pytest.approx((0.5, 0.5, -0.5, 0.5))
    show(scene, marker(type_, at=(1.3, 0.4, 0.6), **given))
    assert scene.drawn['goal', 0].nodes == [node], 'it only moves'
    assert node.position == pytest.approx((1.3, 0.4, 0.6))


def test_sizes_and_points_are_the_markers(scene):
    ends = points((0.0, 0.0, 0.0), (0.1, 0.0, 0.2), (0.3, 0.0, 0.0))
    show(scene, marker(), marker(Marker.SPHERE, 1), marker(Marker.CYLINDER, 2), marker(Marker.LINE_STRIP, 3, points=ends),
         marker(Marker.SPHERE_LIST, 4, points=ends), marker(Marker.TEXT_VIEW_FACING, 5, text='step 7'))
    box, sphere, cylinder, line, dots, text = (scene.drawn['goal', n].nodes[0] for n in range(6))
    assert box.dimensions == pytest.approx((0.1, 0.2, 0.3)) and tuple(box.color) == (255, 51, 0)
    assert (sphere.radius, cylinder.radius, cylinder.height) == pytest.approx((0.05, 0.05, 0.3))
    assert np.allclose(line.points, [[(0, 0, 0), (0.1, 0, 0.2)], [(0.1, 0, 0.2), (0.3, 0, 0)]])
    assert np.allclose(dots.points, [(0, 0, 0), (0.1, 0, 0.2), (0.3, 0, 0)]) and dots.point_size == pytest.approx(0.1)
    assert text.text == 'step 7'


def test_another_look_is_another_node(scene):
    show(scene, marker())
    before, = scene.drawn['goal', 0].nodes
    larger = marker()
    larger.scale.x = 0.4
    show(scene, larger)
    after, = scene.drawn['goal', 0].nodes
    assert after is not before and after.dimensions[0] == pytest.approx(0.4)


def test_what_is_deleted_is_taken_off_in_the_order_of_the_message(scene):
    show(scene, marker(number=1), marker(number=2), marker(ns='trail', number=1))
    gone = marker(number=1)
    gone.action = Marker.DELETE
    show(scene, gone)
    assert set(scene.drawn) == {('goal', 2), ('trail', 1)}
    everything = Marker(action=Marker.DELETEALL)
    show(scene, marker(number=3), everything, marker(number=4))
    assert set(scene.drawn) == {('goal', 4)}, 'what came after DELETEALL stays'


def test_a_marker_ends_with_its_lifetime_unless_it_comes_again(scene):
    show(scene, marker(number=1, lifetime=0), marker(number=2, lifetime=1), marker(number=3, lifetime=1))
    for number in (2, 3):
        scene.drawn['goal', number].until -= 2.0      # as if two seconds had gone by
    show(scene, marker(number=3, lifetime=1))
    scene.expire()
    assert set(scene.drawn) == {('goal', 1), ('goal', 3)}


def test_hidden_namespaces_are_drawn_unseen_until_they_are_shown_again(scene):
    scene.hide({'trail'})
    show(scene, marker(), marker(ns='trail'))
    goal, trail = (scene.drawn[ns, 0].nodes[0] for ns in ('goal', 'trail'))
    assert goal.visible and not trail.visible
    scene.hide(())
    assert trail.visible
