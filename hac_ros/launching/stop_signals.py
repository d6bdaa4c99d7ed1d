"""The signals by which a process is told to stop, and may end in order."""
import signal

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def heeded() -> tuple[signal.Signals, ...]:
    """Return those that this process heeds: under nohup the terminal may go."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in STOPPERS if number != signal.SIGHUP or not ignored)
