"""What a user sees of the processes' output: little. Everything else is in the log files."""
import os
import re
from typing import TextIO

_QUIET = re.compile(r'\[(DEBUG|INFO)\]')
_LOUD = re.compile(r'\[(ERROR|FATAL)\]')
_CLEAR = '\r\x1b[K'
_USUAL_WIDTH = 80     # [columns] where a terminal does not tell its own


class Terminal:
    """Shows warnings and errors of all processes, and the progress of one.

    A process with output "screen" tells its progress on stdout, a line at a time: on a terminal each line takes the
    place of the last, cut to the terminal's width, elsewhere none is shown. ``last`` is the newest, whole.
    """

    def __init__(self, stream: TextIO, verbose: bool = False):
        self.stream, self.verbose, self.last = stream, verbose, ''
        self.live = stream.isatty()
        self.stopping = False
        self._drawn = False

    def output(self, label: str, stream: str, line: str, screen: bool) -> None:
        """Show a line that a process wrote to ``stream``, if it is to be seen."""
        if stream == 'stdout' and screen and not self.verbose:
            self._progress(line)
        elif self.verbose or (stream == 'stderr' and self._matters(line)):
            self.say(f'[{label}] {line}')

    def _matters(self, line: str) -> bool:
        # While processes are being stopped, what they say of being interrupted is no news.
        return bool(line.strip()) and bool(_LOUD.match(line) if self.stopping else not _QUIET.match(line))

    def _progress(self, line: str) -> None:
        if not line.strip():
            return
        self.last = line.strip()
        if self.live:
            self._write(_CLEAR + self._cut())
            self._drawn = True

    def _cut(self) -> str:
        """Return the newest progress as far as it fits into a row: of a line that wraps only the last row can be cleared."""
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            width = 0     # as terminals say that were not told
        return self.last[:max((width or _USUAL_WIDTH) - 1, 1)]

    def say(self, text: str) -> None:
        """Show a line of our own above the progress."""
        self._write((_CLEAR if self._drawn else '') + text + '\n' + (self._cut() if self._drawn else ''))

    def finish(self) -> None:
        """Take the progress away."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.live = self._drawn = False     # nobody looks any more: a closed terminal must not end a run
