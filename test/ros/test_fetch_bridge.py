"""The real fetch_bridge: inactive until activated, observing as the simulation does, and stopping when it must.

The test plays the robot, the policy and the clock, so that a busy machine changes nothing.
"""
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_arm import answers

from hac_ros import config, deployment_log, kinematics, messages, robot_messages, spaces, tasks, topics
from hac_ros.adversary import NAMES, Adversary
from hac_ros.cli.bench_safety import RUN, Rig
from hac_ros.launching.exit_status import REFUSED
from hac_ros.nodes.fetch_bridge import FetchBridge

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Bool, Header

REACH = tasks.by_name('reach', 'fetch')
KINDS = Adversary(REACH).kinds
START = np.append(kinematics.forward(kinematics.START)[0][0], 0.04)    # grip in base_link, and opening
GOAL = kinematics.base_to_world(START[:3] + (0.0, 0.05, 0.02))


class Policy:
    """An honest robot at rest, and a policy that says what the test wants."""

    def __init__(self, rig):
        self.rig, self.states, self.twists, self.diagnostics = rig, [], [], []
        for topic, found in ((topics.ARM_STATE, self.states), (topics.TWIST_COMMAND, self.twists),
                             (topics.DIAGNOSTICS, self.diagnostics)):
            rig.node.create_subscription(topic.type, topic.path(RUN), found.append, 1000)

    def period(self, tick=True) -> None:
        """A period of the robot's time, in which the arm rests."""
        self.rig.adversary.begin(np.random.default_rng(0), self.next_time())
        for names in (NAMES[:8], NAMES[8:]):       # in parts, as a Fetch does
            self.rig.adversary.names, where = list(names), [NAMES.index(name) for name in names]
            message = self.rig.adversary.joint_state()
            message.position, message.velocity = [
                values[where].tolist() for values in (self.rig.adversary.positions, self.rig.adversary.velocities)]
            self.rig.send[topics.ROBOT_JOINT_STATES.name].publish(message)
        if tick:
            self.rig._tick()

    def next_time(self) -> float:
        self.rig.time = round(self.rig.time + 0.04, 6)
        return self.rig.time

    def begin(self, goal=kinematics.world_to_base(GOAL), frame=kinematics.FRAME) -> None:
        """Give a goal, and wait for the first state."""
        before = self.rig.id
        self.rig.send[topics.GOAL.name].publish(robot_messages.from_pose(
            goal, (1, 0, 0, 0), messages.to_time(0.0), frame))

        def begun():
            self.period()
            new = self.rig.id is not None and (before is None or self.rig.id.round != before.round)
            return new and any(messages.to_id(state.id) == self.rig.id for state in self.states)
        self.rig.until(begun, 'the first state')

    def answer(self, command, subgoal=None) -> np.ndarray:
        """Answer the newest state; return the twist that comes of it."""
        here = len(self.twists)
        self.send_answer(command, subgoal)
        self.rig.until(lambda: len(self.twists) > here, 'a twist')
        return robot_messages.to_twist(self.twists[-1])

    def send_answer(self, command, subgoal=None) -> None:
        """Send subgoal and command for the newest state."""
        subgoal = np.append(GOAL, 0.04) if subgoal is None else subgoal
        for topic, message in zip((topics.SUBGOAL, topics.ARM_COMMAND), answers(self.rig.id, subgoal, command)):
            self.rig.send[topic.name].publish(message)

    def next_state(self) -> None:
        """Let the robot rest for a period, and wait for its state: the last command may be under way still."""
        asked = self.rig.id

        def came():
            self.period()
            return self.rig.id != asked
        self.rig.until(came, 'the next state')

    def settle(self) -> None:
        """Look at what the bridge sent before the heartbeat of the last period: it is here."""
        for _ in range(20):
            self.rig.executor.spin_once(timeout_sec=0.0)

    def step(self, command, subgoal=None) -> np.ndarray:
        """A period and its answer."""
        self.next_state()
        return self.answer(command, subgoal)

    def told(self, words: str):
        """Return whether diagnostics of the bridge hold ``words``."""
        return any(words in value.key for array in self.diagnostics for status in array.status for value in status.values)


