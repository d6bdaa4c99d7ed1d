"""Simulation.step against a bare loop of mj_step, alternating; prints one JSON object.

    python benchmarks/physics.py [task] [control steps] [pairs] [threads]
"""
import json
import statistics
import sys
import time

from hac_ros import tasks
from hac_ros.simulation.raw_speed import batched, physics_only
from hac_ros.simulation.simulation import Simulation


def compare(task: tasks.Task, arms: int, steps: int, pairs: int, threads: int) -> dict:
    """Return one row: medians of both throughputs [control steps/s] and of the paired ratios."""
    simulation = Simulation(task, arms, seed=0, threads=threads)
    # One thread's own CPU time does not count what else the machine does; several threads need the wall clock.
    clock = time.thread_time if threads == 1 else time.perf_counter
    physics_only(simulation, task.steps)   # warms caches
    raw, batch = zip(*[(physics_only(simulation, steps, clock), batched(simulation, steps, clock))
                       for _ in range(pairs)])
    simulation.close()
    return {'arms': arms, 'raw_steps_per_s': round(statistics.median(raw), 1),
            'batched_steps_per_s': round(statistics.median(batch), 1),
            'ratio': round(statistics.median(b / r for b, r in zip(batch, raw)), 4)}


def main(task: str = 'pick_and_place', total: str = '800', pairs: str = '21', threads: str = '1') -> None:
    """Print the rows for 1, 4, 16 and 32 arms; ``total`` control steps are measured in each half of a pair."""
    rows = [compare(tasks.by_name(task), arms, int(total) // arms, int(pairs), int(threads)) for arms in (1, 4, 16, 32)]
    print(json.dumps({'task': task, 'threads': int(threads), 'rows': rows}))


if __name__ == '__main__':
    main(*sys.argv[1:])
