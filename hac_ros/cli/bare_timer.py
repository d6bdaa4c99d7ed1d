"""A timer and nothing else, in a process of its own: what a machine does to a period, whoever waits for it."""
import json
import select
import sys
import time


def measure(period: float, ended) -> dict:
    """Wait for one period after another until ``ended(seconds)``, which waits, says so; return how late it was."""
    due, late = time.monotonic() + period, []
    while not ended(max(0.0, due - time.monotonic())):
        now = time.monotonic()
        if now < due:
            continue
        late.append(now - due)
        due += period * (1 + int((now - due) / period))     # periods that have gone by are missed
    missed = sum(int(each / period) for each in late)
    return {'periods': len(late) + missed, 'missed': missed, 'late_ms_max': round(1e3 * max(late, default=0.0), 3)}


def main() -> None:
    """Measure periods of the given seconds until standard input ends; print one JSON object."""
    print(json.dumps(measure(float(sys.argv[1]), lambda wait: bool(select.select([sys.stdin], [], [], wait)[0]))))


if __name__ == '__main__':
    main()