@pytest.fixture(scope='module')
def rig(tmp_path_factory, domain):
    """One bridge for the tests that leave it as it was."""
    with Rig('reach', str(tmp_path_factory.mktemp('bridge'))) as running:
        yield running


@pytest.fixture(scope='module')
def policy(rig):
    return Policy(rig)


TABLE = config.SafetyConfig().table_height
CLICK = config.DeploymentConfig().click_height
SIDEWARDS = (0.0, 1.0, 0.0, 0.0)


def until_known(rig):
    """Wait until the bridge has found the clients that there are: before, the response to a transition may be lost.

    It finds endpoints in the order in which they were made, so that whoever gets a response of its own was found last.
    """
    until_answered(rig, rig.node)


def until_answered(rig, node):
    """Wait until the bridge has answered ``node``, and so has found whatever ``node`` had made."""
    client, asked = node.create_client(GetState, f'/{RUN}/worker_0/fetch_bridge/get_state'), []

    def answered():
        if client.service_is_ready():
            asked.append(client.call_async(GetState.Request()))
        return any(future.done() for future in asked)
    rig.until(answered, 'a response of the bridge')


def test_it_does_nothing_until_activated_and_in_shadow_mode_sends_nothing(tmp_path, domain):
    with Rig('reach', str(tmp_path), autostart=False, shadow=True, log=True) as rig:
        policy = Policy(rig)
        for _ in range(5):
            policy.period(tick=False)
            rig.beat()
        assert rig.beaten < 0 and not policy.states
        change = rig.node.create_client(ChangeState, f'/{RUN}/worker_0/fetch_bridge/change_state')
        until_known(rig)
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            future = change.call_async(ChangeState.Request(transition=Transition(id=transition)))
            rig.until(future.done, 'the transition')
            assert future.result().success
        policy.begin()
        policy.send_answer(SIDEWARDS)
        policy.next_state()
        assert not policy.twists and not rig.limits.goals and not rig.limits.holds
        rig.child.send(signal.SIGINT)
        rig.until_ended()
    (path,) = deployment_log.files(tmp_path / RUN / 'deployment')
    episode = deployment_log.read(path)
    assert episode.steps == 1 and episode.content['shadow'] and episode.arrays['allowed'][0, 1] > 0


def bridge(processes, folder, run, **settings):
    """Start a bridge that is at work at once, of a run of its own."""
    return processes.start('fetch_bridge', f'/{run}/worker_0', run=run, task='reach', control='fetch', arms=1, folder=folder,
                           deployment__watched=False, deployment__autostart=True, deployment__log=False, **settings)


def until_refused(listener, process, words):
    listener.until(lambda: process.poll() is not None, 'the end of a bridge')
    assert process.returncode == REFUSED and words in process.log.read_text(), process.log.read_text()


def until_at_work(listener, run):
    beats = []
    topics.subscribe(listener.node, topics.HEARTBEAT, beats.append, run)
    listener.until(lambda: beats, f'heartbeats of {run}')


def test_one_bridge_drives_the_robot_whatever_its_run_and_others_look_on(listener, processes, tmp_path):
    first = bridge(processes, tmp_path, 'first')
    until_at_work(listener, 'first')
    until_refused(listener, bridge(processes, tmp_path, 'second'), 'another fetch_bridge drives the robot of this ROS domain')
    looks_on = bridge(processes, tmp_path, 'dry', deployment__shadow=True)
    until_at_work(listener, 'dry')
    assert first.poll() is None
    first.kill()
    first.wait()
    bridge(processes, tmp_path, 'third')
    until_at_work(listener, 'third')
    assert looks_on.poll() is None


@pytest.mark.parametrize('name, namespace, alone, activated', [
    ('fetch_bridge', f'/{RUN}/worker_0', True, False),      # the same run on another computer
    ('teleop', '/', True, False), ('teleop', '/', False, True),
    ('guard', f'/{RUN}/worker_0', True, True), ('ros_bridge', '/', True, True)])
