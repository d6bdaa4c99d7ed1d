"""A process that moves the arm as a bridge does, heartbeats too, until it is killed: python bridge_stand_in.py RUN WORD."""
import sys

import rclpy
from hac_ros import robot_messages, topics
from std_msgs.msg import Header

SIDEWARD = (0, 0.1, 0, 0, 0, 0)


def main(run, word):
    """Publish 25 times a second; a twist only where the word is moving."""
    rclpy.init()
    node = rclpy.create_node('bridge_stand_in')
    hearts, twists = (topics.publisher(node, topic, run) for topic in (topics.HEARTBEAT, topics.TWIST_COMMAND))

    def beat():
        stamp = node.get_clock().now().to_msg()
        if word == 'moving':
            twists.publish(robot_messages.from_twist(SIDEWARD, stamp))
        hearts.publish(Header(stamp=stamp, frame_id=word))
    node.create_timer(0.04, beat)
    rclpy.spin(node)


if __name__ == '__main__':
    main(*sys.argv[1:])
