#!/usr/bin/env python
"""On a Fetch, in ROS 1: tells what /robot_state says of the run-stop and of faults as std_msgs/Bool, which ros1_bridge carries.

Its own type, fetch_driver_msgs/RobotState, is none of ROS 2's. Nothing is latched, nor told again by itself: where /robot_state
falls silent these do, too, and hac_ros stops the arm. Python 2.7 and 3. Not run on a robot yet.
"""
import rospy
from fetch_driver_msgs.msg import RobotState
from std_msgs.msg import Bool


def main():
    rospy.init_node('robot_state_relay')
    runstopped = rospy.Publisher('robot_state/runstopped', Bool, queue_size=10)
    faulted = rospy.Publisher('robot_state/faulted', Bool, queue_size=10)

    def on_state(state):
        runstopped.publish(Bool(data=state.runstopped))
        faulted.publish(Bool(data=state.faulted))

    rospy.Subscriber('robot_state', RobotState, on_state, queue_size=10)
    rospy.spin()


if __name__ == '__main__':
    main()
