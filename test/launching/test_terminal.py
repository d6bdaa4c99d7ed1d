"""What a user sees: warnings, errors, and progress in place on a terminal."""
import io

import pytest

from hac_ros.launching.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        """Whether it is a terminal."""
        return self.is_terminal


@pytest.mark.parametrize('line, is_shown', [
    ('[INFO] [1.0] [r.planner]: round 3', False),
    ('[DEBUG] [1.0] [r.planner]: x', False),
    ('[WARN] [1.0] [r.planner]: command refused', True),
    ('[ERROR] [1.0] [r.planner]: no', True),
    ('error: arms: 0 came', True),
    ('', False),
])
def test_stderr_is_shown_from_warnings_on(line, is_shown):
    screen = Screen(False)
    Terminal(screen).output('planner-3', 'stderr', line, False)
    assert screen.getvalue() == (f'[planner-3] {line}\n' if is_shown else '')


def test_stdout_of_other_nodes_is_not_shown_unless_asked_for():
    for verbose, shown in ((False, ''), (True, '[planner-3] hello\n')):
        screen = Screen(True)
        Terminal(screen, verbose).output('planner-3', 'stdout', 'hello', False)
        assert screen.getvalue() == shown


def test_progress_takes_its_own_place_on_a_terminal_and_is_quiet_elsewhere():
    for is_terminal, shown in ((True, '\r\x1b[Kround 1\r\x1b[Kround 2\r\x1b[K'), (False, '')):
        screen = Screen(is_terminal)
        terminal = Terminal(screen)
        for line in ('round 1', '', 'round 2 '):
            terminal.output('recorder-1', 'stdout', line, True)
        terminal.finish()
        assert screen.getvalue() == shown and terminal.last == 'round 2'


def test_a_warning_stands_above_the_progress():
    screen = Screen(True)
    terminal = Terminal(screen)
    terminal.output('recorder-1', 'stdout', 'round 1', True)
    terminal.output('planner-3', 'stderr', '[WARN] late', False)
    assert screen.getvalue().endswith('\r\x1b[K[planner-3] [WARN] late\nround 1')


def test_tracebacks_of_interrupted_processes_are_not_shown_but_errors_are():
    screen = Screen(False)
    terminal = Terminal(screen)
    terminal.stopping = True
    terminal.output('planner-3', 'stderr', 'KeyboardInterrupt', False)
    terminal.output('planner-3', 'stderr', '[ERROR] [1.0] [x]: lost', False)
    assert screen.getvalue() == '[planner-3] [ERROR] [1.0] [x]: lost\n'


def test_a_terminal_that_is_gone_is_no_error():
    screen = Screen(True)
    terminal = Terminal(screen)
    screen.close()
    terminal.say('anything')
    assert not terminal.live
