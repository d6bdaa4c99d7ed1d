#!/usr/bin/env python
"""On a Fetch, in ROS 1: gives the goals that hac_ros's gripper_relay publishes to the gripper's action.

ros1_bridge carries no actions. Python 2.7 and 3. Not run on a robot yet.
"""
import actionlib
import rospy
from control_msgs.msg import GripperCommandAction, GripperCommandGoal
from std_msgs.msg import Float64MultiArray


def main():
    rospy.init_node('gripper_relay')
    client = actionlib.SimpleActionClient('gripper_controller/gripper_action', GripperCommandAction)
    rospy.loginfo('waiting for gripper_controller/gripper_action')
    client.wait_for_server()

    def on_goal(message):
        if len(message.data) != 2:
            rospy.logwarn('%d values came, position [m] and effort [N] are wanted', len(message.data))
            return
        goal = GripperCommandGoal()
        goal.command.position, goal.command.max_effort = message.data
        client.send_goal(goal)      # replaces an older one; hac_ros sees by the joint states how it ends

    rospy.Subscriber('gripper_controller/relayed_goal', Float64MultiArray, on_goal, queue_size=10)
    rospy.spin()


if __name__ == '__main__':
    main()
