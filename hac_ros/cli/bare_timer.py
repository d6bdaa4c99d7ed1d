"""A timer and nothing else, in a process of its own: what a machine does to a period, whoever waits for it.

With ``work`` it also computes for about a millisecond in each period: what a machine does to that, whoever computes.
"""
import argparse
import contextlib
import json
import os
import select
import statistics
import sys
import time

from hac_ros import realtime

WORK = 1e-3     # [s] of work in a period, as it mostly takes
TRIES = 50      # measurements that tell how much work that is


def measure(period: float, ended, work=None) -> dict:
    """Wait for one period after another until ``ended(seconds)``, which waits, says so; return how late it was.

    ``work()`` is done in each period; how long it took is returned too.
    """
    due, late, worked = time.monotonic() + period, [], []
    while not ended(max(0.0, due - time.monotonic())):
        now = time.monotonic()
        if now < due:
            continue
        late.append(now - due)
        if work is not None:
            began = time.monotonic()
            work()
            worked.append(time.monotonic() - began)
        due += period * (1 + int((now - due) / period))     # periods that have gone by are missed
    missed = sum(int(each / period) for each in late)
    result = {'periods': len(late) + missed, 'missed': missed, 'late_ms_max': round(1e3 * max(late, default=0.0), 3)}
    return result | ({'work_ms': percentiles(worked)} if worked else {})


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    return {name: round(1e3 * ordered[int(share * (len(ordered) - 1))], 3)
            for name, share in (('p50', 0.5), ('p99', 0.99), ('max', 1.0))}


def some_work(seconds: float):
    """Return a function that computes for about so long, by the median of TRIES."""
    def counted(count: int) -> float:
        began = time.monotonic()
        sum(range(count))
        return time.monotonic() - began
    many = 20_000
    many = int(many * seconds / statistics.median(counted(many) for _ in range(TRIES)))
    return lambda: sum(range(many))


def main() -> None:
    """Measure periods of the given seconds, with work if told so, until standard input ends; print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('period', type=float)
    parser.add_argument('--work', action='store_true')
    parser.add_argument('--priority', type=int, default=0, help='real-time priority, where the system permits it')
    given = parser.parse_args()
    if given.priority:
        with contextlib.suppress(PermissionError):      # as the nodes do, beside which it is measured
            realtime.claim(given.priority)
    work = some_work(WORK) if given.work else None
    found = measure(given.period, lambda wait: bool(select.select([sys.stdin], [], [], wait)[0]), work)
    print(json.dumps({'priority': os.sched_getparam(0).sched_priority, **found}))


if __name__ == '__main__':
    main()
