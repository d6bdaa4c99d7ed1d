"""Who may import whom, read from the source without running it."""
import ast
import re
from pathlib import Path

# What stands in one row may import rows above it and its own row; a part imports neither another part nor
# anything of its row but itself. A module below a folder has the folder's row.
BASE = {'__init__', 'spaces', 'config', 'tasks', 'records', 'randomness', 'kinematics', 'atomic_files', 'tensor_file',
        'message_files', 'robot_commands', 'robot_observation', 'realtime'}
PARTS = {'learning', 'simulation', 'safety', 'launching', 'environment'}
JOINED = {'rollout', 'probes', 'evaluation', 'protocol', 'run_folder', 'domain_names', 'metrics_table',
          'metrics_events', 'progress', 'proposals', 'shipped', 'acting', 'fetch_senses', 'fetch_driver', 'pilot',
          'deployment_log', 'deployment_replay', 'run_history', 'diagnosis', 'watch', 'films', 'report',
          'attempt_trail', 'arm_pose', 'standing'}
ROS_LAYER = {'topics', 'messages', 'serialised', 'robot_messages', 'adversary', 'parameters', 'markers'}
ROWS = (BASE, PARTS, JOINED, ROS_LAYER, {'nodes'}, {'cli', 'reference'})

ROS = re.compile(r'(rclpy|launch|launch_ros|hac_ros\.(msg|srv)|(rosidl|ament|tf2)_\w+|\w+_(msgs|srvs|interfaces))'
                 r'(\..*)?')
ROS_PLACES = ROS_LAYER | {'nodes', 'cli', 'reference'}
TORCH_PLACES = ('learning', 'nodes.learner', 'cli')
EXCEPTIONS = {('launching', 'ament_index_python')}   # finds share folders; real launch does the same


def modules(root: Path) -> dict[str, Path]:
    """Return the modules of the package at ``root``: dotted name below it -> file."""
    return {'.'.join(path.relative_to(root).with_suffix('').parts): path for path in sorted(root.rglob('*.py'))}


def imports(path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) of all that a file imports, wherever in it; a relative import begins with a dot."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = '.' * node.level + (node.module or '')
            found += [(node.lineno, f'{module}.{alias.name}') for alias in node.names]
    return found


def violations(root: Path) -> list[str]:
    """Return a sentence for each import in the package at ``root`` that goes in a forbidden direction."""
    known = modules(root)
    return [f'{path.relative_to(root)}:{line}: {why}' for module, path in known.items()
            for line, name in imports(path) if (why := _why_not(module, name, known))]


def _why_not(module: str, name: str, known) -> str:
    place, package = module.split('.')[0], name.split('.')[0]
    if name.startswith('.'):
        return f'relative import {name}: write the whole name'
    if ROS.fullmatch(name):
        allowed = place in ROS_PLACES or (place, package) in EXCEPTIONS
        return '' if allowed else f'{place} imports ROS ({name})'
    if package == 'hac_ros':
        return _why_not_inside(place, inside(name, known))
    if package == 'torch' and not any(f'{module}.'.startswith(f'{allowed}.') for allowed in TORCH_PLACES):
        return f'{module} imports torch'
    if package == 'mujoco' and place != 'simulation':
        return f'{place} imports mujoco'
    return ''


def inside(name: str, known) -> str:
    """Return the module that ``hac_ros.a.b.Name`` is found in, below hac_ros."""
    name = name.partition('.')[2]
    while name and name not in known and f'{name}.__init__' not in known:
        name = name.rpartition('.')[0]
    return name or '__init__'


def _why_not_inside(place: str, target: str) -> str:
    other = target.split('.')[0]
    rows = [next((number for number, row in enumerate(ROWS) if name in row), None) for name in (place, other)]
    if None in rows:
        return f'{place if rows[0] is None else other} has no place: give it one in import_rules.py'
    if place == other:
        return ''
    if rows[1] > rows[0] or (rows[0] == rows[1] and place in PARTS) or place == 'environment':
        return f'{place} imports {other}'
    return ''


def reached(root: Path, module: str) -> set[str]:
    """Return the packages outside of hac_ros that importing ``module`` loads, through hac_ros's own modules."""
    known, seen, due, packages = modules(root), set(), [module], set()
    while due:
        current = due.pop()
        if current in seen:
            continue
        seen.add(current)
        path = known.get(current) or known[f'{current}.__init__']
        for _, name in imports(path):
            if name.split('.')[0] != 'hac_ros':
                packages.add(name.split('.')[0])
            elif not ROS.fullmatch(name):
                due.append(inside(name, known))
    return packages
