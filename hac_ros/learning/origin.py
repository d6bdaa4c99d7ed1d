"""What a run starts from, instead of from nothing: a bundle, or the best bundle of another run with its critics.

Taken are actors and averaged actors of both levels, and the statistics, which go on from there; of a run also the critics
and targets of its newest checkpoint. Replay, optimisers, exploration and schedules begin anew.
"""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hac_ros.learning import checkpoint
from hac_ros.learning.bundle import DESCRIPTION, Bundle, read_bundle

VECTORS = ('critic', 'critic_target')


@dataclass(frozen=True)
class Origin:
    """A policy to start from. ``critics``: level -> vector -> values (flat), empty where there are none."""

    path: Path
    bundle: Bundle
    critics: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def told(self, level: str) -> str:
        """Return what ``level`` takes from here, in words."""
        rest = 'its critics, from its newest checkpoint' if level in self.critics else 'no critics: those begin anew'
        return f'starts from {self.path}: the {level}\'s actors (round {self.bundle.planner.version}) and statistics, {rest}'


def read(place: str, folder: str, task: str, control: str) -> Origin:
    """Return what ``place`` holds: a bundle's folder, a run's folder, or the name of a run in ``folder``.

    Raises ValueError, with one sentence, where there is none, or it is damaged or of another task or control mode.
    """
    for path in (Path(place), Path(folder) / place):
        if (path / DESCRIPTION).is_file():
            return Origin(path, read_bundle(path, task, control))
        if (path / 'bundle' / DESCRIPTION).is_file():
            return Origin(path, read_bundle(path / 'bundle', task, control), _critics(path / 'checkpoint'))
    raise ValueError(f'from:={place}: neither a bundle nor a run with one is there, nor in {folder}; give a folder such '
                     f'as {folder}/NAME/bundle or {folder}/NAME')


def _critics(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    try:
        manifest = checkpoint.read_manifest(folder)
    except checkpoint.NoCheckpoint:
        return {}
    found = {}
    for level in ('planner', 'controller'):
        tensors = checkpoint.read_part(folder, f'{level}_learner', manifest.version).tensors
        found[level] = {name: np.array(tensors[f'learner/td3/{name}']) for name in VECTORS}
    return found
