"""The supervisor with real processes: small Python scripts. Nobody sleeps: tests wait for what processes print."""
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 20.0    # [s] a wait that takes longer fails the test

# Builds a plan of scripts, each given as (label, source, options), and supervises it; a crash is one within so many seconds.
DRIVER = '''
import json
import sys
from pathlib import Path
from hac_ros.launching import plan, supervisor, terminal

class Script(plan.NodeProcess):
    def command(self, folder):
        return [sys.executable, '-u', '-c', self.executable]

folder, grace, entries = Path(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
supervisor.CRASH_LOOP_TIME = float(sys.argv[4])
nodes = [Script('probe', source, label, None, None, **options) for label, source, options in entries]
sys.exit(supervisor.Supervisor(nodes, folder, terminal.Terminal(sys.stderr, verbose=True), grace).run())
'''
FOREVER = 'import signal, os; print("up", os.getpid(), flush=True)\nwhile True: signal.pause()'
POLITE = 'import signal, os, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(0))\n' + FOREVER
DEAF = ('import signal, os; signal.signal(signal.SIGINT, signal.SIG_IGN); '
        'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n' + FOREVER)


class Run:
    """A supervisor in a process of its own, and what it shows."""

    def __init__(self, folder: Path, entries: list, grace: float, crash_time: float, by: tuple[str, ...]):
        self.folder, self.lines = folder, []
        self.process = subprocess.Popen(
            [*by, sys.executable, '-c', DRIVER, str(folder), str(grace), json.dumps(entries), str(crash_time)], stderr=subprocess.PIPE, bufsize=0,
            env={**os.environ, 'PYTHONPATH': str(REPOSITORY)})

    def wait_for(self, text: str, count: int = 1) -> list[str]:
        """Read until ``count`` lines hold ``text``; return them."""
        while len(found := [line for line in self.lines if text in line]) < count:
            assert select.select([self.process.stderr], [], [], LIMIT)[0], f'{text!r} did not come: {self.lines}'
            line = self.process.stderr.readline().decode()
            assert line, f'{text!r} did not come before the end: {self.lines}'
            self.lines.append(line.rstrip())
        return found

    def pids(self, count: int) -> list[int]:
        """Return the process ids that ``count`` children told."""
        return [int(line.split()[-1]) for line in self.wait_for('] up ', count)]

    def end(self) -> int:
        """Return the exit status when it has ended."""
        rest = self.process.communicate(timeout=LIMIT)[1]
        self.lines += rest.decode().splitlines()
        return self.process.returncode


