"""Every topic and service: name, type, QoS, in the order in which data flows.

``{worker}`` stands for a worker's namespace, ``/<run>/worker_<n>``; ``{run}`` for the run's, ``/<run>``. Names of the
robot's own are absolute, as on a real Fetch. All names can be remapped. QoS profiles are named by what they mean.
"""
from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from hac_ros.msg import (ArmCommand, ArmState, Contribution, Episodes, Metrics, PolicyWeights, Receipt, RoundStep,
                         RunStatus, Statistics, Subgoal)
from hac_ros.srv import BeginEpisode, JudgeEpisode
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray, Header
from std_srvs.srv import SetBool, Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

WRITERS = 64    # readers of topics with several writers keep so many samples
VERSIONS = 16   # versions of weights that a late joiner still gets
STATISTICS_VERSIONS = 32   # of statistics: a learner that comes back trains again from its last checkpoint


def _reliable(depth: int, latched: bool = False) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


STREAM = _reliable(2)      # an episode's last state and the next one's first
# Readers of the lock-step: the answer acknowledges what it answers, and what is overdue is sent again, so that DDS need not
# do either; its acknowledgements cost 1.5 % of the bridge's throughput. Writers offer more, for readers that want it.
LOCKSTEP = QoSProfile(depth=2, reliability=ReliabilityPolicy.BEST_EFFORT)
EVENTS = _reliable(WRITERS)              # every one counts, several writers
LATCHED = _reliable(1, latched=True)     # the newest, for late joiners too; one writer
LEDGER = _reliable(WRITERS, latched=True)        # the newest of each of several writers
HISTORY = _reliable(VERSIONS, latched=True)      # the last few versions
LONG_HISTORY = _reliable(STATISTICS_VERSIONS, latched=True)
MOMENTARY = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)      # what is late is told no more
SCENE = _reliable(8)                     # markers: what deletes must not be lost to what came a moment later
ROBOT = _reliable(10)                    # a robot's: as ros1_bridge publishes and reads
NEWEST = _reliable(1)                    # a twist to a Fetch: only the newest is executed
TRANSFORMS = _reliable(100)              # tf2's own
# A reader that looks now and then: costs its writer no acknowledgements. It keeps 1.3 s of real time, since a scene of
# 16 arms is drawn about once a second: with 8 samples most ends of attempts fell into the gaps (docs/view.md).
GLIMPSE = QoSProfile(depth=32, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class Topic:
    """One topic: ``name`` with {run} or {worker} in place of the namespace; ``read`` is the QoS of our readers if it is another."""

    name: str
    type: type
    qos: QoSProfile
    description: str
    read: QoSProfile | None = None

    @property
    def reader_qos(self) -> QoSProfile:
        """What our readers ask for."""
        return self.read or self.qos

    def path(self, run: str, worker: int = 0) -> str:
        """Return the absolute name for ``run`` and ``worker``."""
        return self.name.format(run=f'/{run}', worker=f'/{run}/worker_{worker}')


ARM_STATE = Topic('{worker}/arm_state', ArmState, STREAM, 'bridge: state of every arm', LOCKSTEP)
SUBGOAL = Topic('{worker}/subgoal', Subgoal, STREAM, 'planner: subgoal in force, one for every state', LOCKSTEP)
ARM_COMMAND = Topic('{worker}/arm_command', ArmCommand, STREAM, 'controller: what every arm shall do for one step',
                    LOCKSTEP)
RESTART_ROUND = Topic('{worker}/restart_round', RoundStep, EVENTS,
                      'planner, controller: cannot go on with this round, begin it anew')
PLANNER_EPISODES = Topic('{run}/planner/episodes', Episodes, EVENTS, 'planners: a finished round')
CONTROLLER_EPISODES = Topic('{run}/controller/episodes', Episodes, EVENTS, 'controllers: a finished round')
CONTRIBUTION = Topic('{run}/contribution', Contribution, LEDGER, 'planners: cumulative statistics of a worker')
RECEIPT = Topic('{run}/receipt', Receipt, LEDGER, 'learners, normalizer: rounds that they hold')
STATISTICS = Topic('{run}/statistics', Statistics, LONG_HISTORY, 'normalizer: running statistics, by version')
PLANNER_WEIGHTS = Topic('{run}/planner/weights', PolicyWeights, HISTORY, 'planner learner: weights, by version')
CONTROLLER_WEIGHTS = Topic('{run}/controller/weights', PolicyWeights, HISTORY,
                           'controller learner: weights, by version')
METRICS = Topic('{run}/metrics', Metrics, LEDGER, 'everyone: measurements of a round')
STATUS = Topic('{run}/status', RunStatus, LATCHED, 'recorder: how far the run may go')
# What is on a topic of its own, so that programs which draw one number over time can: the 2020 work's eight curves, what
# tells whether they can be believed, and how well the run does.
PLOTTED = ('evaluation/success_rate', 'evaluation/probe_accuracy', 'planner/success', 'planner/actor_loss',
           'planner/critic_loss', 'planner/mean_reward', 'planner/subgoal_std', 'controller/accuracy',
           'controller/actor_loss', 'controller/critic_loss', 'controller/mean_reward', 'normalizer/drift')
PLOTS = {name: Topic(f'{{run}}/plot/{name}', Float64, LATCHED, f'recorder: {name} of the newest row that has it')
         for name in PLOTTED}
DIAGNOSTICS = Topic('/diagnostics', DiagnosticArray, EVENTS, 'everyone: health, once a second')
CLOCK_TOPIC = Topic('/clock', Clock, MOMENTARY, 'first training bridge: simulation time, monotonic over resets')
MARKERS = Topic('{worker}/markers', MarkerArray, SCENE, 'marker publisher: the scene, while somebody subscribes')
JOINT_STATES = Topic('{worker}/joint_states', JointState, STREAM,
                     'marker publisher: joints that put the gripper where it is, while somebody subscribes')
BASE_TRANSFORM = Topic('{worker}/tf', TFMessage, TRANSFORMS,
                       'marker publisher: where base_link is in the frame of the states, while somebody subscribes')

ROBOT_JOINT_STATES = Topic('/joint_states', JointState, ROBOT,
                           'robot: 100 Hz, arm, torso and head in one message, the fingers in another')
OBJECT_POSE = Topic('/object_pose', PoseStamped, ROBOT, 'perception: the object, in base_link')
TWIST_COMMAND = Topic('/arm_controller/cartesian_twist/command', TwistStamped, NEWEST,
                      'fetch bridge, guard: twist of wrist_roll_link, in base_link')
RELAYED_GRIPPER = Topic('/gripper_controller/relayed_goal', Float64MultiArray, ROBOT,
                        'gripper relay: a goal of the gripper, position [m] and effort [N], for a robot without actions')
RUNSTOP = Topic('/enable_software_runstop', Bool, ROBOT, 'operator: press (true) or release (false) the run-stop')
RUNSTOPPED = Topic('/software_runstop_enabled', Bool, ROBOT, 'robot: 10 Hz, whether the software run-stop is pressed')
# By a relay of ours on a robot that runs ROS 1, ros1/robot_state_relay.py: RobotState is no type of ROS 2.
BUTTON = Topic('/robot_state/runstopped', Bool, ROBOT, 'robot: again and again, whether it is run-stopped, by its button too')
FAULTED = Topic('/robot_state/faulted', Bool, ROBOT, 'robot: again and again, whether it reports a fault')
TF = Topic('/tf', TFMessage, TRANSFORMS, 'robot: where its links are')
HEARTBEAT = Topic('{worker}/fetch_bridge/heartbeat', Header, NEWEST,
                  'fetch bridge: 25 Hz while active; frame_id is moving, resting, or, when it is deactivated, released')
NORMALIZER_ALIVE = Topic('{run}/normalizer/alive', Header, NEWEST, 'normalizer: 25 Hz where it serves a bundle')
GOAL = Topic('{worker}/fetch_bridge/goal', PoseStamped, ROBOT, 'operator: a new goal begins an episode')
DEAD_MAN = Topic('{worker}/fetch_bridge/dead_man', Bool, ROBOT, 'operator: whether the button is held', MOMENTARY)
GUARD_ALIVE = Topic('{worker}/guard/alive', Header, NEWEST, 'guard: 50 Hz; frame_id is idle, watching or holding')

RESET = Topic('{worker}/reset', Trigger, None, 'bridge service: begin the round anew')
PAUSE = Topic('{worker}/pause', SetBool, None, 'bridge service: hold (true) or go on (false)')
CLEAR = Topic('{worker}/fetch_bridge/clear', Trigger, None,
              'fetch bridge service: forget a run-stop, fault or silence that is over, and a jump of the joints')
BEGIN_EPISODE = Topic('/fetch_emulator/begin_episode', BeginEpisode, None,
                      'emulator service: put arm and object where an episode starts')
JUDGE = Topic('/fetch_emulator/judge', JudgeEpisode, None, 'emulator service: how far the true state is from the goal')
ADVANCE = Topic('/fetch_emulator/advance', Trigger, None,
                'emulator service: advance by one control period, where it is stepped')
PRESS = Topic('/fetch_emulator/press_runstop', SetBool, None,
              'emulator service: press (true) or release (false) the red button')
FREEZE = Topic('{run}/statistics/freeze', SetBool, None,
               'normalizer service: hold the statistics (true) or go on with all that has come (false)')
SAVE = Topic('{run}/statistics/save', Trigger, None, "normalizer service: write the newest version to the run's statistics.json")
LOAD = Topic('{run}/statistics/load', Trigger, None, "normalizer service: go on from the run's statistics.json")
RESET_STATISTICS = Topic('{run}/statistics/reset', Trigger, None, 'normalizer service: begin again at count 0')

TOPICS = (ARM_STATE, SUBGOAL, ARM_COMMAND, RESTART_ROUND, PLANNER_EPISODES, CONTROLLER_EPISODES, CONTRIBUTION,
          RECEIPT, STATISTICS, PLANNER_WEIGHTS, CONTROLLER_WEIGHTS, METRICS, STATUS, *PLOTS.values(), DIAGNOSTICS, CLOCK_TOPIC,
          MARKERS, JOINT_STATES, BASE_TRANSFORM, ROBOT_JOINT_STATES, OBJECT_POSE, TWIST_COMMAND, RELAYED_GRIPPER, RUNSTOP,
          RUNSTOPPED, BUTTON, FAULTED, TF, HEARTBEAT, GUARD_ALIVE, NORMALIZER_ALIVE, GOAL, DEAD_MAN)
SERVICES = (RESET, PAUSE, FREEZE, SAVE, LOAD, RESET_STATISTICS, CLEAR, BEGIN_EPISODE, JUDGE, ADVANCE, PRESS)
GRIPPER_ACTION = '/gripper_controller/gripper_action'               # control_msgs/action/GripperCommand
TRAJECTORY_ACTION = '/arm_controller/follow_joint_trajectory'       # control_msgs/action/FollowJointTrajectory
EPISODES = (CONTROLLER_EPISODES, PLANNER_EPISODES)     # by records.CONTROLLER, records.PLANNER
WEIGHTS = (CONTROLLER_WEIGHTS, PLANNER_WEIGHTS)
LEARNERS = ('controller_learner', 'planner_learner')
CONSUMERS = (*LEARNERS, 'normalizer')                  # who must hold a round before it ends


def publisher(node, topic: Topic, run: str, worker: int = 0):
    """Create a publisher of ``topic`` on ``node``. One writer keeps what it alone has to say."""
    qos = LATCHED if topic.qos is LEDGER and topic is not METRICS else topic.qos
    return node.create_publisher(topic.type, topic.path(run, worker), qos)


def subscribe(node, topic: Topic, callback, run: str, worker: int = 0, raw: bool = False):
    """Create a subscription to ``topic`` on ``node``; ``raw``: ``callback`` gets the serialised message, bytes."""
    return node.create_subscription(topic.type, topic.path(run, worker), callback, topic.reader_qos, raw=raw)
