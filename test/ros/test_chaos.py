"""`hac bench chaos`, its pieces on made-up run folders and real processes, and small as a whole.

The whole campaign is a command of its own.
"""
import functools
import itertools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import run_traces

from hac_ros import records
from hac_ros.cli.bench_chaos import EXECUTABLES, Chaos, cycles
from hac_ros.cli.bench_recovery import Recovery, last_rounds
from hac_ros.launching import shared_memory
from hac_ros.learning import running_statistics
from hac_ros.learning.journal import ContributionJournal
from hac_ros.run_folder import RunFolder

EVERY = 8


class MadeUpRun:
    """A run folder as it looks while workers 0 and 1 train."""

    def __init__(self, root):
        self.folder = RunFolder(root, 'chaos')
        self.journal = ContributionJournal(self.folder.journal / 'normalizer.jsonl')
        self.log = self.folder.log / 'launch.log'
        self.folder.log.mkdir(parents=True)
        self.write_rows(2)

    def start(self, label, pid):
        with open(self.log, 'a') as file:
            file.write(f'1.000 [INFO] [{label}]: process started with pid [{pid}]\n')

    def contribute(self, round_, *workers):
        for worker in workers:
            key = records.ContributionId(worker, 5 + worker, round_ + 1, 0, round_)
            self.journal.append(records.Contribution(key, 'fetch_reach', running_statistics.empty(10)))

    def write_rows(self, count):
        self.folder.metrics.write_text('\n'.join(['round', *map(str, range(count))]) + '\n')

    def evaluate(self, round_):
        self.folder.proposals.mkdir(exist_ok=True)
        (self.folder.proposals / f'round-{round_:08d}.safetensors').touch()

    def death_of(self, label):
        """Start a process with ``label``, and return the recovery from its death."""
        self.start(label, 101)
        return Recovery(self.folder, 2, EVERY, label, 101)


@pytest.fixture
def run(tmp_path):
    made_up = MadeUpRun(tmp_path)
    made_up.contribute(4, 0, 1)
    return made_up


def test_the_last_rounds_are_those_of_whole_lines(run):
    run.contribute(5, 1)
    run.journal.append(0)       # worker 0 is left out
    run.journal.append(records.Change(7, True))
    with open(run.journal.path, 'ab') as file:
        file.write(b'{"id": {"worker": 0, "incarnation": 5, "sequence": 6, "first_round": 0, "last_round": 5}, "sp')
    before = run.journal.path.read_bytes()
    assert last_rounds(run.folder) == {0: 4, 1: 5}
    assert run.journal.path.read_bytes() == before, 'the normalizer is still writing this line'


@pytest.mark.parametrize('label', ['planner-7', 'controller_learner-5', 'normalizer-3', 'recorder-1'])
def test_recovered_is_who_was_started_again_and_had_a_round_of_every_worker_since(run, label):
    recovery = run.death_of(label)
    run.write_rows(20)      # a burst of rows that were only late
    run.contribute(9, 0, 1)
    assert not recovery.over(), 'nothing has been started again'
    run.start(label, 102)
    assert recovery.started_again() and not recovery.over(), 'rounds of before the start do not count'
    run.contribute(12, 0)
    assert not recovery.over(), 'worker 1 has not completed a round'
    run.contribute(11, 1)
    assert not recovery.over(), 'its round 11 may be one that a learner does not hold'
    run.contribute(12, 1)
    assert recovery.over() and recovery.round == 5


def test_another_process_that_was_started_is_no_recovery(run):
    recovery = run.death_of('planner-7')
    run.start('planner-10', 102)
    run.contribute(40, 0, 1)
    assert not recovery.over()


def test_an_evaluator_has_recovered_with_its_next_verdict(run):
    run.evaluate(8)         # out already, while row 8 is not written
    recovery = run.death_of('evaluator-2')
    run.start('evaluator-2', 102)
    run.contribute(40, 0, 1)
    run.write_rows(16)
    assert recovery.started_again() and not recovery.over()
    run.write_rows(17)
    assert recovery.over()


def test_an_evaluator_that_died_while_evaluating_owes_that_verdict(run):
    recovery = run.death_of('evaluator-2')
    run.start('evaluator-2', 102)
    run.write_rows(8)
    assert not recovery.over()
    run.write_rows(9)
    assert recovery.over()


def test_every_kind_comes_once_in_each_cycle_in_an_order_of_its_own():
    drawn = list(itertools.islice(cycles(np.random.default_rng(0)), 24))
    parts = [drawn[:8], drawn[8:16], drawn[16:]]
    assert all(sorted(part) == sorted(EXECUTABLES) for part in parts) and parts[0] != parts[1] != parts[2]
    assert drawn == list(itertools.islice(cycles(np.random.default_rng(0)), 24))