def test_it_is_not_activated_while_somebody_else_may_move_the_arm(tmp_path, domain, name, namespace, alone, activated):
    with Rig('reach', str(tmp_path), autostart=False, alone=alone) as rig:
        policy, other = Policy(rig), rclpy.create_node(name, namespace=namespace)
        topics.publisher(other, topics.TWIST_COMMAND, RUN)
        change = rig.node.create_client(ChangeState, f'/{RUN}/worker_0/fetch_bridge/change_state')
        rig.executor.add_node(other)
        until_answered(rig, other)
        until_known(rig)

        def transition(which):
            future = change.call_async(ChangeState.Request(transition=Transition(id=which)))
            rig.until(future.done, 'the transition')
            return future.result().success
        try:
            assert transition(Transition.TRANSITION_CONFIGURE)
            if activated:       # once the other's name is known
                rig.until(lambda: transition(Transition.TRANSITION_ACTIVATE), 'activation')
            else:
                words = f'{namespace.rstrip("/")}/{name} may send twists to the arm, too'
                rig.until(lambda: not transition(Transition.TRANSITION_ACTIVATE) and any(
                    words in status.message for array in policy.diagnostics for status in array.status), 'the reason')
        finally:
            rig.executor.remove_node(other)
            other.destroy_node()
        if not activated:
            rig.until(lambda: transition(Transition.TRANSITION_ACTIVATE), 'activation once the other is gone')


def test_a_transition_that_is_not_possible_is_refused_and_the_bridge_flies_on(tmp_path, domain):
    with Rig('reach', str(tmp_path)) as rig:
        policy = Policy(rig)
        policy.begin()
        change = rig.node.create_client(ChangeState, f'/{RUN}/worker_0/fetch_bridge/change_state')
        until_known(rig)
        for impossible in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 77):
            future = change.call_async(ChangeState.Request(transition=Transition(id=impossible)))
            rig.until(future.done, 'the transition')
            assert not future.result().success
        policy.answer(SIDEWARDS)
        assert policy.step(SIDEWARDS).any()


class Broken(FetchBridge):
    """A bridge whose arm does not come to rest."""

    def come_to_rest(self):
        raise OSError('the arm does not answer')


