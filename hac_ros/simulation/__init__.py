"""N Fetch arms in MuJoCo, stepped as one batch: numpy and mujoco only, neither ROS nor torch."""
