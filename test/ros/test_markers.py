"""What a real marker_publisher shows of a scripted worker: every field that RViz needs, and nothing for nobody."""
import dataclasses
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import scripted_worker as script
from node_process import Listener, NodeProcesses
from scripted_worker import ScriptedWorker

from hac_ros import kinematics, markers, messages, tasks, topics
from hac_ros.attempt_trail import AttemptTrail
from hac_ros.nodes.glimpses import CpuBudget
from hac_ros.simulation import models
from hac_ros.simulation import start as start_of_scene
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

NAMESPACE = '/scripted/worker_0'
LISTS = {Marker.LINE_STRIP, Marker.LINE_LIST, Marker.CUBE_LIST, Marker.SPHERE_LIST}
TYPES = {'table': Marker.CUBE, 'workspace': Marker.LINE_LIST, 'goal': Marker.SPHERE, 'goal_region': Marker.SPHERE,
         'gripper_trail': Marker.LINE_STRIP, 'subgoal_trail': Marker.SPHERE_LIST, 'object': Marker.CUBE,
         'subgoal': Marker.SPHERE, 'opening': Marker.CUBE_LIST, 'text': Marker.TEXT_VIEW_FACING,
         'outcome': Marker.SPHERE, 'gripper': Marker.CUBE_LIST, 'palm': Marker.CUBE, 'arm': Marker.CYLINDER,
         'base': Marker.CYLINDER}
# the joints of fetch_description's fetch.urdf that are not fixed
JOINTS = {'r_wheel_joint', 'l_wheel_joint', 'torso_lift_joint', 'head_pan_joint', 'head_tilt_joint', 'bellows_joint',
          'shoulder_pan_joint', 'shoulder_lift_joint', 'upperarm_roll_joint', 'elbow_flex_joint', 'forearm_roll_joint',
          'wrist_flex_joint', 'wrist_roll_joint', 'r_gripper_finger_joint', 'l_gripper_finger_joint'}
SCALED = {Marker.LINE_STRIP: 'x', Marker.LINE_LIST: 'x', Marker.TEXT_VIEW_FACING: 'z'}   # what RViz reads; else all


def start(processes, folder, task='pick_and_place', **parameters):
    return processes.start('marker_publisher', NAMESPACE, run='scripted', task=task, folder=folder, **parameters)


@pytest.fixture(scope='module')
def episode(tmp_path_factory):
    """What was shown of arm 0 in a whole episode, step by step, and at the start of the next."""
    folder = tmp_path_factory.mktemp('markers')
    with NodeProcesses(folder) as processes, Listener() as listener:
        start(processes, folder)
        worker, began = ScriptedWorker(listener), time.monotonic()
        steps = [worker.show(step) for step in range(script.STEPS + 1)]
        following = worker.show(0, round_=1)
    return SimpleNamespace(steps=steps, following=following, arrays=worker.arrays, seconds=time.monotonic() - began)


@pytest.fixture
def worker(listener):
    return ScriptedWorker(listener)


def of(array, kind, arm=0):
    """Return the marker of namespace ``kind`` and of ``arm``."""
    return next(m for m in array.markers if (m.ns, m.id) == (kind, arm))


def at(marker):
    p = marker.pose.position
    return np.array([p.x, p.y, p.z])


def points(marker):
    return at(marker) + np.array([[p.x, p.y, p.z] for p in marker.points]).reshape(-1, 3)


def lifetime(marker) -> float:
    """Return how long a marker lives [s]."""
    return marker.lifetime.sec + marker.lifetime.nanosec * 1e-9


def everything(episode):
    return [marker for array in episode.arrays for marker in array.markers]


def test_every_marker_is_in_the_states_frame_with_the_stamp_of_its_state(episode):
    assert {m.header.frame_id for m in everything(episode)} == {script.FRAME}
    for step, array in enumerate(episode.steps):
        assert all(m.header.stamp == messages.to_time(script.state(step).time) for m in array.markers)


