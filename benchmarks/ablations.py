"""What each part of the algorithm gives: every switchable part off by itself, over several seeds, in one process each.

    python benchmarks/ablations.py --task push --steps 60000 --seeds 0 1 2 3 4 --processes 2
    python benchmarks/ablations.py --task reach --steps 6400 --seeds 0 --only all flat

Writes results/ablations_<task>.json, a run at a time, and results/ablations_<task>.md, the table. What the file holds for
the same steps is not run again: the command goes on where it was stopped. `--only` names variants, `--list` lists them.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

from in_process import PARAMETERS, Training, preset, usual_bar

from hac_ros import atomic_files, tasks
from hac_ros.config import ControllerConfig, FlatConfig, PlannerConfig, levels
from hac_ros.learning import td3
from hac_ros.simulation.simulation import Simulation

RESULTS = Path(__file__).parent / 'results'
SAME_RATE = {'decay_until': 0}     # with this learning_rate holds throughout

# name -> (what the planner has otherwise, what the controller has otherwise, how the statistics are kept, policy)
VARIANTS = {
    'all': ({}, {}, 'live', 'hierarchical'),
    'flat': ({}, {}, 'live', 'flat'),
    'no subgoal testing': ({'testing_rate': 0.0}, {}, 'live', 'hierarchical'),
    'no hindsight actions': ({'sliding_share': 0.0, 'hindsight_share': 0.0}, {}, 'live', 'hierarchical'),
    'no hindsight goals, planner': ({'future_share': 0.0, 'stay_share': 0.0}, {}, 'live', 'hierarchical'),
    'no hindsight goals, controller': ({}, {'future_share': 0.0, 'elsewhere_share': 0.0}, 'live', 'hierarchical'),
    'no sliding windows': ({'sliding_share': 0.0}, {}, 'live', 'hierarchical'),
    'no starts inside of attempts': ({'inside_share': 0.0}, {}, 'live', 'hierarchical'),
    'no goals where the object is': ({'stay_share': 0.0}, {}, 'live', 'hierarchical'),
    'satisfied goals as they come': ({'unsatisfied_share': 0.0}, {}, 'live', 'hierarchical'),
    'subgoals from the gripper': ({'centre': 'gripper'}, {}, 'live', 'hierarchical'),
    'subgoals in the workspace': ({'centre': 'workspace'}, {}, 'live', 'hierarchical'),
    'subgoals around the object': ({'centre': 'object'}, {}, 'live', 'hierarchical'),
    'attempts end when reached': ({'end_when_reached': True}, {}, 'live', 'hierarchical'),
    'one speed': ({'slowest': 1.0}, {}, 'live', 'hierarchical'),
    'discount does not rise': ({'gamma_until': 0}, {}, 'live', 'hierarchical'),
    'hindsight actions stay': ({'hindsight_until': 0}, {}, 'live', 'hierarchical'),
    'no goals that were missed': ({'miss_share': 0.0}, {}, 'live', 'hierarchical'),
    'controller hurries': ({}, {'punctual': False}, 'live', 'hierarchical'),
    'controller as strict as elsewhere': ({}, {'strictness': ControllerConfig.strictness}, 'live', 'hierarchical'),
    'one critic': ({'critics': 1}, {'critics': 1}, 'live', 'hierarchical'),
    'four critics': ({'critics': 4}, {'critics': 4}, 'live', 'hierarchical'),
    'no critic differences': ({'critic_differences': False}, {}, 'live', 'hierarchical'),
    'no layer norm': ({'layer_norm': False}, {}, 'live', 'hierarchical'),
    'no averaged actor': ({'averaging': 1.0, 'averaging_span': 0.0}, {'averaging': 1.0}, 'live', 'hierarchical'),
    'no penalty on pre-tanh': ({'pretanh': 0.0}, {'pretanh': 0.0}, 'live', 'hierarchical'),
    'a quarter of the updates': ('quarter', {}, 'live', 'hierarchical'),
    'actor updated as often as critics': ({'policy_delay': 1}, {}, 'live', 'hierarchical'),
    'no exploiting arms': ({'exploiting_share': 0.0}, {}, 'live', 'hierarchical'),
    'exploration does not fall': ({'exploration_until': 0}, {'exploration_until': 0}, 'live', 'hierarchical'),
    'learning rate does not fall': (SAME_RATE, SAME_RATE, 'live', 'hierarchical'),
    'attempts as long in evaluations': ({'evaluation_horizon': 0}, {}, 'live', 'hierarchical'),
    'gripper is learnt': ({}, {'gripper': 'learned'}, 'live', 'hierarchical'),
    'moved episodes as they come': ({'moved_share': 0.0, 'lifted_share': 0.0}, {}, 'live', 'hierarchical'),
    'no directed exploration': ({'directed_share': 0.0}, {}, 'live', 'hierarchical'),
    'no mirrored samples': ({'mirrored_share': 0.0}, {'mirrored_share': 0.0}, 'live', 'hierarchical'),
    'yaw not folded': ({'fold_yaw': False}, {}, 'live', 'hierarchical'),
    'falls are not told': ({'fallen_penalty': 0.0}, {}, 'live', 'hierarchical'),
    'falls are told from the start': ({'fallen_until': 0}, {}, 'live', 'hierarchical'),
    'episodes start as they come': ({'beside_share': 0.0}, {}, 'live', 'hierarchical'),
    'where it comes to rest is not seen': ({'coasting': 0.0}, {}, 'live', 'hierarchical'),
    'axes of the world': ({'axes': 'world'}, {}, 'live', 'hierarchical'),
    'falls replayed': ({'skip_fallen': False}, {}, 'live', 'hierarchical'),
    'no domain knowledge in samples': (
        {'moved_share': 0.0, 'lifted_share': 0.0, 'directed_share': 0.0, 'mirrored_share': 0.0, 'fold_yaw': False,
         'skip_fallen': False}, {'mirrored_share': 0.0}, 'live', 'hierarchical'),
    'no normalisation': ({}, {}, 'none', 'hierarchical'),
    'frozen normalisation': ({}, {}, 'frozen', 'hierarchical'),
    'learning rate 5e-3': ({'learning_rate': 5e-3, **SAME_RATE}, {'learning_rate': 5e-3, **SAME_RATE}, 'live',
                           'hierarchical'),
    'learning rate 8e-5': ({'learning_rate': 8e-5, **SAME_RATE}, {'learning_rate': 8e-5, **SAME_RATE}, 'live',
                           'hierarchical'),
}


def configs(task: str, variant: str):
    """Return planner's and controller's settings of a variant, which differ from those of 'all'; None if they do not."""
    path = PARAMETERS / f'{task}.yaml'
    base = tuple(preset(kind(), path) for kind in (PlannerConfig, ControllerConfig, FlatConfig))
    planner, controller, mode, policy = VARIANTS[variant]
    if planner == 'quarter':
        planner = {name: getattr(base[0], name) / 4 for name in ('updates', 'start_updates')}
    changed = dataclasses.replace(base[0], **planner), dataclasses.replace(base[1], **controller)
    if variant != 'all' and changed == base[:2] and (mode, policy) == ('live', 'hierarchical'):
        return None
    both = levels(policy, *changed, base[2])
    return both['planner'], both['controller'], mode


def train(task_name: str, variant: str, seed: int, steps: int, every: int, episodes: int, confirm: int) -> dict:
    """Train one variant with one seed and return what came of it."""
    td3.prepare(1)
    task, (planner, controller, mode) = tasks.by_name(task_name), configs(task_name, variant)
    simulate = lambda arms, purpose: Simulation(task, arms, seed, purpose=purpose)  # noqa: E731
    training, began, curve = Training(task, simulate, 16, seed, planner, controller, mode), time.process_time(), []
    rounds = -(-steps // (16 * task.steps))
    for round_ in range(rounds + 1):
        training.run_round(round_)
        if round_ and (round_ % every == 0 or round_ == rounds):
            curve.append([round_ * 16 * task.steps, training.evaluate(episodes)])
    accuracy = training.probe()
    return {'variant': variant, 'seed': seed, 'steps': steps, 'curve': curve, 'success': training.evaluate(confirm, 1),
            'probe_accuracy': None if accuracy != accuracy else accuracy,
            'reached': next((at for at, success in curve if success >= usual_bar(task_name)), None),
            'cpu_seconds': round(time.process_time() - began, 1)}


def table(task: str, steps: int, runs: list[dict]) -> str:
    """Return a Markdown table, in the order of VARIANTS."""
    lines = [f'Fetch task {task}, {steps:,} environment steps. Success: fresh episodes of the last weights. Steps: first '
             f'evaluation at {usual_bar(task)} or above.', '',
             '| Variant | seeds | success: median (worst) | steps to the bar: median (worst) | probes: worst | CPU-s |',
             '|---|---|---|---|---|---|']
    for variant in VARIANTS:
        some = [run for run in runs if run['variant'] == variant and run['steps'] == steps]
        if some:
            lines.append(f'| {variant} | {len(some)} | {_row(some)} |')
    return '\n'.join(lines) + '\n'


def _row(some: list[dict]) -> str:
    success, reached = [run['success'] for run in some], [run['reached'] for run in some]
    probes = [run['probe_accuracy'] for run in some if run['probe_accuracy'] is not None]
    known = [at for at in reached if at is not None]
    steps = (f'{statistics.median(known):,.0f} ({max(known):,})' if len(known) == len(some)
             else f'not reached by {len(some) - len(known)}')
    return ' | '.join([f'{statistics.median(success):.2f} ({min(success):.2f})', steps,
                       f'{min(probes):.2f}' if probes else '–', f'{statistics.median(r["cpu_seconds"] for r in some):.0f}'])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', choices=tuple(tasks.TASKS), default='push')
    parser.add_argument('--steps', type=int, default=60_000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--only', nargs='+', choices=tuple(VARIANTS), default=list(VARIANTS))
    parser.add_argument('--processes', type=int, default=1)
    parser.add_argument('--every', type=int, default=4, help='rounds between evaluations')
    parser.add_argument('--episodes', type=int, default=100)
    parser.add_argument('--confirm', type=int, default=200, help='fresh episodes after the last round')
    parser.add_argument('--list', action='store_true', help='list the variants that differ for the task, and end')
    options = parser.parse_args()
    variants = [name for name in options.only if configs(options.task, name) is not None]
    if options.list:
        print('\n'.join(variants))
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f'ablations_{options.task}.json'
    runs = json.loads(path.read_bytes()) if path.is_file() else []
    done = {(run['variant'], run['seed'], run['steps']) for run in runs}
    due = [(name, seed) for seed in options.seeds for name in variants if (name, seed, options.steps) not in done]
    spawn = multiprocessing.get_context('spawn')
    with concurrent.futures.ProcessPoolExecutor(options.processes, spawn) as pool:
        jobs = [pool.submit(train, options.task, *each, options.steps, options.every, options.episodes, options.confirm)
                for each in due]
        failed = 0
        for job in concurrent.futures.as_completed(jobs):
            if job.exception() is not None:     # what the others measure is kept
                failed += 1
                print(f'{due[jobs.index(job)]} failed: {job.exception()!r}', flush=True)
                continue
            runs.append(job.result())
            runs.sort(key=lambda run: (run['steps'], list(VARIANTS).index(run['variant']), run['seed']))
            atomic_files.write_json(path, runs)
            path.with_suffix('.md').write_text(table(options.task, options.steps, runs), encoding='utf-8')
            print(job.result(), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