@pytest.fixture
def start(tmp_path):
    """Start a supervisor of (label, source, options) entries; whatever happens, it is ended."""
    runs = []

    def start(*entries, grace=5.0, crash_time=10.0, by=()):
        runs.append(Run(tmp_path / 'log', list(entries), grace, crash_time, by))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
        run.process.stderr.close()


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pid: int) -> None:
    """Return when ``pid`` has ended; fail after LIMIT."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([fd], [], [], LIMIT)[0], f'process {pid} is still there'
    finally:
        os.close(fd)


def test_end_of_the_required_process_stops_the_others_and_gives_the_status(start):
    run = start(('worker-1', POLITE, {'respawn': True}),
                ('recorder-2', 'import sys; sys.exit(7)', {'on_exit': 'shutdown'}))
    assert run.end() == 7
    assert any('was required' in line for line in run.lines)


@pytest.mark.parametrize('by, status', [(('env', '--default-signal=HUP'), 129), (('nohup',), 130)])
def test_a_terminal_that_goes_ends_a_run_unless_nohup_started_it(start, by, status):
    run = start(('worker-1', POLITE, {}), by=by)
    run.pids(1)
    run.process.send_signal(signal.SIGHUP)
    if status == 130:      # what has come is not heeded: the next signal is the first one
        run.process.send_signal(signal.SIGINT)
    assert run.end() == status


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_ctrl_c_lets_a_process_end_by_itself(start, number):
    run = start(('worker-1', POLITE, {}))
    pid, = run.pids(1)
    os.kill(run.process.pid, number)
    assert run.end() == 128 + number and not is_alive(pid)
    assert any('finished cleanly' in line for line in run.lines)


def test_a_process_that_exits_is_started_again_whatever_its_status(start):
    run = start(('node-1', 'import os; print("up", os.getpid(), flush=True)', {'respawn': True}))
    assert len(set(run.pids(3))) == 3
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130


def test_a_killed_process_is_started_again_as_often_as_it_is_killed(start):
    run = start(('node-1', FOREVER, {'respawn': True}))
    for count in range(1, 7):
        os.kill(run.pids(count)[-1], signal.SIGKILL)
    last = run.pids(7)[-1]
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143 and not is_alive(last)


def test_respawn_waits_for_its_delay(start):
    source = 'import os, time; print("at", time.monotonic(), flush=True)'
    run = start(('node-1', source, {'respawn': True, 'respawn_delay': 0.4}))
    first, second = [float(line.split()[-1]) for line in run.wait_for('] at ', 2)]
    assert second - first >= 0.4


def test_a_process_without_respawn_stays_away_and_the_run_ends_with_the_last(start):
    run = start(('node-1', 'print("once", flush=True)', {}), ('node-2', 'raise SystemExit(3)', {}))
    assert run.end() == 0
    assert sum('once' in line for line in run.lines) == 1


def test_a_process_that_keeps_failing_ends_the_run_with_status_1(start):
    run = start(('node-1', 'raise SystemExit(1)', {'respawn': True}), ('other-2', POLITE, {}))
    assert run.end() == 1
    assert any('node-1 failed 4 times in a row' in line for line in run.lines)


def test_a_process_that_is_refused_each_time_ends_the_run_however_late_it_is_refused(start):
    run = start(('node-1', 'raise SystemExit(2)', {'respawn': True}), ('other-2', POLITE, {}), crash_time=0.0)
    assert run.end() == 1
    assert sum('exit code 2' in line for line in run.lines) == 4
    assert any('node-1 failed 4 times in a row' in line for line in run.lines)


def test_a_process_that_fails_otherwise_after_a_while_is_started_again_and_again(start):
    source = 'import os; print("up", os.getpid(), flush=True); raise SystemExit(1)'
    run = start(('node-1', source, {'respawn': True}), crash_time=0.0)
    assert len(set(run.pids(6))) == 6
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130


def test_a_process_deaf_to_sigint_and_sigterm_is_killed(start):
    run = start(('deaf-1', DEAF, {'respawn': True}), grace=0.1)
    pid, = run.pids(1)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130 and not is_alive(pid)
    sent = [line.split("'")[1] for line in run.lines if 'sending signal' in line]
    assert sent == ['SIGINT', 'SIGTERM', 'SIGKILL']


def test_a_second_ctrl_c_does_not_wait(start):
    run = start(('deaf-1', DEAF, {}), grace=1000.0)
    run.pids(1)
    for sign in ('SIGINT', 'SIGTERM', 'SIGKILL'):
        run.process.send_signal(signal.SIGINT)
        run.wait_for(f"sending signal '{sign}'")
    assert run.end() == 130


def test_one_ctrl_c_is_one_signal_to_each_process(start):
    source = ('import signal, os, sys\ncount = []\n'
              'def on(*_):\n    count.append(1); print("heard", len(count), flush=True)\n'
              'signal.signal(signal.SIGINT, on)\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(len(count)))\n'
              + FOREVER)
    run = start(('node-1', source, {}), grace=0.5)
    run.pids(1)
    run.process.send_signal(signal.SIGINT)
    run.end()
    assert sum('heard' in line for line in run.lines) == 1
    assert any('exit code 1' in line for line in run.lines)


def test_children_are_out_of_reach_of_the_terminals_ctrl_c(start):
    run = start(('node-1', FOREVER, {}))
    pid, = run.pids(1)
    assert os.getpgid(pid) != os.getpgid(run.process.pid) and os.getsid(pid) != os.getsid(run.process.pid)


def test_nothing_survives_a_supervisor_that_is_killed(start):
    run = start(('deaf-1', DEAF, {}), ('forever-2', FOREVER, {'respawn': True}))
    pids = run.pids(2)
    run.process.kill()
    for pid in pids:
        wait_until_gone(pid)


def test_what_a_process_had_started_ends_with_it(start):
    source = textwrap.dedent(f'''
        import subprocess, sys
        child = subprocess.Popen([sys.executable, '-u', '-c', {DEAF!r}], stdout=sys.stdout)
        import signal
        signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
        while True: signal.pause()
        ''')
    run = start(('parent-1', source, {}))
    grandchild, = run.pids(1)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130
    wait_until_gone(grandchild)


def test_every_line_is_in_the_log_file_also_the_last_without_newline(start):
    source = 'import sys; print("first"); print("second", file=sys.stderr); sys.stdout.write("x" * 200000)'
    run = start(('node-1', source, {}))
    assert run.end() == 0
    lines = (run.folder / 'node-1.log').read_text().splitlines()
    assert sorted(lines) == ['first', 'second', 'x' * 200000]
    assert 'process started' in (run.folder / 'launch.log').read_text()


def test_logs_of_a_respawned_process_are_kept(start):
    run = start(('node-1', 'import os; print("up", os.getpid(), flush=True)', {'respawn': True}))
    pids = run.pids(2)
    run.process.send_signal(signal.SIGINT)
    run.end()
    text = (run.folder / 'node-1.log').read_text()
    assert all(str(pid) in text for pid in pids)
