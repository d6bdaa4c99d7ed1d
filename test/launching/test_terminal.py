"""What a user sees: warnings, errors, and progress in place on a terminal."""
import fcntl
import io
import pty
import re
import struct
import termios
import tty

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


LINE = 'round 12 | ' + 'success 0.50 | ' * 12 + 'end'
END = '<end>'


def on_a_terminal(show, *widths) -> str:
    """Return what a real terminal gets from ``show(terminal)``, called once with each of ``widths`` [columns]."""
    screen, end = pty.openpty()
    tty.setraw(end)      # else it changes line ends
    with open(end, 'w', encoding='utf-8') as stream, open(screen, 'rb', buffering=0) as reader:
        terminal = Terminal(stream)
        for width in widths:
            fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, width, 0, 0))
            show(terminal)
        stream.write(END)
        stream.flush()
        came = b''
        while not came.endswith(END.encode()):
            came += reader.read(65536)
    return came.decode()[:-len(END)]


@pytest.mark.parametrize('width, cut', [(80, 79), (120, 119), (500, len(LINE)), (0, 79), (1, 1)])
def test_progress_is_cut_to_the_terminal_that_it_may_be_cleared_whole(width, cut):
    def show(terminal):
        terminal.output('recorder-1', 'stdout', LINE, True)
        terminal.output('planner-3', 'stderr', '[WARN] ' + LINE, False)
        assert terminal.last == LINE
        terminal.finish()
    first, warning = re.split(r'\r\x1b\[K', on_a_terminal(show, width))[1:3]
    assert first == LINE[:cut]
    assert warning == f'[planner-3] [WARN] {LINE}\n{LINE[:cut]}'


def test_progress_follows_the_width_of_the_window():
    shown = on_a_terminal(lambda terminal: terminal.output('recorder-1', 'stdout', LINE, True), 100, 60)
    assert re.split(r'\r\x1b\[K', shown)[1:] == [LINE[:99], LINE[:59]]


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
