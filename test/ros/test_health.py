"""What a node says of itself on /diagnostics: level, reason, name and counts, and how long."""
from types import SimpleNamespace

import pytest

from hac_ros import atomic_files, topics
from hac_ros.nodes.health import Health

from diagnostic_msgs.msg import DiagnosticStatus

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@pytest.fixture
def sick(listener):
    """A Health whose clock is the test's, and what it published last, on request."""
    heard, now = [], SimpleNamespace(time=100.0)
    topics.subscribe(listener.node, topics.DIAGNOSTICS, heard.append, 'ailing')
    health = Health(listener.node, 'ailing', lambda: now.time)
    listener.until(lambda: health._publisher.get_subscription_count(), 'the subscription')

    def said():
        listener.executor.spin_once(timeout_sec=0)
        heard.clear()
        health.publish()
        return listener.until(lambda: heard, 'diagnostics')[-1].status
    return SimpleNamespace(health=health, said=said, now=now, node=listener.node)


def test_a_node_that_refused_nothing_says_ok(sick):
    sick.health.note('states repeated')
    (status,) = sick.said()
    assert (status.level, status.message, status.hardware_id) == (OK, 'OK', 'hac_ros')
    assert status.name == sick.node.get_fully_qualified_name() and status.name.startswith('/')
    assert [(value.key, value.value) for value in status.values] == [('states repeated', '1')]


def test_a_refusal_warns_for_half_a_minute_and_is_counted_for_ever(sick):
    sick.health.refuse('state refused', ValueError('it is not finite'))
    sick.now.time += 29.0
    assert (sick.said()[0].level, sick.said()[0].message) == (WARN, 'state refused: it is not finite')
    sick.now.time += 2.0
    (status,) = sick.said()
    assert (status.level, status.message) == (OK, 'OK')
    assert [(value.key, value.value) for value in status.values] == [('state refused', '1')]


def test_a_full_disk_is_an_error_whatever_was_refused_after_it(sick):
    sick.health.refuse('episodes refused', atomic_files.WriteFailed('No space left on device'))
    sick.health.refuse('state refused', 'it is not finite')
    assert (sick.said()[0].level, sick.said()[0].message) == (ERROR, 'episodes refused: No space left on device')
    sick.now.time += 15.0
    sick.health.refuse('state refused', 'it is not finite')
    sick.now.time += 16.0
    assert sick.said()[0].level == WARN


def test_what_nothing_goes_on_with_is_an_error_as_long_as_it_lasts(sick):
    holds = ['stopped by the run-stop']
    sick.health.standing = lambda: holds
    sick.now.time += 1000.0
    assert (sick.said()[0].level, sick.said()[0].message) == (ERROR, 'stopped by the run-stop')
    holds.clear()
    assert sick.said()[0].level == OK


def test_findings_and_measurements_stand_beside_the_counts(sick):
    sick.health.show({'round': 12, 'planner/success': 0.625, 'evaluation/success_rate': float('nan')})
    sick.health.findings = {'collapse': 'always the same', 'decay': ''}
    status, *findings = sick.said()
    assert [(value.key, value.value) for value in status.values] == [('round', '12'), ('planner/success', '0.625')]
    assert [(f.level, f.name, f.message, f.hardware_id) for f in findings] == [
        (WARN, f'{status.name}: collapse', 'always the same', 'hac_ros'), (OK, f'{status.name}: decay', 'OK', 'hac_ros')]


def test_each_kind_of_refusal_is_logged_at_once_and_then_now_and_then(sick, capfd):
    for what, why in (('state refused', 'first'), ('goal refused', 'second'), ('goal refused', 'third')):
        sick.health.refuse(what, why)
    sick.now.time += Health.WARN_EVERY
    sick.health.refuse('goal refused', 'fourth')
    logged = capfd.readouterr().err
    assert [why in logged for why in ('first', 'second', 'third', 'fourth')] == [True, True, False, True]
