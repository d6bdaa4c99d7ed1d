"""Bundles that come with hac_ros, for a task in a control mode."""
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / 'data' / 'bundles'


def path(task: str, control: str) -> Path:
    """Return the folder in which the bundle of ``task`` for ``control`` is, or would be."""
    return FOLDER / control / task


def default(task: str, control: str) -> Path:
    """Return the bundle of ``task`` for ``control``; raises ValueError, telling what to do, if none is shipped."""
    folder = path(task, control)
    if not (folder / 'bundle.json').is_file():
        raise ValueError(f'no bundle of {task} in control mode {control} comes with this hac_ros: train one (./hac '
                         f'train task:={task} control:={control} run:=NAME) and give bundle:=runs/NAME/bundle')
    return folder
