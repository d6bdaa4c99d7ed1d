"""`hac bench --json`: the bridge against MuJoCo alone, and gradient updates a second."""
import argparse
import importlib
import json
import platform
import sys
import time

from hac_ros import tasks
from hac_ros.cli import Parser, Refused, key_values
from hac_ros.cli.evaluate import number
from hac_ros.launching.launch_file import Argument

ARGUMENTS = {argument.name: argument for argument in (
    Argument('task', 'pick_and_place', 'Task that is simulated and learnt', tuple(tasks.TASKS)),
    Argument('arms', '1,4,16,32', 'Numbers of arms, with commas', ()),
    Argument('pairs', '15', 'Pairs of measurements for each number of arms; medians are reported', ()),
    Argument('steps', '200', 'Control steps of each measurement: whole episodes', ()),
    Argument('updates', '200', 'Gradient updates timed for each level', ()),
    Argument('device', 'cpu', 'Where the updates run; auto: a GPU if there is one', ('cpu', 'cuda', 'auto')),
    Argument('seed', '0', 'Decides commands and networks', ()),
)}


def run(words: list[str]) -> int:
    """Run the verb; `hac bench chaos`, `workers`, `safety`, `kills` and `control` are measurements of their own."""
    if words[:1] in (['chaos'], ['workers'], ['safety'], ['kills'], ['control']):
        return importlib.import_module(f'hac_ros.cli.bench_{words[0]}').run(words[1:])
    parser = Parser(prog='hac bench', description='Measure throughput and latency, each pair in alternation. '
                    '`hac bench workers` measures trainings with several workers, `hac bench chaos` kills their processes, '
                    '`hac bench safety` attacks the robot\'s bridge, '
                    '`hac bench kills` kills nodes of a deployment, `hac bench control` measures its latency.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    report = measure(key_values.read(options.arguments, ARGUMENTS))
    print(json.dumps(report) if options.json else '\n'.join(lines(report)))
    return 0


def measure(given: dict[str, str]) -> dict:
    """Return what ``given`` asks to be measured. Raises ValueError for a bad value."""
    value = {name: given.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    arms = [number('arms', text, 1) for text in value['arms'].split(',')]
    pairs, steps, updates = (number(name, value[name], 1) for name in ('pairs', 'steps', 'updates'))
    seed = number('seed', value['seed'], 0)
    if steps % tasks.by_name(value['task']).steps:
        raise Refused(f'steps:={steps}: whole episodes are wanted, a multiple of {tasks.by_name(value["task"]).steps}')
    from hac_ros.cli import bench_bridge, bench_learner     # mujoco, torch and ROS take seconds
    from hac_ros.nodes.learner import LearnerOptions
    device = LearnerOptions(device=value['device']).torch_device()     # before anything is measured
    report = {'task': value['task'], 'seed': seed, 'began': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
              'machine': platform.processor() or platform.machine(), 'device': device,
              'python': platform.python_version(), 'bridge': [], 'learner': []}
    for count in arms:
        report['bridge'].append(bench_bridge.measure(value['task'], count, pairs, steps, seed))
        print(lines({'bridge': report['bridge'][-1:], 'learner': []})[0], file=sys.stderr)
    report['learner'] = bench_learner.measure(value['task'], updates, seed, device)
    return report


def lines(report: dict) -> list[str]:
    """Return the report as text for people."""
    rows = [f'{r["arms"]:3} arms: MuJoCo alone {r["raw_steps_per_s"]:7.0f}/s, bridge {r["bridge_steps_per_s"]:7.0f}/s, '
            f'ratio {r["ratio"]:.3f}; round trip {r["round_trip_ms_p50"]:.2f} ms, p99 {r["round_trip_ms_p99"]:.2f} ms'
            for r in report['bridge']]
    return rows + [f'{r["level"]}: {r["updates_per_s"]:.0f} updates/s, {r["ms_per_update"]:.2f} ms each'
                   for r in report['learner']]
