"""The page that `hac view` serves, in a real Chromium, fed by a scripted worker through a real marker_publisher."""
import io
import itertools
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import browser as chromium
import numpy as np
import pytest
import scripted_worker as script
from node_process import Listener, NodeProcesses
from scripted_worker import ScriptedWorker

from hac_ros import markers, messages, tasks, topics
from hac_ros.attempt_trail import AttemptTrail
from hac_ros.msg import RunStatus
from hac_ros.nodes.browser_view import BrowserView
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Header
from std_srvs.srv import SetBool

RUN = 'paged'
NAMESPACE = f'/{RUN}/worker_0'
needs_chromium = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def serve(processes, folder, port):
    return processes.start('browser_view', NAMESPACE, run=RUN, task='pick_and_place', folder=folder, arms=script.ARMS,
                           page__port=port)


def answers(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


@pytest.fixture(scope='module')
def shown(tmp_path_factory):
    """A worker, its marker_publisher, the page, and a browser that shows it."""
    folder, port = tmp_path_factory.mktemp('page'), free_port()
    with NodeProcesses(folder) as processes, Listener() as listener:
        processes.start('marker_publisher', NAMESPACE, run=RUN, task='pick_and_place', folder=folder)
        serve(processes, folder, port)
        listener.until(lambda: answers(port), 'the page')
        pauses = []
        service = listener.node.create_service(SetBool, f'{NAMESPACE}/pause',
                                               lambda request, answer: _keep(pauses, request, answer))
        before = listener.node.count_subscribers(topics.MARKERS.path(RUN))
        with chromium.Browser(folder / 'profile') as page:
            page.open(f'http://127.0.0.1:{port}')
            worker = ScriptedWorker(listener, RUN)
            yield SimpleNamespace(page=page, worker=worker, listener=listener, port=port, pauses=pauses, before=before,
                                  service=service)


def _keep(pauses, request, answer):
    pauses.append(request.data)
    answer.success = True
    return answer


def says(shown, *words):
    """Wait until the page says all of ``words``."""
    return shown.listener.until(lambda: all(word in shown.page.text() for word in words), f'{words} on the page', 90.0)


def picture(shown):
    """Return the middle of the window, (H, W, 3) 0 .. 255."""
    imageio = pytest.importorskip('imageio.v3')
    image = imageio.imread(io.BytesIO(shown.page.picture()))[..., :3].astype(int)
    return image[100:, 150:660]


@needs_chromium
def test_nothing_was_subscribed_to_before_a_browser_came(shown):
    assert shown.before == 0


@needs_chromium
def test_the_page_tells_arm_round_step_and_what_each_level_is_at(shown):
    shown.worker.show(1)
    says(shown, f'arm 0, round 0, step 1/{script.STEPS}', 'planner: subgoal 0', 'controller: steps left 2')


@needs_chromium
def test_the_page_draws_table_and_subgoal_large_enough_to_be_seen(shown):
    shown.worker.show(1)

    def drawn():
        shown.worker.send(1, 0)
        red, green, blue = np.moveaxis(picture(shown), -1, 0)
        wood = (red > green + 8) & (green > blue + 8)
        violet_or_blue = (blue > red + 40) & (blue > green + 40)
        return wood.mean() > 0.10 and violet_or_blue.sum() > 150
    shown.listener.until(drawn, 'table and subgoal on the page', 90.0)


@needs_chromium
def test_the_page_shows_metrics_and_state_of_the_run(shown):
    node = shown.listener.node
    publisher, state = topics.publisher(node, topics.METRICS, RUN), topics.publisher(node, topics.STATUS, RUN)
    stamp = messages.to_time(1.0)
    for round_, share in enumerate((0.25, 0.625)):
        values = {'controller/accuracy': share}
        publisher.publish(messages.from_metrics('controller_learner', 0, round_, values, RUN, stamp))
    state.publish(RunStatus(run=RUN, state=RunStatus.STOPPING, environment_steps=12800, reason='it is good enough'))
    says(shown, 'controller/accuracy', '0.625', '12,800 environment steps', 'it is good enough')


@needs_chromium
def test_pause_and_play_reach_the_bridge(shown):
    shown.page.click('Pause')
    says(shown, 'Play')
    shown.page.click('Play')
    says(shown, 'Pause')
    assert shown.pauses == [True, False]


@needs_chromium
def test_a_bridge_that_goes_on_by_itself_can_be_paused_again(shown):
    shown.page.click('Pause')
    says(shown, 'Play')
    steps = itertools.cycle(range(script.STEPS))      # as a bridge does that was started again

    def goes_on():
        shown.worker.send(next(steps), 0)
        return 'Pause' in shown.page.text()
    shown.listener.until(goes_on, 'the word Pause', 90.0)
    shown.page.click('Pause')
    says(shown, 'Play')
    assert shown.pauses == [True, False, True, True]


@needs_chromium
def test_another_arm_can_be_chosen(shown):
    shown.page.choose('Arm', '1')
    name = f'{NAMESPACE}/marker_publisher/get_parameters'
    shown.listener.until(lambda: shown.listener.call(GetParameters, name, GetParameters.Request(
        names=['view.arm'])).values[0].integer_value == 1, 'the choice at marker_publisher')
    shown.worker.show(2, arm=1)
    says(shown, 'arm 1, round 0, step 2')


@needs_chromium
def test_the_choice_of_somebody_else_is_shown(shown):
    wanted = [Parameter('view.arm', value=-1).to_parameter_msg()]
    shown.listener.call(SetParameters, f'{NAMESPACE}/marker_publisher/set_parameters',
                        SetParameters.Request(parameters=wanted))
    shown.worker.show(3, arm=1)
    says(shown, f'{script.ARMS} arms')
    shown.listener.until(lambda: shown.page.chosen('Arm') == 'all', 'the choice on the page')


@needs_chromium
def test_a_level_alone_has_its_own_metrics(shown):
    publisher = topics.publisher(shown.listener.node, topics.METRICS, RUN)
    shown.listener.until(publisher.get_subscription_count, 'the page')
    for level in ('planner', 'controller'):
        values = {f'{level}/updates': 4.0}
        publisher.publish(messages.from_metrics(f'{level}_learner', 0, 2, values, RUN, messages.to_time(1.0)))
    says(shown, 'planner/updates', 'controller/updates')
    for level, other in (('planner', 'controller'), ('controller', 'planner')):
        shown.page.choose('Level', level)
        shown.listener.until(lambda: f'{level}/updates' in shown.page.text() and f'{other}/updates' not in shown.page.text(),
                             f'metrics of the {level} alone', 90.0)


@needs_chromium
def test_what_cannot_be_done_is_said_on_the_page(shown):
    shown.listener.node.destroy_service(shown.service)

    def refused():
        shown.page.run("[...document.querySelectorAll('button')].find(b => /^(Pause|Play)$/.test(b.innerText)).click()")
        return 'is not there' in shown.page.text()
    shown.listener.until(refused, 'the refusal on the page', 90.0)
    says(shown, 'Not done: service', f'{NAMESPACE}/pause')


@needs_chromium
def test_the_page_complains_of_nothing_and_loads_nothing_from_elsewhere(shown):
    assert shown.page.errors() == []
    addresses = shown.page.run("return ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
                               '.map(entry => entry.name)')
    assert addresses and all(address.startswith((f'http://127.0.0.1:{shown.port}/', 'data:', 'blob:'))
                             for address in addresses), addresses


@needs_chromium
def test_it_listens_on_this_machine_only(shown):
    with open('/proc/net/tcp', encoding='ascii') as table:
        local = [line.split()[1] for line in table if line.split()[3] == '0A']     # listening
    assert [address for address in local if address.endswith(f':{shown.port:04X}')] == [f'0100007F:{shown.port:04X}']


@pytest.fixture
def view(tmp_path):
    """The node, in this process."""
    parameters = {'run': RUN, 'task': 'pick_and_place', 'folder': str(tmp_path), 'page.port': free_port()}
    node = BrowserView(namespace=NAMESPACE, parameter_overrides=[
        Parameter(name, value=value) for name, value in parameters.items()])
    yield node
    node.close()
    node.destroy_node()


def test_a_level_alone_hides_what_it_has_nothing_to_do_with(view):
    trail, task = AttemptTrail(50, 12, False), tasks.by_name('pick_and_place')
    for step in range(script.STEPS):
        trail.see_state(script.state(step))
        trail.see_subgoals(script.subgoals(step))
    view.on_markers(markers.scene(trail, task, Header(frame_id=script.FRAME), 0))
    named = {namespace for namespace, _ in view.scene.drawn}
    for level, hidden in (('planner', {'gripper_trail'}), ('controller', {'goal', 'goal_region', 'subgoal_trail'}),
                          ('both', set())):
        view.panel.level.value = level
        view.on_timer()
        visible = {ns for (ns, _), drawn in view.scene.drawn.items() if all(node.visible for node in drawn.nodes)}
        assert named - visible == hidden and hidden <= named


def test_metrics_are_drawn_when_the_timer_rings_and_not_for_each_message(view):
    for round_ in range(2):
        values = {'controller/accuracy': 0.25}
        view.on_metrics(messages.from_metrics('controller_learner', 0, round_, values, RUN, messages.to_time(1.0)))
    assert view.panel.metrics.content == ''
    view.on_timer()
    assert '| controller/accuracy | 0.25 |' in view.panel.metrics.content and view.panel.plot.visible


def test_what_the_server_refused_is_in_diagnostics(view):
    view.server.request_share_url()      # as viser does for a client that asks
    view.on_timer()
    assert view.health.refused == {'request to the page refused': 1}


def test_a_port_that_is_taken_is_refused_in_one_line(processes, tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = serve(processes, tmp_path, port)
        assert process.wait(60) == 2
    lines = [line for line in process.log.read_text().splitlines() if 'error' in line]
    assert len(lines) == 1 and f'127.0.0.1:{port}' in lines[0] and 'port:=' in lines[0], lines


def test_hac_view_serves_the_page_and_leaves_nothing_behind_after_ctrl_c(listener, tmp_path):
    port = free_port()
    command = [sys.executable, '-m', 'hac_ros.cli', 'view', f'folder:={tmp_path}', f'run:={RUN}', f'port:={port}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            listener.until(lambda: answers(port), 'the page')
        finally:
            process.send_signal(signal.SIGINT)
        assert f'http://127.0.0.1:{port}' in process.stdout.read()
        assert process.wait(60) == 130
    log = (tmp_path / RUN / 'log' / 'view' / 'launch.log').read_text()
    pids = re.findall(r'process started with pid \[(\d+)\]', log)
    assert len(pids) == 2 and not [pid for pid in pids if Path('/proc', pid).exists()]
