"""launch/view.rviz against what there is: namespaces, frame, topics with QoS, and classes that RViz has.

RViz is not among the wheels of the embedded ROS 2; its file is YAML, whose reader in RViz ignores what it does not know.
"""
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scripted_worker as script
import yaml

from hac_ros import markers, messages, records, spaces, tasks, topics
from hac_ros.attempt_trail import AttemptTrail
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from std_msgs.msg import Header

FILE = Path(__file__).resolve().parents[2] / 'launch' / 'view.rviz'
# ros2/rviz, branch jazzy, 14.1.5: rviz_common/src/rviz_common/panel_factory.cpp, and
# rviz_default_plugins/plugins_description.xml
PANELS = {f'rviz_common/{name}' for name in (
    'Displays', 'Help', 'Selection', 'Time', 'Tool Properties', 'Transformation', 'Views')}
DISPLAYS, TOOLS, VIEWS, TRANSFORMERS = ({f'rviz_default_plugins/{name}' for name in names.split()} for names in (
    '''AccelStamped Axes Camera CameraInfo DepthCloud Effort FluidPressure Grid GridCells Illuminance Image
       InteractiveMarkers LaserScan Map Marker MarkerArray Odometry Path PointCloud PointCloud2 PointStamped Polygon Pose
       PoseArray PoseWithCovariance Range RelativeHumidity RobotModel TF Temperature TwistStamped Wrench''',
    'FocusCamera Interact Measure MoveCamera PublishPoint Select SetGoal SetInitialPose',
    'FPS Orbit ThirdPersonFollower TopDownOrtho XYOrbit', 'TF'))
# robot_state_publisher, tag 3.3.3, src/robot_state_publisher.cpp
ROBOT_DESCRIPTION = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RELIABILITY = {'Reliable': ReliabilityPolicy.RELIABLE, 'Best Effort': ReliabilityPolicy.BEST_EFFORT}
DURABILITY = {'Volatile': DurabilityPolicy.VOLATILE, 'Transient Local': DurabilityPolicy.TRANSIENT_LOCAL}
NAMESPACE = '/seen/worker_0'    # RViz runs in it


@pytest.fixture(scope='module')
def manager():
    """The part of the file that holds displays, tools and views."""
    return yaml.safe_load(FILE.read_text())['Visualization Manager']


def part(manager, kind, name):
    """Return the only entry of class ``name`` among displays or tools."""
    found = [entry for entry in manager[kind] if entry['Class'] == f'rviz_default_plugins/{name}']
    assert len(found) == 1
    return found[0]


def profile(entry) -> QoSProfile:
    """Return the QoS of a topic in the file, as RViz reads it (qos_profile_property.cpp)."""
    return QoSProfile(depth=entry['Depth'], reliability=RELIABILITY[entry['Reliability Policy']],
                      durability=DURABILITY[entry['Durability Policy']])


def fits(publisher: QoSProfile, subscription: QoSProfile) -> bool:
    # a warning: of liveliness, which no profile of ours sets
    return qos_check_compatible(publisher, subscription)[0] != QoSCompatibility.ERROR


def namespaces(task) -> set[str]:
    """Return the namespaces of all markers of a scripted episode of ``task``."""
    trail, found, header = AttemptTrail(50, 12, task.gripper_locked), set(), Header(frame_id=script.FRAME)
    for step in range(script.STEPS + 1):
        state = script.state(step)
        trail.see_state(state if task.has_object else without_object(state))
        if step < script.STEPS:
            trail.see_subgoals(script.subgoals(step))
        points = np.arange(12.0).reshape(1, 4, 3)     # of an arm
        found |= {m.ns for m in markers.scene(trail, task, header, 0, joints=points, fresh=True).markers if m.ns}
    return found


def without_object(state) -> records.ArmState:
    return dataclasses.replace(state, space=spaces.GRIPPER_OBSERVATION.name,
                               observation=state.observation[:, :spaces.GRIPPER_OBSERVATION.size])


def test_its_namespaces_are_those_of_all_tasks_together(manager):
    listed = part(manager, 'Displays', 'MarkerArray')['Namespaces']
    assert set(listed) == set().union(*map(namespaces, tasks.TASKS.values())) and all(listed.values())


def test_its_fixed_frame_is_that_of_the_states(manager):
    frame = records.ArmState.__dataclass_fields__['frame'].default
    assert manager['Global Options']['Fixed Frame'] == frame == messages.from_arm_state(script.state(0)).header.frame_id


@pytest.mark.parametrize('kind, name, field, topic, qos', [
    ('Displays', 'MarkerArray', 'Topic', topics.MARKERS.path('seen'), topics.MARKERS.qos),
    ('Displays', 'RobotModel', 'Description Topic', f'{NAMESPACE}/robot_description', ROBOT_DESCRIPTION)])
def test_it_subscribes_to_what_is_published(manager, kind, name, field, topic, qos):
    entry = part(manager, kind, name)[field]
    assert f'{NAMESPACE}/{entry["Value"]}' == topic and fits(qos, profile(entry))
    assert entry['Depth'] == qos.depth


def test_its_goal_tool_publishes_where_the_bridge_listens(manager):
    entry = part(manager, 'Tools', 'SetGoal')['Topic']
    assert f'{NAMESPACE}/{entry["Value"]}' == topics.GOAL.path('seen') and fits(profile(entry), topics.GOAL.qos)
    assert not fits(topics.GLIMPSE, topics.GOAL.qos), 'what does not fit is noticed'


def test_rviz_has_every_class_that_it_names(manager):
    views = [manager['Views']['Current'], *manager['Views']['Saved']]
    for entries, known in ((yaml.safe_load(FILE.read_text())['Panels'], PANELS), (manager['Displays'], DISPLAYS),
                           (manager['Tools'], TOOLS), (views, VIEWS), ([manager['Transformation']['Current']], TRANSFORMERS)):
        assert entries and {entry['Class'] for entry in entries} <= known
    assert 'rviz_default_plugins/TopDownOrtho' in {view['Class'] for view in views}, 'the goal tool needs a view from above'