def test_every_marker_has_what_rviz_needs(episode):
    added = [m for m in everything(episode) if m.action == Marker.ADD]
    assert added
    for marker in added:
        q, p, s, c = marker.pose.orientation, marker.pose.position, marker.scale, marker.color
        colours = [channel for colour in [c, *marker.colors] for channel in (colour.r, colour.g, colour.b, colour.a)]
        assert marker.ns and marker.id >= 0
        assert math.isclose(math.hypot(q.w, q.x, q.y, q.z), 1.0, abs_tol=1e-9)
        assert np.isfinite([p.x, p.y, p.z, s.x, s.y, s.z]).all() and np.isfinite(points(marker)).all()
        assert all(getattr(s, axis) > 0 for axis in SCALED.get(marker.type, 'xyz')), marker
        assert all(0 <= channel <= 1 for channel in colours) and c.a > 0
        # the end of an attempt flashes; the rest outlives updates, none of which came later than the whole episode took
        least, most = (0.6, 0.6) if marker.ns == 'outcome' else (3.0, max(3.0, 3 * episode.seconds))
        assert least <= round(lifetime(marker), 6) <= most
        assert bool(marker.points) == (marker.type in LISTS)
        assert len(marker.points) >= (2 if marker.type == Marker.LINE_STRIP else 1) or marker.type not in LISTS
        assert not marker.colors or len(marker.colors) == len(marker.points)
        assert bool(marker.text) == (marker.type == Marker.TEXT_VIEW_FACING) and marker.text.isascii()


def test_every_namespace_has_its_type(episode):
    found = {(m.ns, m.type) for m in everything(episode) if m.action == Marker.ADD}
    assert found == set(TYPES.items())


def test_no_two_markers_of_a_message_have_the_same_name(episode):
    for array in episode.arrays:
        names = [(m.ns, m.id) for m in array.markers if m.action != Marker.DELETEALL]
        assert len(names) == len(set(names))


def test_the_subgoal_is_where_it_was_published_with_its_tolerance_and_opening(episode):
    for step, array in enumerate(episode.steps[:-1]):
        wanted = script.SUBGOALS[script.ATTEMPT[step], 0]
        sphere, plates = of(array, 'subgoal'), of(array, 'opening')
        assert np.array_equal(at(sphere), wanted[:3])
        assert sphere.type == Marker.SPHERE and sphere.scale.x == 2 * script.TOLERANCE[0, 0]
        apart = np.ptp(points(plates), axis=0)
        assert apart == pytest.approx([0.0, wanted[3] + plates.scale.y, 0.0]), 'inner faces are the opening apart'
        assert points(plates).mean(axis=0) == pytest.approx(wanted[:3])
    assert of(episode.steps[-1], 'subgoal').action == Marker.DELETE, 'the episode has ended'


@pytest.mark.parametrize('task', tasks.TASKS)
def test_an_opening_is_drawn_only_where_fingers_move(task):
    task = tasks.by_name(task)
    trail = AttemptTrail(50, 12, task.gripper_locked)
    trail.see_state(script.state_of(task))
    trail.see_subgoals(script.subgoals(0))
    kinds = {m.ns for m in markers.scene(trail, task, Header(frame_id=script.FRAME)).markers}
    assert 'subgoal' in kinds and ('opening' in kinds) == (task.name == 'pick_and_place')


@pytest.mark.parametrize('interval, wanted', [(0.0, 3.0), (0.1, 3.0), (1.0, 3.0), (1.5, 4.5), (16.0, 48.0)])
def test_markers_outlive_the_next_updates(interval, wanted):
    trail = AttemptTrail(50, 12, False)
    trail.see_state(script.state(0))
    trail.see_subgoals(script.subgoals(0))
    scene = markers.scene(trail, tasks.by_name('pick_and_place'), Header(frame_id=script.FRAME), interval=interval)
    added = [m for m in scene.markers if m.action == Marker.ADD]
    assert {m.id % markers.PART for m in added} == {0, 1}
    assert [lifetime(m) for m in added] == pytest.approx([wanted] * len(added))


def test_goal_object_and_gripper_are_where_the_state_says(episode):
    for step, array in enumerate(episode.steps):
        state = script.state(step)
        assert np.array_equal(at(of(array, 'goal')), script.GOALS[0])
        assert of(array, 'goal_region').scale.x == 2 * tasks.by_name('pick_and_place').threshold
        assert np.array_equal(at(of(array, 'object')), state.achieved_goal[0])
        fingers = points(of(array, 'gripper'))
        assert np.ptp(fingers[:, 1]) - of(array, 'gripper').scale.y == pytest.approx(0.02)
        assert fingers.mean(axis=0) == pytest.approx(state.observation[0, :3])


