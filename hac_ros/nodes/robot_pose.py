"""The drawn robot for RViz's RobotModel: joint states and tf."""
from array import array

import numpy as np

from hac_ros import kinematics, topics
from hac_ros.config import RunConfig

from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

# robot_state_publisher gives no frame to a link whose joint it never hears of
RESTING = (kinematics.TORSO_JOINT, 'bellows_joint', 'head_pan_joint', 'head_tilt_joint', 'r_wheel_joint',
           'l_wheel_joint')
NAMES = [*kinematics.JOINTS, *kinematics.FINGER_JOINTS, *RESTING]


class RobotPose:
    """Publishes joint_states, and the robot's base in the states' frame as tf, of the arm that is shown.

    Stamped by the node's clock, not the states': a bridge that comes back counts its time from 0 again, and
    robot_state_publisher and tf2 pass over what is older than what they have.
    """

    def __init__(self, node, config: RunConfig, base: np.ndarray):
        """``base`` (3,) [m]: where base_link is in the states' frame."""
        self._base, self._clock = base, node.get_clock()
        self._joints = topics.publisher(node, topics.JOINT_STATES, config.run, config.worker)
        self._tf = topics.publisher(node, topics.BASE_TRANSFORM, config.run, config.worker)

    @property
    def watched(self) -> bool:
        """Whether anybody subscribes."""
        return any(publisher.get_subscription_count() for publisher in (self._joints, self._tf))

    def publish(self, frame: str, joints: np.ndarray, fingers: np.ndarray) -> None:
        """Publish joints (7,) [rad] and fingers (2,) [m], right then left, and the base in ``frame``, as of now."""
        header = Header(stamp=self._clock.now().to_msg(), frame_id=frame)
        if self._joints.get_subscription_count():
            positions = array('d', [*joints, *np.clip(fingers, *kinematics.FINGER_RANGE), *[0.0] * len(RESTING)])
            self._joints.publish(JointState(header=Header(stamp=header.stamp), name=NAMES, position=positions))
        if self._tf.get_subscription_count():
            self._tf.publish(TFMessage(transforms=[base_transform(header, self._base)]))


def base_transform(header: Header, base: np.ndarray) -> TransformStamped:
    """Return where base_link is in the header's frame: REP 105's base_link, below the states' world."""
    transform = TransformStamped(header=header, child_frame_id=kinematics.FRAME)
    place = transform.transform.translation
    place.x, place.y, place.z = map(float, base)
    return transform
