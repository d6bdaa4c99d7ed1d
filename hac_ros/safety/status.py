"""Why the arm was slowed or stopped: one list, with the words that diagnostics show."""
from collections import Counter
from enum import IntEnum


class Status(IntEnum):
    """What was done to a command, from nothing to a stop; the greater value is the graver one."""

    PASSED = 0
    # slowed: the arm goes on, not as fast or not in every direction
    SPEED = 1
    ACCELERATION = 2
    OPENING = 3
    TOO_EARLY = 4
    NEAR_SINGULARITY = 5
    NEAR_BORDER = 6
    NEAR_TABLE = 7
    JOINT_SPEED = 8
    # stopped: ramped to zero and held, until the cause is gone
    COMMAND_MISSING = 20
    COMMAND_SIZE = 21
    COMMAND_NOT_FINITE = 22
    COMMAND_FRAME = 23
    COMMAND_STALE = 24
    SUBGOAL_REFUSED = 25
    STATE_MISSING = 30
    STATE_NOT_FINITE = 31
    JOINTS_STALE = 32
    OBJECT_STALE = 33
    CLOCK = 34
    GUARD_GONE = 35
    GUARD_HOLDING = 36
    NORMALIZER_GONE = 37
    JOINTS_JUMPED = 38
    ROBOT_UNHEARD = 39
    DEAD_MAN = 40
    SINGULARITY = 41
    JOINT_LIMIT = 42
    WORKSPACE = 43
    TABLE = 44
    # stopped until somebody resets, as JOINTS_JUMPED, whose number is in the logs of deployments
    RUNSTOP = 60
    FAULT = 61
    ROBOT_SILENT = 62

    @property
    def stops(self) -> bool:
        """Whether the arm is ramped to zero and held."""
        return self >= Status.COMMAND_MISSING

    @property
    def intervenes(self) -> bool:
        """Whether more was done than keeping a sound command within its limits."""
        return self >= Status.NEAR_SINGULARITY

    @property
    def latches(self) -> bool:
        """Whether the stop stays when its cause is gone, until a reset."""
        return self >= Status.RUNSTOP or self is Status.JOINTS_JUMPED

    @property
    def stops_gripper(self) -> bool:
        """Whether fingers on their way are to stay where they are, too: somebody wants all to stand."""
        return self.latches or self is Status.DEAD_MAN

    @property
    def text(self) -> str:
        """What an operator reads."""
        return TEXTS[self]


TEXTS = {
    Status.PASSED: 'the command passed unchanged',
    Status.SPEED: 'the command was faster than allowed and was scaled down',
    Status.ACCELERATION: 'the change of velocity was limited',
    Status.OPENING: 'the opening of the gripper was out of range and was clipped',
    Status.TOO_EARLY: 'called again within half a period: the last command was repeated',
    Status.NEAR_SINGULARITY: 'slowed: the arm moves towards a singularity',
    Status.NEAR_BORDER: 'slowed: the gripper moves towards the border of the workspace',
    Status.NEAR_TABLE: 'slowed: the gripper moves towards the table',
    Status.JOINT_SPEED: 'slowed: a joint would turn faster than it can be stopped from in time',
    Status.COMMAND_MISSING: 'stopped: there is no command',
    Status.COMMAND_SIZE: 'stopped: the command has not six velocities',
    Status.COMMAND_NOT_FINITE: 'stopped: the command holds a value that is not finite',
    Status.COMMAND_FRAME: 'stopped: the command is not in base_link',
    Status.COMMAND_STALE: 'stopped: the command is too old, or from the future',
    Status.SUBGOAL_REFUSED: 'stopped: the subgoal in force may not be approached',
    Status.STATE_MISSING: 'stopped: there is no state of seven joints and two fingers',
    Status.STATE_NOT_FINITE: 'stopped: the state holds a value that is not finite',
    Status.JOINTS_STALE: 'stopped: the joint states are too old, or from the future',
    Status.OBJECT_STALE: 'stopped: the pose of the object is too old, or from the future',
    Status.CLOCK: 'stopped: the clock is not finite or went back',
    Status.JOINTS_JUMPED: 'stopped: measured joints moved faster than joints can: call fetch_bridge/clear when the encoders are right',
    Status.ROBOT_UNHEARD: 'stopped: the robot has not told of its run-stop button and of faults yet',
    Status.GUARD_GONE: 'stopped: the guard has not been heard of',
    Status.GUARD_HOLDING: 'stopped: the guard holds the arm',
    Status.NORMALIZER_GONE: 'stopped: the normalizer has not been heard of',
    Status.DEAD_MAN: 'stopped: the dead-man button is not held',
    Status.SINGULARITY: 'stopped: the arm is at a singularity and would move further into it',
    Status.JOINT_LIMIT: 'stopped: a joint is near its limit and would move closer',
    Status.WORKSPACE: 'stopped: the gripper is outside of the workspace and would not come back',
    Status.TABLE: 'stopped: the gripper is at the table and would move down',
    Status.RUNSTOP: 'stopped by the run-stop: call fetch_bridge/clear when the way is clear',
    Status.FAULT: 'stopped: the robot reports a fault: call fetch_bridge/clear when it is gone',
    Status.ROBOT_SILENT: 'stopped: for a while the robot did not tell of its run-stop button and of faults: call fetch_bridge/clear '
                         'when it does, and the way is clear',
}


class Interventions:
    """Counts how often each status came up."""

    def __init__(self):
        self.counts = Counter()

    def note(self, statuses) -> None:
        """Count every status of ``statuses`` but PASSED."""
        self.counts.update(status for status in statuses if status != Status.PASSED)

    @property
    def total(self) -> int:
        """How many interventions there were in all; limits of speed, acceleration and opening are none."""
        return sum(count for status, count in self.counts.items() if status.intervenes)

    def by_name(self) -> dict[str, int]:
        """Return name of the status in small letters -> count, for diagnostics."""
        return {status.name.lower(): count for status, count in sorted(self.counts.items())}