def test_the_goal_changes_its_colour_with_success(episode):
    greens = [of(array, 'goal').color.g > of(array, 'goal').color.r for array in episode.steps]
    assert greens == [step == 4 for step in range(script.STEPS + 1)]
    assert 'goal reached' in of(episode.steps[4], 'text').text and 'not reached' in of(episode.steps[3], 'text').text


def test_the_end_of_an_attempt_flashes_green_or_red_once(episode):
    flashes = [m for m in everything(episode) if m.ns == 'outcome']
    assert [np.round(at(m), 9).tolist() for m in flashes] == script.SUBGOALS[:, 0, :3].tolist()
    assert [m.color.g > m.color.r for m in flashes] == [True, False, False]
    assert all(m.lifetime.sec == 0 for m in flashes)


def test_trails_hold_the_subgoals_that_ended_and_the_way_of_the_gripper(episode):
    last = episode.steps[-1]
    assert np.array_equal(points(of(last, 'subgoal_trail')), script.SUBGOALS[:, 0, :3])
    assert [c.g > c.r for c in of(last, 'subgoal_trail').colors] == [True, False, False]
    assert np.array_equal(points(of(last, 'gripper_trail')), script.grippers()[:, 0])


def test_a_new_episode_deletes_what_the_last_one_left(episode):
    arrays = [a for a in episode.arrays if a.markers[0].action == Marker.DELETEALL]
    assert len(arrays) == 2, 'once for each episode'
    assert messages.seconds(arrays[1].markers[0].header.stamp) == pytest.approx(script.state(0, 1).time)
    left = ('outcome', 'gripper_trail', 'subgoal_trail')
    assert not [m for m in episode.following.markers if m.ns in left and m.action == Marker.ADD]


def test_a_reset_within_a_round_deletes_what_the_take_before_it_left(processes, worker, listener, tmp_path):
    start(processes, tmp_path)
    worker.show(0)
    array = worker.show(3)
    assert all(of(array, kind).action == Marker.ADD for kind in ('subgoal', 'gripper_trail', 'subgoal_trail'))
    state = script.state(0)
    again = dataclasses.replace(state, id=dataclasses.replace(state.id, take=state.id.take + 1))
    here = len(worker.arrays)

    def shown():
        worker.states.publish(messages.from_arm_state(again))
        return next((a for a in worker.arrays[here:] if 'step 0/' in of(a, 'text').text), None)
    array = listener.until(shown, 'the state after the reset')
    assert array.markers[0].action == Marker.DELETEALL
    assert all(of(array, kind).action == Marker.DELETE for kind in ('subgoal', 'gripper_trail', 'subgoal_trail'))


def test_the_arm_ends_above_the_gripper_and_hangs_together(episode):
    for step, array in enumerate(episode.steps):
        links = [m for m in array.markers if m.ns == 'arm']
        assert [m.id for m in links] == [part * markers.PART for part in range(len(links))] and len(links) >= 4
        assert np.linalg.norm(at(links[-1]) - script.grippers()[step, 0]) < 0.4


def test_nobody_watching_means_no_subscription(processes, worker, listener, tmp_path):
    start(processes, tmp_path)
    worker.show(0)
    name = topics.ARM_STATE.path('scripted')
    assert listener.node.count_subscribers(name) == 1
    worker.look_away()
    listener.until(lambda: listener.node.count_subscribers(name) == 0, 'the end of the subscription')
    worker.watch()
    assert of(worker.show(1), 'gripper_trail').action == Marker.DELETE, 'what was seen before is forgotten'


def test_all_arms_stand_in_a_grid(processes, worker, tmp_path):
    start(processes, tmp_path, view__arm=-1, view__spacing=2.0)
    array = worker.show(0, arm=1)
    for arm in range(script.ARMS):
        offset = np.array([0.0, 2.0 * arm, 0.0])
        assert at(of(array, 'subgoal', arm)) == pytest.approx(script.SUBGOALS[0, arm, :3] + offset)
        assert at(of(array, 'goal', arm)) == pytest.approx(script.GOALS[arm] + offset)


def test_every_arm_shows_the_subgoal_that_was_published_for_it(processes, worker, tmp_path):
    start(processes, tmp_path, view__arm=-1, view__spacing=2.0)
    for step in range(script.STEPS):
        array = worker.show(step, arm=1)
        for arm in range(script.ARMS):
            wanted, offset = script.SUBGOALS[script.ATTEMPT[step], arm], (0.0, 2.0 * arm, 0.0)
            sphere, plates = of(array, 'subgoal', arm), of(array, 'opening', arm)
            assert at(sphere) == pytest.approx(wanted[:3] + offset)
            assert sphere.scale.x == 2 * script.TOLERANCE[arm, 0]
            assert np.ptp(points(plates), axis=0) == pytest.approx([0.0, wanted[3] + plates.scale.y, 0.0])
            assert points(plates).mean(axis=0) == pytest.approx(wanted[:3] + offset)


