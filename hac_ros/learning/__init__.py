"""The pure learning core: numpy and torch, no ROS, no simulator."""
