"""Nodes that an arm waits for run at the real-time priority that they are given, or say that they may not."""
import os

import pytest

from hac_ros import environment, topics
from hac_ros.cli import deploy, launch
from hac_ros.cli.deploy_emulated import Deployment
from hac_ros.nodes import process

RUN = 'prioritised'
ACTING = {'fetch_bridge', 'guard', 'planner', 'controller', 'normalizer'}


@pytest.mark.parametrize('priority', (0, 7))
def test_a_node_has_its_priority_or_says_that_it_is_not_permitted(processes, listener, tmp_path, priority):
    guard = processes.start('guard', f'/{RUN}/worker_0', run=RUN, folder=tmp_path, process__priority=priority)
    heard = []
    topics.subscribe(listener.node, topics.GUARD_ALIVE, heard.append, RUN)
    listener.until(lambda: heard, 'word of the guard')
    wanted = priority and priority + 2      # a guard goes before all that it watches
    if 'real-time priority 9 is not permitted' in guard.log.read_text():
        assert priority == 7
        wanted = 0
    threads = {int(thread) for thread in os.listdir(f'/proc/{guard.pid}/task')}
    assert {os.sched_getparam(thread).sched_priority for thread in threads} == {wanted}


@pytest.mark.parametrize('words, wanted', (([], 20), (['priority:=3'], 3)))
def test_a_deployment_gives_all_nodes_that_act_the_priority(words, wanted):
    plan, _ = launch.planned(launch.find('deploy.launch.xml'), ['bundle:=some', *words])
    assert ACTING <= {node.executable for node in plan}
    assert {node.values()['process.priority'] for node in plan if node.executable in ACTING} == {wanted}


def test_the_doctor_tries_the_priority_of_a_deployments_guard():
    assert environment.REAL_TIME == int(deploy.accepted()['priority'].default) + 2


@pytest.mark.parametrize('pace, wanted', (('1.0', '20'), ('4.0', '20'), ('0.0', '0')))
def test_an_emulated_deployment_has_it_unless_time_is_stepped(pace, wanted):
    assert Deployment(deploy.complete({'pace': pace}), 1).arguments()['priority'] == wanted


def test_a_priority_out_of_range_ends_the_node_with_one_line(processes, tmp_path):
    guard = processes.start('guard', f'/{RUN}/worker_0', run=RUN, folder=tmp_path, process__priority=89)
    assert guard.wait(60) == process.REFUSED
    assert 'process.priority' in guard.log.read_text()