def test_five_arms_stand_in_rows_of_three():
    places = markers.arms_shown(Header(), 5, markers.ALL, 1.5, markers.outliving(0.0))
    assert [place.arm for place in places] == [0, 1, 2, 3, 4]
    assert [place.offset for place in places] == [(0.0, 0.0, 0.0), (0.0, 1.5, 0.0), (0.0, 3.0, 0.0),
                                                  (-1.5, 0.0, 0.0), (-1.5, 1.5, 0.0)]


def test_updates_that_are_far_apart_make_markers_live_longer(processes, worker, tmp_path):
    start(processes, tmp_path, view__rate=0.8)
    lives = [lifetime(of(worker.show(step), 'goal')) for step in range(3)]
    assert lives[0] == 3.0 and min(lives[1:]) > 3 * 1.1, 'updates are 1.25 s apart'


def test_states_that_come_between_two_updates_are_seen(processes, worker, listener, tmp_path):
    start(processes, tmp_path, view__rate=0.5)
    worker.show(0)
    here, last, state = len(worker.arrays), 28, script.state(1)
    for step in range(1, last + 1):
        worker.states.publish(messages.from_arm_state(
            dataclasses.replace(state, id=dataclasses.replace(state.id, step=step), steps=50)))

    def shown():
        return next((a for a in worker.arrays[here:] if f'step {last}/' in of(a, 'text').text), None)
    array = listener.until(shown, 'the last state')
    assert len(points(of(array, 'gripper_trail'))) == last + 1


def test_where_robotmodel_draws_fetch_no_second_arm_is_drawn(processes, worker, tmp_path):
    start(processes, tmp_path, view__arm=-1, view__robot=True)
    array = worker.show(0, arm=1)
    found = {arm: {m.ns for m in array.markers if m.ns and m.id % markers.PART == arm} for arm in range(script.ARMS)}
    assert found[1] - found[0] == {'arm', 'base', 'palm', 'gripper'} and not found[0] - found[1]


def test_the_arm_that_is_shown_can_be_chosen_at_any_time(processes, worker, listener, tmp_path):
    start(processes, tmp_path)
    worker.show(0)
    wanted = [Parameter('view.arm', value=1).to_parameter_msg()]
    answer = listener.call(SetParameters, f'{NAMESPACE}/marker_publisher/set_parameters',
                           SetParameters.Request(parameters=wanted))
    assert answer.results[0].successful
    array = worker.show(1, arm=1)
    assert {m.id % markers.PART for m in array.markers if m.action != Marker.DELETEALL} == {1}
    assert any(a.markers[0].action == Marker.DELETEALL for a in worker.arrays[1:])
    q = of(array, 'object', 1).pose.orientation
    assert np.allclose([q.w, q.x, q.y, q.z], markers.quaternion(script.ANGLES[1]))


@pytest.mark.parametrize('value', [-2, 256])
def test_an_arm_out_of_range_cannot_be_chosen(processes, worker, listener, tmp_path, value):
    start(processes, tmp_path)
    answer = listener.call(SetParameters, f'{NAMESPACE}/marker_publisher/set_parameters', SetParameters.Request(
        parameters=[Parameter('view.arm', value=value).to_parameter_msg()]))
    assert not answer.results[0].successful and 'view.arm' in answer.results[0].reason


def test_joint_states_put_the_gripper_where_it_is(processes, worker, listener, tmp_path):
    start(processes, tmp_path)
    worker.look_away()
    seen = []
    topics.subscribe(listener.node, topics.JOINT_STATES, seen.append, 'scripted')

    def arrived():
        worker.send(2, 0)
        return next((m for m in seen if np.linalg.norm(grip(m) - script.grippers()[2, 0]) < 0.002), None)
    message = listener.until(arrived, 'joint states of the gripper that was sent')
    assert set(message.name) == JOINTS and len(message.name) == len(message.position) == len(JOINTS)
    assert dict(zip(message.name, message.position))['l_gripper_finger_joint'] == pytest.approx(0.01)
    assert not worker.arrays, 'markers were not asked for'


