"""Thin ROS 2 nodes around the pure core."""
