"""Where the joints are of an arm of which only the gripper's position is known: for viewers."""
import numpy as np

from hac_ros import kinematics
from hac_ros.tasks import Task

CLOSE = 1e-3       # [m], [rad] within which the drawn arm is right
LOST = 0.05        # [m] from the gripper, where the search begins anew
ITERATIONS = 8     # a jump takes a few updates; a gripper that moved on takes two or three


class ArmPose:
    """Follows N grippers that point down, with the torso down, by inverse kinematics from the last joints."""

    def __init__(self, task: Task):
        self.base = kinematics.SLIDE_OFFSET if task.name == 'slide' else kinematics.WORLD_OFFSET   # [m] in the world
        self.joints = kinematics.rows(kinematics.START)      # (N, 7) [rad]

    def follow(self, gripper: np.ndarray) -> None:
        """Move the arms to grippers (N, 3) [m] in the world: as close as they get, where one is out of reach."""
        position = kinematics.world_to_base(gripper, offset=self.base)
        if len(self.joints) != len(position):
            self.joints = np.tile(kinematics.START, (len(position), 1))
        reached = kinematics.inverse(position, seed=self.joints, tolerance=CLOSE, iterations=ITERATIONS)
        lost = reached.distance > LOST
        if lost.any():       # the last joints may have led into a corner
            again = kinematics.inverse(position[lost], tolerance=CLOSE, iterations=ITERATIONS)
            reached.joints[lost] = again.joints
        self.joints = reached.joints

    def points(self) -> np.ndarray:
        """Return points (N, 5, 3) [m] in the world: shoulder, its lift, elbow, wrist, and above the grip."""
        chain = kinematics.chain(self.joints)
        points = [chain.origins[:, joint] for joint in (0, 1, 3, 5)] + [chain.point(kinematics.GRIP - 0.09)]
        return kinematics.base_to_world(np.stack(points, axis=1), offset=self.base)
