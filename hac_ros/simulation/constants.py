"""Every number that all simulated tasks share, with its source.

[E] gymnasium-robotics 1.4.2, ``envs/fetch/fetch_env.py``; [R] its ``envs/robot_env.py``;
[M] its ``utils/mujoco_utils.py``; [X] its ``envs/assets/fetch/*.xml``. What differs between tasks is in ``models.py``.
"""

SUBSTEPS = 20                        # physics steps a control step; fetch/*.py, n_substeps
TIMESTEP = 0.002                     # [s] a physics step; [X] option timestep

# Mocap control
STEP_LENGTH = 0.05                   # [m] movement of the mocap body at command 1; [E] _set_action, pos_ctrl *= 0.05
ROTATION = (1.0, 0.0, 1.0, 0.0)      # added to the mocap quaternion at each step; [E] _set_action, rot_ctrl
WELD_POSE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)  # written over the weld's first 7 numbers; [M] reset_mocap_welds

# Settling: the arm is drawn from its zero pose to its start by the mocap body
GRIPPER_OFFSET = (-0.498, 0.005, -0.431)  # [m] from the gripper's zero pose; [E] _env_setup, gripper_target
SETTLING_STEPS = 10                  # control steps; [E] _env_setup, range(10)

# Start states and goals
OBJECT_CLEARANCE = 0.1               # [m] least horizontal distance of object and gripper; [E] _reset_sim
AIR_PROBABILITY = 0.5                # share of goals above the table, where the task has any; [E] _sample_goal
AIR_HEIGHT = 0.45                    # [m] highest of them above the object's rest; [E] _sample_goal

# Names in the models; [X] robot.xml and the tasks' files
GRIPPER_SITE = 'robot0:grip'
GRIPPER_BODY = 'robot0:gripper_link'
MOCAP_BODY = 'robot0:mocap'
FINGER_JOINTS = ('robot0:r_gripper_finger_joint', 'robot0:l_gripper_finger_joint')  # in the observation's order
OBJECT_JOINT = 'object0:joint'
OBJECT_SITE = 'object0'
GOAL_SITE = 'target0'

# Below this cosine the Euler angles are degenerate: 4 x float64's epsilon; utils/rotations.py, _EPS4
EULER_DEGENERATE = 4 * 2.0 ** -52
