"""The bundle: all that is needed to act, in one folder that is refused whole if any of it does not fit.

    bundle/policy.safetensors   weights of planner and controller, averaged actors included, and the statistics
           bundle.json          what they are for: task, control mode, spaces, limits, settings, evaluation, hash

The hash in bundle.json covers its own content and, through the digest of policy.safetensors, every tensor.
"""
import dataclasses
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import hac_ros
from hac_ros import atomic_files, records, spaces, tasks, tensor_file
from hac_ros.config import ControllerConfig, FlatLevelConfig, PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.records import ContributionId, Moments, Statistics, Weights

FORMAT = 1
KIND = 'bundle policy'
POLICY, DESCRIPTION = 'policy.safetensors', 'bundle.json'


class BundleRefused(ValueError):
    """A bundle is damaged or does not fit; the message says what came and what is wanted."""


@dataclass(frozen=True)
class Bundle:
    """What acts. ``settings``: section -> setting -> value; ``report``: the evaluation, as JSON values.

    ``hash`` is empty until it has been written; ``version`` is the hac_ros that wrote it.
    """

    task: str
    control: str
    planner: Weights
    controller: Weights
    statistics: Statistics
    settings: dict = field(default_factory=dict)
    report: dict = field(default_factory=dict)
    version: str = hac_ros.__version__
    hash: str = ''


def write_bundle(folder, bundle: Bundle) -> str:
    """Write ``bundle`` in place of what ``folder`` held, whole or not at all; return its hash.

    Raises BundleRefused if its parts do not belong together, WriteFailed (old bundle kept) if the disk is full.
    """
    _check_pairing(bundle)
    with atomic_files.replacing_folder(folder) as temporary:
        digest = tensor_file.write(temporary / POLICY, KIND, _tensors(bundle), {'task': bundle.task})
        description = _description(bundle, digest)
        description['hash'] = _hash(description)
        atomic_files.write_json(temporary / DESCRIPTION, description)
    return description['hash']