def test_a_process_that_was_dead_before_is_no_victim_and_a_zombie_is_left_over(run, child):
    chaos = Chaos(run.folder.root, seed=0, kills=1, workers=2, arms=1, limit=1)
    run.start('normalizer-3', child.pid)
    assert chaos.strike('planner') is None and chaos.left_over() == []
    assert chaos.strike('normalizer') == ('normalizer-3', child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert chaos.strike('normalizer') is None, 'a signal to a zombie arrives, and kills nobody'
    assert chaos.left_over() == [f'zombie {child.pid}']
    assert run_traces.living(SimpleNamespace(folder=run.folder.path)) == {child.pid}
    assert child.wait() == -9 and chaos.left_over() == []


def test_what_the_run_had_mapped_must_not_be_left_in_shared_memory_but_for_ports_of_others(run, maps, request):
    port = f'fastrtps_port{60000 + os.getpid() % 5000}'
    names = [f'fastrtps_{os.getpid():016x}', port, f'sem.{port}_mutex']
    own, shared, mutex = (shared_memory.FOLDER / name for name in names)
    for path in (own, shared, mutex):
        request.addfinalizer(functools.partial(path.unlink, missing_ok=True))
        path.write_bytes(bytes(4096))
    mapper, others = [maps(path) for path in (own, shared, mutex)], [maps(path) for path in (own, shared)]
    chaos = Chaos(run.folder.root, seed=0, kills=1, workers=2, arms=1, limit=1)
    for process, label in zip(mapper, ('planner-7', 'normalizer-3', 'controller-4')):
        run.start(label, process.pid)
    chaos.note_memory()
    assert shared_memory.left(chaos.memory) == [], 'it is in use'
    for process in (*mapper, *others):
        process.kill(), process.wait()
    assert shared_memory.left(chaos.memory) == [names[0]], 'the port is not the run\'s alone'
    own.rename(kept := own.with_suffix('.kept'))
    request.addfinalizer(kept.unlink)
    own.write_bytes(bytes(4096))
    assert shared_memory.left(chaos.memory) == [], 'another file of that name'


def test_the_mutex_of_a_port_is_left_only_when_nobody_reads_the_port_any_more(maps, request):
    port = shared_memory.FOLDER / f'fastrtps_port{55000 + os.getpid() % 5000}'
    mutex = port.with_name(f'sem.{port.name}_mutex')
    for path in (port, mutex):
        request.addfinalizer(functools.partial(path.unlink, missing_ok=True))
        path.write_bytes(bytes(4096))
    own = [maps(path) for path in (port, mutex)]
    memory = shared_memory.used_by([process.pid for process in own])
    reader = maps(port)
    for process in own:
        process.kill(), process.wait()
    assert len(memory) == 2 and shared_memory.left(memory) == []
    reader.kill(), reader.wait()
    assert shared_memory.left(memory) == [port.name, mutex.name]


def test_a_campaign_that_spared_a_kind_has_not_passed(run):
    chaos = Chaos(run.folder.root, seed=0, kills=8, workers=2, arms=1, limit=60)
    kills = [{'victim': f'{kind}-1', 'recovery_s': 1.0} for kind in EXECUTABLES]
    assert chaos.killed_all(kills) and not chaos.killed_all(kills[1:])


@pytest.mark.parametrize('power_cut, slow, held', [
    (None, 1.0, False), ({'recovery_s': 61.0}, 1.0, False), ({'recovery_s': 5.0}, 61.0, False),
    ({'recovery_s': 5.0}, 60.0, True)])
def test_a_campaign_whose_run_hung_after_a_kill_or_after_power_was_lost_has_not_passed(run, power_cut, slow, held):
    chaos = Chaos(run.folder.root, seed=0, kills=1, workers=2, arms=1, limit=60)
    chaos.power_cut = power_cut
    assert chaos.recovered([{'victim': 'planner-1', 'recovery_s': slow}]) == held


def test_a_campaign_kills_recovers_checks_and_says_so(tmp_path):
    result = subprocess.run(
        [sys.executable, '-m', 'hac_ros.cli', 'bench', 'chaos', '--json', 'kills:=2', 'workers:=2', 'arms:=2', 'seed:=3',
         'limit:=100', f'folder:={tmp_path}'], capture_output=True, text=True, timeout=400)
    report = json.loads(result.stdout)
    assert len(report['kills']) == 2, result.stderr
    # The launch file has a process started again after a second. A recorder's death ends the run, which goes on at once.
    recorders = [kill for kill in report['kills'] if kill['victim'].startswith('recorder-')]
    assert all(kill['recovery_s'] > kill['started_again_s'] > (0.0 if kill in recorders else 0.9) for kill in report['kills']), report
    assert next(tmp_path.glob('*.out')).read_text().count('The recorder was killed') == len(recorders)
    assert report['power_cut']['recovery_s'] > 1.0 and report['power_cut']['at_s'] >= report['kills'][-1]['at_s']
    # So short a training solves nothing, and two kills do not hit eight kinds: the rest must hold.
    checks = {name: ok for name, ok in report['checks'].items() if 'solved' not in name and 'kind' not in name}
    assert len(checks) == 6 and all(checks.values()), report
    assert result.returncode == 1 and not report['passed']
