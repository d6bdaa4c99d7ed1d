"""Replays a deployment: the policy in this process, on the recorded states, must give the recorded commands."""
from pathlib import Path

import numpy as np

from hac_ros import deployment_log, tasks
from hac_ros.learning.bundle import Bundle, BundleRefused, level_configs
from hac_ros.learning.flat import actors
from hac_ros.records import ArmState, StepId


def replay(folder: Path, bundle: Bundle) -> dict:
    """Return how subgoals and commands made now differ from those in ``folder``. Raises BundleRefused for another bundle.

    Raises ValueError where there are no episodes, DamagedFile for a file that is damaged.
    """
    paths = deployment_log.files(folder)
    if not paths:
        raise ValueError(f'{folder} holds no episode_*.safetensors: give the deployment/ folder of a deployment')
    found = [_episode(deployment_log.read(path), bundle) for path in paths]
    return {'episodes': len(found), 'steps': sum(each['steps'] for each in found),
            'differing_steps': sum(each['differing'] for each in found),
            'largest_difference': max(each['largest'] for each in found),
            'same': not any(each['differing'] for each in found)}


def _episode(episode: deployment_log.Episode, bundle: Bundle) -> dict:
    about, task = episode.content, tasks.by_name(episode.content['task'], 'fetch')
    if about['bundle'] != bundle.hash:
        raise BundleRefused(f'bundle {bundle.hash[:12]} came, episode {about["round"]} was flown with '
                            f'{about["bundle"][:12] or "none"}')
    differences = [0.0]
    for subgoal, command, row in _answers(episode, task, bundle, about):
        differences.append(max(np.abs(subgoal - episode.arrays['subgoal'][row]).max(),
                               np.abs(command - episode.arrays['command'][row]).max()))
    return {'steps': episode.steps, 'differing': int(np.count_nonzero(differences)), 'largest': float(max(differences))}


def _answers(episode, task, bundle, about):
    """Yield (subgoal (4,), command (4,), step) for each recorded step, in order."""
    planner, controller = actors(task, *level_configs(bundle), 1, 0)
    planner.begin(about['round'], bundle.planner, bundle.statistics, explore=False)
    controller.begin(about['round'], bundle.controller, bundle.statistics, explore=False)
    goal = np.array([about['goal_world']])
    for row in range(episode.steps):
        state = ArmState(
            StepId(about['run'], 0, about['round'], about['take'], row), task.observation.name, task.steps,
            episode.arrays['observation'][row][None], episode.arrays['achieved_goal'][row][None], goal, np.zeros(1),
            np.zeros(1, dtype=bool))
        subgoals = planner.act(state)
        yield subgoals.value[0], controller.act(state, subgoals).value[0], row