def test_a_transition_that_fails_half_way_ends_the_heartbeat_for_good_and_says_why(tmp_path, capfd):
    values = {'run': 'broken', 'task': 'reach', 'control': 'fetch', 'arms': 1, 'folder': str(tmp_path), 'deployment.watched': False,
              'deployment.autostart': True, 'deployment.log': False}
    node = Broken(namespace='/broken', parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
    try:
        assert node.active
        assert node.trigger_deactivate() == TransitionCallbackReturn.ERROR
        assert not node.active and node._state_machine.current_state[1] == 'finalized'
        assert 'on_deactivate: OSError' in capfd.readouterr().err
    finally:
        del Broken.come_to_rest
        node.close()
        node.destroy_node()


def test_a_period_of_safety_other_than_that_of_the_task_is_refused(listener, processes, tmp_path):
    until_refused(listener, bridge(processes, tmp_path, 'hurried', safety__safety_period=0.02),
                  'safety.safety_period: 0.02 came, 0.04 is wanted')


def test_where_time_is_stepped_the_bridge_is_heard_of_before_time_goes_on(tmp_path, domain):
    with Rig('reach', str(tmp_path), clock='stepped') as rig:
        beats, time = [], rig.time
        topics.subscribe(rig.node, topics.HEARTBEAT, beats.append, RUN)
        rig.until(lambda: len(beats) > 1, 'heartbeats')
    assert messages.seconds(beats[-1].stamp) <= time and beats[-1].frame_id == 'resting'


def test_where_time_is_stepped_no_round_begins_before_the_clock_has_come_to_its_goal(tmp_path, domain):
    with Rig('reach', str(tmp_path), clock='stepped') as rig:
        policy, beats = Policy(rig), []
        topics.subscribe(rig.node, topics.HEARTBEAT, beats.append, RUN)
        rig.until(lambda: beats, 'the bridge')
        rig.send[topics.GOAL.name].publish(robot_messages.from_pose(
            kinematics.world_to_base(GOAL), (1, 0, 0, 0), messages.to_time(policy.next_time())))
        for _ in range(2):      # the goal, and then what the robot tells
            here = len(beats)
            rig.until(lambda: len(beats) > here + 2, 'further heartbeats')
            policy.period(tick=False)
        rig.until(lambda: len(beats) > here + 5, 'further heartbeats')
        assert not policy.states, 'the clock would then go on without an answer'

        def begun():
            rig._tick()
            return policy.states
        rig.until(begun, 'the first state')
        assert messages.seconds(policy.states[0].header.stamp) == pytest.approx(rig.time)
        policy.answer(SIDEWARDS)
        assert len(policy.twists) == 1, 'a period without an answer was taken to have gone by'


class Telling(Policy):
    """A robot that tells of its run-stop button while ``tells``, whether it is ``pressed``; its partners live."""

    def __init__(self, rig):
        super().__init__(rig)
        self.tells, self.pressed = True, False
        self.partners, self.state = ([topics.publisher(rig.node, topic, RUN) for topic in some] for some in (
            (topics.GUARD_ALIVE, topics.NORMALIZER_ALIVE), (topics.BUTTON, topics.FAULTED)))
        rig.until(lambda: rig.clear.service_is_ready() and all(
            publisher.get_subscription_count() for publisher in (*self.partners, *self.state)), 'the bridge')

    def period(self, tick=True):
        for partner in self.partners:
            partner.publish(Header(frame_id='watching'))
        for publisher, told in zip(self.state, (self.pressed, False)):
            if self.tells:
                publisher.publish(Bool(data=told))
        super().period(tick)

    def moves(self) -> bool:
        """Return whether a goal moves the arm; where it is held there are no twists at all."""
        here = len(self.twists)
        self.begin()
        for _ in range(8):
            self.send_answer(SIDEWARDS)
            self.next_state()
        self.settle()
        return len(self.twists) > here and robot_messages.to_twist(self.twists[-1])[1] > 0.09

    def clear(self):
        """Ask the bridge to forget what has latched, while the robot's time goes on; return its response."""
        future = self.rig.clear.call_async(topics.CLEAR.type.Request())

        def come():
            self.period()
            return future.done()
        self.rig.until(come, 'a response')
        return future.result()

    def until_cleared(self):
        self.rig.until(lambda: self.clear().success, 'the end of a stop')

    def until_it_moves(self):
        """On a busy machine the robot may have been silent meanwhile."""
        self.rig.until(lambda: self.moves() or self.until_cleared(), 'an arm that goes on')

    def until_told(self, words):
        def told():
            self.period()
            return self.told(words)
        self.rig.until(told, words)


def test_the_arm_moves_only_while_the_robot_tells_of_its_button_and_after_press_or_silence_only_when_cleared(tmp_path, domain):
    with Rig('reach', str(tmp_path), watched=True, watched_timeout=1.0) as rig:
        robot = Telling(rig)
        robot.tells = False
        assert not robot.moves() and 'has not told of its run-stop button' in robot.clear().message
        robot.tells = True
        robot.until_it_moves()
        robot.pressed = True
        robot.until_told('safety runstop')
        assert not robot.moves() and 'still there: stopped by the run-stop' in robot.clear().message
        robot.pressed = False
        assert not robot.moves()
        robot.until_cleared()
        robot.until_it_moves()
        robot.tells, robot.diagnostics[:] = False, []
        robot.until_told('safety robot_silent')
        assert not robot.moves() and not robot.clear().success
        robot.tells = True
        assert not robot.moves()
        robot.until_cleared()
        robot.until_it_moves()


def test_observations_are_those_of_the_simulations_readout(policy):
    policy.begin()
    state = messages.to_arm_state(policy.states[-1], REACH.observation)
    grip = kinematics.base_to_world(kinematics.forward(kinematics.START)[0][0])
    assert np.allclose(state.observation[0, :3], grip, atol=1e-12)
    assert np.array_equal(spaces.fingers(state.observation)[0], [0.02, 0.02])
    assert np.allclose(state.desired_goal[0], GOAL) and np.allclose(state.achieved_goal[0], grip)
    assert (state.steps, state.frame, state.arms) == (REACH.steps, 'world', 1)


@pytest.mark.parametrize('goal, frame, wanted', [
    ((1.30, 0.70, 0.0), 'world', (*kinematics.world_to_base([1.30, 0.70, 0.0])[:2], TABLE + CLICK)),
    ((0.65, -0.05, 0.0), 'base_link', (0.65, -0.05, TABLE + CLICK)),
    ((1.30, 0.70, 0.52), 'world', kinematics.world_to_base([1.30, 0.70, 0.52]))])
def test_a_goal_in_the_states_frame_and_one_without_height_as_rviz_clicks_it(policy, goal, frame, wanted):
    policy.begin()      # so that joint states have come, which tell where the world is
    policy.begin(goal, frame)
    state = next(state for state in policy.states if messages.to_id(state.id) == policy.rig.id)
    assert np.allclose(state.desired_goal, kinematics.base_to_world(np.array(wanted)), atol=1e-6)


def test_a_refused_subgoal_stops_the_arm_before_its_command_passes_and_is_told(policy):
    policy.begin()
    policy.answer(SIDEWARDS)
    fast = [policy.step(SIDEWARDS) for _ in range(5)][-1]
    assert fast[1] > 0.09
    refused = np.append(GOAL + (0.0, 2.0, 0.0), 0.04)
    policy.next_state()
    policy.settle()     # on a busy machine a period went by before its state: the last twist came once more
    here = len(policy.twists)
    policy.answer(SIDEWARDS, refused)
    for _ in range(7):
        policy.next_state()
        policy.send_answer(SIDEWARDS, refused)
    policy.rig.until(lambda: not robot_messages.to_twist(policy.twists[-1]).any(), 'rest')
    speeds = [np.linalg.norm(robot_messages.to_twist(message)[:3]) for message in policy.twists[here:]]
    assert speeds == sorted(speeds, reverse=True) and speeds[0] < np.linalg.norm(fast[:3])
    policy.rig.until(lambda: policy.told('safety subgoal_refused'), 'the reason')


def test_joint_states_that_stop_stop_the_arm_and_the_episode_waits(policy):
    policy.begin()
    policy.answer(SIDEWARDS)
    assert [policy.step(SIDEWARDS) for _ in range(5)][-1][1] > 0.09
    asked = policy.rig.id
    for _ in range(12):
        policy.next_time()
        policy.rig._tick()
    policy.rig.until(lambda: not robot_messages.to_twist(policy.twists[-1]).any(), 'rest')
    assert policy.rig.id.step <= asked.step + 2


def test_a_run_stop_is_an_error_on_diagnostics_until_it_is_cleared(policy):
    rig = policy.rig

    def level(pressed):
        rig.send[topics.RUNSTOPPED.name].publish(Bool(data=pressed))
        policy.period()
        newest = policy.diagnostics[-1].status[0]
        return newest.level == DiagnosticStatus.ERROR and 'run-stop' in newest.message
    policy.begin()
    rig.until(lambda: policy.diagnostics, 'diagnostics')
    rig.until(lambda: level(True), 'the error')

    def cleared():
        over = not level(False)
        rig.clear.call_async(topics.CLEAR.type.Request())    # it is refused while the bridge takes it for pressed
        return over
    rig.until(cleared, 'its end')


@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**32)), min_size=20, max_size=20))
def test_no_command_to_the_robot_exceeds_a_limit_whatever_comes(rig, inputs):
    for kind, seed in inputs:
        rig.period(kind, np.random.default_rng(seed))
    assert rig.limits.exceeded == []


def test_the_arm_moved_under_attack(rig):
    assert rig.limits.moving > 20 and rig.lost < 20