def grip(message):
    joints = dict(zip(message.name, message.position))
    position, _ = kinematics.forward([joints[name] for name in kinematics.JOINTS], joints[kinematics.TORSO_JOINT])
    return kinematics.base_to_world(position[0])


def base_of(task) -> np.ndarray:
    """Return where MuJoCo's model of ``task`` has base_link (3,) [m], unturned."""
    _, data = start_of_scene.unsettled(models.by_task(task))
    assert np.array_equal(data.body('robot0:base_link').xquat, (1.0, 0.0, 0.0, 0.0))
    return data.body('robot0:base_link').xpos


@pytest.mark.parametrize('name', ['reach', 'slide'])
def test_the_base_stands_where_mujoco_has_it_in_the_states_frame(processes, worker, listener, tmp_path, name):
    task = tasks.by_name(name)
    state = script.state_of(task)
    start(processes, tmp_path, name)
    seen = []
    topics.subscribe(listener.node, topics.BASE_TRANSFORM, seen.append, 'scripted')

    def arrived():
        worker.states.publish(messages.from_arm_state(state))
        return seen
    transform = listener.until(arrived, 'a transform')[0].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == (script.FRAME, 'base_link')
    place, turn = transform.transform.translation, transform.transform.rotation
    # MuJoCo's torso rests up to 1.3 mm higher than that of the URDF, whose base is lifted instead
    assert [place.x, place.y, place.z] == pytest.approx(base_of(task), abs=1.5e-3)
    assert (turn.w, turn.x, turn.y, turn.z) == (1.0, 0.0, 0.0, 0.0)


def test_the_robot_goes_on_when_the_stamps_of_states_go_back(processes, worker, listener, tmp_path):
    start(processes, tmp_path)
    joints, transforms = [], []
    topics.subscribe(listener.node, topics.JOINT_STATES, joints.append, 'scripted')
    topics.subscribe(listener.node, topics.BASE_TRANSFORM, transforms.append, 'scripted')
    for step, round_ in ((6, 5), (0, 6), (1, 6)):      # a bridge that was started again counts from 0
        time = 60.0 if round_ == 5 else 0.04 * (step + 1)
        state = dataclasses.replace(script.state(step, round_), time=time)

        def arrived():
            worker.states.publish(messages.from_arm_state(state))
            return any(np.linalg.norm(grip(m) - script.grippers()[step, 0]) < 0.002 for m in joints[-1:])
        listener.until(arrived, f'joint states of step {step} of round {round_}')
    for stamps in ([m.header.stamp for m in joints], [m.transforms[0].header.stamp for m in transforms]):
        seconds = [messages.seconds(stamp) for stamp in stamps]
        assert len(seconds) >= 3 and seconds == sorted(seconds)
        now = messages.seconds(listener.node.get_clock().now().to_msg())
        assert now - 60.0 < seconds[0] < now, 'the clock that RViz has'


def test_a_message_that_does_not_fit_is_dropped_and_counted(processes, worker, listener, tmp_path):
    process = start(processes, tmp_path)
    worker.show(0)
    spoiled = messages.from_arm_state(script.state(1))
    spoiled.observation[3] = math.nan

    def warned():
        worker.states.publish(spoiled)
        return 'not finite' in process.log.read_text()
    listener.until(warned, 'a warning')
    worker.show(1)


@pytest.mark.parametrize('cost', [0.001, 0.02, 0.2])
def test_updates_are_left_out_beyond_the_share_of_a_core(cost):
    now = SimpleNamespace(wall=0.0, cpu=0.0)
    budget, shown = CpuBudget(0.04, lambda: now.wall, lambda: now.cpu), 0
    for _ in range(3000):      # five minutes at 10 Hz
        now.wall += 0.1
        if budget.allows():
            now.cpu += cost
            shown += 1
    assert now.cpu / now.wall <= 0.041
    assert shown == 3000 if cost <= 0.004 else now.cpu / now.wall >= 0.039, 'what is granted is used'


def test_markers_of_euler_angles_turn_as_fetchenv_does():
    transforms3d = pytest.importorskip('transforms3d')
    for angles in np.random.default_rng(0).uniform(-1.5, 1.5, (20, 3)):
        assert np.allclose(transforms3d.quaternions.quat2mat(markers.quaternion(angles)),
                           transforms3d.euler.euler2mat(*angles, axes='rxyz'))
