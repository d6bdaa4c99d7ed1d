"""What may be asked of the running statistics of a run, of the real node, which is killed on the way."""
import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import wire as wires
from small_bundle import small_bundle
from wire import FRAMES, RUN, STAMP, TASK, Wire

from hac_ros import messages, records, topics
from hac_ros.learning import running_statistics
from std_srvs.srv import SetBool, Trigger


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path)


def observations(round_):
    return np.random.default_rng(round_).normal(1.0, 0.2, (FRAMES, TASK.observation.size))


def contribution(first, last, incarnation=5):
    moments = running_statistics.merge_all([running_statistics.of_samples(observations(r))[0] for r in range(first, last + 1)])
    key = records.ContributionId(0, incarnation, 1 + last - first, first, last)
    return messages.from_contribution(records.Contribution(key, TASK.observation.name, moments), RUN, STAMP)


class Normalizer:
    """The node, and what it has published by version."""

    def __init__(self, wire):
        self.wire, self.heard = wire, {}
        topics.subscribe(wire.listener.node, topics.STATISTICS, lambda msg: self.heard.update({msg.version: msg}), RUN)

    def start(self, **parameters):
        self.heard.clear()
        self.wire.start('normalizer', **parameters)
        self.version(1)

    def kill(self):
        self.wire.process.send_signal(signal.SIGKILL)
        self.wire.process.wait(30)

    def version(self, number):
        return self.wire.listener.until(lambda: self.heard.get(number), f'statistics {number}')

    def contribute(self, first, last, incarnation=5):
        self.wire.send(topics.CONTRIBUTION, contribution(first, last, incarnation))
        return self.version(last + 2)

    def ask(self, service, request=None):
        return self.wire.listener.call(service.type, service.path(RUN), request or Trigger.Request())


def values(msg):
    return msg.version, msg.count, msg.mean.tolist(), msg.m2.tolist(), msg.frozen, msg.since, msg.digest


def test_statistics_are_saved_frozen_reset_and_loaded_and_a_killed_normalizer_forgets_none_of_it(wire):
    node = Normalizer(wire)
    node.start()
    assert not node.ask(topics.LOAD).success, 'there is no file yet'
    saved = node.contribute(0, 0)
    answer = node.ask(topics.SAVE)
    assert answer.success and f'statistics 2 ({FRAMES} samples' in answer.message
    path = wire.root / RUN / 'statistics.json'
    assert json.loads(path.read_text())['digest'] == saved.digest

    assert node.ask(topics.FREEZE, SetBool.Request(data=True)).message.endswith('from version 3 on')
    held = node.contribute(0, 1)
    assert held.frozen and held.digest == saved.digest and held.includes[0].last_round == 1
    assert node.ask(topics.FREEZE, SetBool.Request(data=False)).success
    assert node.contribute(0, 2).count == 3 * FRAMES

    assert node.ask(topics.RESET_STATISTICS).message == 'statistics begin at count 0 with version 5'
    assert (node.contribute(0, 3).count, node.version(5).since) == (0, 4)
    wire.send(topics.CONTRIBUTION, contribution(0, 4))
    wire.refuses('the statistics count anew from round 4 on')
    assert node.contribute(4, 4, incarnation=6).count == FRAMES

    assert node.ask(topics.LOAD).success
    assert node.contribute(4, 5, incarnation=6).digest == saved.digest
    heard = {number: values(msg) for number, msg in node.heard.items()}
    node.kill()
    node.start()
    assert values(node.version(7)) == heard[7]
    assert {number: values(msg) for number, msg in node.heard.items()} == heard

    path.write_text(path.read_text().replace(f'"count": {FRAMES}', f'"count": {FRAMES + 1}'))
    refused = node.ask(topics.LOAD)
    assert not refused.success and 'do not match their digest' in refused.message
    assert node.contribute(6, 6, incarnation=7).count == 2 * FRAMES, 'nothing was changed'


def test_a_killed_normalizer_whose_origin_is_gone_publishes_the_same_versions(wire):
    bundle, node = small_bundle(wire.root / 'a' / 'bundle'), Normalizer(wire)
    node.start(start_from='a')
    assert node.version(0).count == bundle.statistics.moments.count
    node.contribute(0, 0)
    heard = {number: values(msg) for number, msg in node.heard.items()}
    node.kill()
    shutil.rmtree(wire.root / 'a')
    node.start(start_from='a')
    node.version(2)
    assert {number: values(msg) for number, msg in node.heard.items()} == heard


def hac_statistics(*words):
    """Run the command and return its exit status and what it said."""
    result = subprocess.run([sys.executable, '-m', 'hac_ros.cli', 'statistics', *words], capture_output=True, text=True,
                            timeout=120)
    return result.returncode, result.stdout + result.stderr


def test_statistics_are_changed_from_the_command_line(wire):
    node = Normalizer(wire)
    node.start()
    node.contribute(0, 0)
    status, said = hac_statistics('load', f'run:={RUN}')
    assert status == 1 and 'statistics.json' in said, 'there is no file yet'
    assert hac_statistics('save', f'run:={RUN}')[0] == 0 and (wire.root / RUN / 'statistics.json').exists()
    assert hac_statistics('freeze', f'run:={RUN}') == (0, 'statistics stay as they are from version 3 on\n')
    assert node.contribute(0, 1).frozen
    assert hac_statistics('unfreeze', f'run:={RUN}')[0] == 0 and node.contribute(0, 2).count == 3 * FRAMES
    assert hac_statistics('reset', f'run:={RUN}') == (0, 'statistics begin at count 0 with version 5\n')


@pytest.mark.parametrize('words, why', [
    (['save'], 'run:= did not come'), (['save', 'run:=../x'], 'run name'), (['melt', f'run:={RUN}'], 'melt'),
    (['save', 'run:=nobody', 'limit:=1'], 'no normalizer of a run nobody has answered within 1 s')])
def test_what_cannot_be_asked_is_refused_in_one_line(words, why):
    status, said = hac_statistics(*words)
    assert status == 2 and why in said and said.count('\n') == 1, said


def test_wire_and_node_agree_on_what_the_first_weights_are_for():
    assert wires.statistics().digest == running_statistics.digest(
        TASK.observation.name, running_statistics.empty(TASK.observation.size))


def test_who_serves_a_bundle_says_so_by_the_machines_own_clock(wire):
    """Time that stands still, as the system's does for a while when it is set back, must not stop an arm."""
    small_bundle(wire.root / 'served')
    alive = []
    topics.subscribe(wire.listener.node, topics.NORMALIZER_ALIVE, alive.append, RUN)
    wire.start('normalizer', bundle=wire.root / 'served', use_sim_time=True)
    wire.listener.until(lambda: len(alive) > 5, 'signs of life')