def read_bundle(folder, task: str | None = None, control: str | None = None) -> Bundle:
    """Read and verify a bundle; ``task`` and ``control``, where given, are what it must be able to act in.

    Raises BundleRefused, with one sentence, for a missing, truncated or changed file, another format, spaces or
    limits other than the task's, another control mode, or statistics that are not those of the weights; ValueError
    for a ``task`` that does not exist.
    """
    if task is not None:
        tasks.by_name(task)
    try:
        return _read(Path(folder), task, control)
    except BundleRefused:
        raise
    except tensor_file.DamagedFile as error:
        raise BundleRefused(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleRefused(f'{folder} is malformed: {type(error).__name__} {error}') from error


def _read(folder: Path, task: str | None, control: str | None) -> Bundle:
    description = _read_description(folder / DESCRIPTION)
    _check_task(folder, description, task or description['task'])
    if control not in (None, description['control']):
        raise BundleRefused(f'{folder} was trained for control mode {description["control"]}, {control} is wanted')
    policy, wanted = tensor_file.read(folder / POLICY, KIND), description['policy']['digest']
    if policy.digest != wanted:
        raise BundleRefused(f'{folder / POLICY} is not the file that {DESCRIPTION} describes: its digest is '
                            f'{policy.digest[:12]}, {wanted[:12]} is wanted')
    bundle = _bundle(description, policy.tensors)
    _check_pairing(bundle)
    return bundle


def _tensors(bundle: Bundle) -> dict:
    moments = bundle.statistics.moments
    levels = {'planner': bundle.planner.tensors, 'controller': bundle.controller.tensors,
              'statistics': {'mean': moments.mean, 'm2': moments.m2}}
    return {f'{level}/{name}': tensor for level, named in levels.items() for name, tensor in named.items()}


def _description(bundle: Bundle, digest: str) -> dict:
    statistics = bundle.statistics
    return {
        'format': FORMAT, 'hac_ros': bundle.version, 'task': bundle.task, 'control': bundle.control,
        'spaces': task_spaces(bundle.task), 'limits': task_limits(bundle.task, bundle.control),
        'planner': _numbers(bundle.planner), 'controller': _numbers(bundle.controller),
        'statistics': {'version': statistics.version, 'space': statistics.space, 'count': statistics.moments.count,
                       'frozen': statistics.frozen, 'rejected': statistics.rejected, 'since': statistics.since,
                       'digest': running_statistics.digest(statistics.space, statistics.moments),
                       'includes': [asdict(item) for item in statistics.includes]},
        'settings': bundle.settings, 'report': bundle.report, 'policy': {'file': POLICY, 'digest': digest}}


def task_spaces(task: str) -> dict:
    """Return name, value names and units of each space that a policy for ``task`` reads or writes."""
    used = {'observation': tasks.by_name(task).observation, 'goal': spaces.GOAL, 'subgoal': spaces.SUBGOAL,
            'command': spaces.COMMAND}
    return {role: {'name': space.name, 'values': list(space.names), 'units': [value.unit for value in space.values]}
            for role, space in used.items()}


def task_limits(task: str, control: str = 'mocap') -> dict:
    """Return workspace [m], opening [m], control period [s], steps and threshold [m] that ``task`` is held to."""
    facts = tasks.by_name(task, control)
    return {'workspace_low': list(facts.workspace.low), 'workspace_high': list(facts.workspace.high),
            'opening_max': spaces.OPENING_MAX, 'period': facts.period, 'steps': facts.steps,
            'threshold': facts.threshold}


def _numbers(weights: Weights) -> dict:
    return {'version': weights.version, 'statistics': weights.statistics, 'updates': weights.updates,
            'statistics_digest': weights.statistics_digest}


def _hash(description: dict) -> str:
    content = {key: description[key] for key in description if key != 'hash'}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_description(path: Path) -> dict:
    try:
        description = json.loads(path.read_bytes())
    except OSError as error:
        raise BundleRefused(f'{path} cannot be read: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise BundleRefused(f'{path} is truncated or no bundle: {error}') from error
    if not isinstance(description, dict) or 'format' not in description:
        raise BundleRefused(f'{path} is no description of a bundle')
    if description['format'] != FORMAT:
        raise BundleRefused(f'{path} has format {description["format"]}, this hac_ros reads {FORMAT}')
    if description.get('hash') != _hash(description):
        raise BundleRefused(f'{path} was changed after it was written: its hash is {_hash(description)[:12]}, '
                            f'{str(description.get("hash"))[:12]} is wanted')
    return description


def _check_task(folder: Path, description: dict, task: str):
    """Refuse a bundle whose spaces or limits are not those of ``task``, comparing contents, not only names."""
    for what, wanted in (('spaces', task_spaces(task)), ('limits', task_limits(task, description['control']))):
        for key, value in wanted.items():
            if (came := description[what].get(key)) != value:
                raise BundleRefused(f'{folder} was trained for task {description["task"]}: its {key} is '
                                    f'{_short(came)}, task {task} wants {_short(value)}')
    if description['task'] != task:
        raise BundleRefused(f'{folder} was trained for task {description["task"]}, {task} is wanted')


def _short(value) -> str:
    return f'{value["name"]} ({len(value["values"])} values)' if isinstance(value, dict) else repr(value)


def _bundle(description: dict, tensors: dict) -> Bundle:
    stated = description['statistics']
    moments = Moments(stated['count'], tensors['statistics/mean'], tensors['statistics/m2'])
    statistics = Statistics(stated['version'], stated['space'], moments,
                            tuple(ContributionId(**item) for item in stated['includes']), stated['frozen'],
                            stated['rejected'], stated.get('since', 0))
    planner = Weights(records.PLANNER, **description['planner'], tensors=_named(tensors, 'planner/'))
    controller = Weights(records.CONTROLLER, **description['controller'], tensors=_named(tensors, 'controller/'))
    return Bundle(description['task'], description['control'], planner, controller, statistics,
                  description['settings'], description['report'], description['hac_ros'], description['hash'])


def _named(tensors: dict, prefix: str) -> dict:
    return {name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _check_pairing(bundle: Bundle):
    """Refuse weights of the wrong level, or statistics other than those that the weights were trained with."""
    space = tasks.by_name(bundle.task).observation
    for name, weights, level in (('planner', bundle.planner, records.PLANNER),
                                 ('controller', bundle.controller, records.CONTROLLER)):
        if weights.level != level or not weights.tensors:
            raise BundleRefused(f'the {name} weights hold {len(weights.tensors)} tensors of level {weights.level}, '
                                f'some of level {level} are wanted')
        if weights.statistics != bundle.statistics.version:
            raise BundleRefused(f'the {name} was trained with statistics {weights.statistics}, '
                                f'statistics {bundle.statistics.version} came with it')
        # Bundles of before the digest hold none.
        if weights.statistics_digest not in ('', running_statistics.digest(bundle.statistics.space, bundle.statistics.moments)):
            raise BundleRefused(f'the {name} was trained with other values of statistics {weights.statistics} than those '
                                'that came with it')
    if bundle.statistics.space != space.name or bundle.statistics.moments.mean.shape != (space.size,):
        raise BundleRefused(f'statistics of {bundle.statistics.space} ({bundle.statistics.moments.mean.size} values) '
                            f'came, task {bundle.task} wants {space.name} ({space.size} values)')


def level_config(kind: type, settings: dict):
    """Return the dataclass ``kind`` from a bundle's settings of a section; raises ValueError for unknown ones."""
    known = {item.name for item in dataclasses.fields(kind)}
    if unknown := sorted(settings.keys() - known):
        raise ValueError(f'{kind.__name__}: {", ".join(unknown)} came, which this hac_ros does not know')
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()})


def level_configs(bundle: Bundle) -> tuple[PlannerConfig, ControllerConfig | FlatLevelConfig]:
    """Return the settings of both levels of a bundle: one of a flat policy has section flat in place of controller."""
    kind, name = (FlatLevelConfig, 'flat') if 'flat' in bundle.settings else (ControllerConfig, 'controller')
    return (level_config(PlannerConfig, bundle.settings.get('planner', {})),
            level_config(kind, bundle.settings.get(name, {})))
