"""Films and contact sheets of a policy's episodes, with goal, subgoals and their tolerance drawn in the scene.

    film.mp4, film.gif   the episodes side by side        sheet.png   moments of each episode, a row each
"""
import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imageio.v2 as imageio
import numpy as np

from hac_ros import atomic_files, spaces, tasks
from hac_ros.evaluation import Evaluator, robot_configs
from hac_ros.learning import attempts
from hac_ros.learning.bundle import Bundle, level_configs
from hac_ros.learning.controller import Controller
from hac_ros.learning.flat import actors
from hac_ros.learning.planner import Planner
from hac_ros.records import Statistics, Weights
from hac_ros.rollout import Round, run_round
from hac_ros.simulation.film_stage import Stage
from hac_ros.simulation.scene_marks import Marks
from hac_ros.simulation.simulation import Simulation

MOMENTS = 6              # pictures of an episode on a contact sheet
FILMED, FILM_WIDTH = 4, 320    # episodes and pixels of each in the films of a training
HOLD = 20                # frames for which the end is shown
GIF_STEP, GIF_SHRINK = 2, 2
GAP = 4                  # [pixels] between the pictures of a sheet
BACKGROUND = 245


@dataclass(frozen=True)
class Recorded:
    """Episodes of N arms, as they can be drawn."""

    simulation: Simulation
    round: Round                      # of N arms or more
    states: list[list[np.ndarray]]    # T + 1 times N integration states

    @property
    def arms(self) -> int:
        """Number of episodes."""
        return len(self.states[0])

    @property
    def steps(self) -> int:
        """Number of states of each episode."""
        return len(self.states)

    @property
    def success(self) -> np.ndarray:
        """(N,) bool: the goal is reached at the last step."""
        return self.round.planner.success[-1, :self.arms].astype(bool)


def record(simulation: Simulation, planner: Planner, controller: Controller, round_: int,
           weights: tuple[Weights, Weights], statistics: Statistics) -> Recorded:
    """Run ``round_`` without exploration and keep every state; raises ValueError as run_round does."""
    states = []

    def keep(arms: Simulation):
        states.append([arms.state(arm) for arm in range(arms.arms)])

    run = run_round(simulation, planner, controller, round_, weights, statistics, False, watch=keep)
    return Recorded(simulation, run, states)


def of_bundle(bundle: Bundle, episodes: int, seed: int) -> Recorded:
    """Return episodes of a bundle, in the simulation of its task and control mode, with its robot's settings, as ``evaluate``."""
    task = tasks.by_name(bundle.task, bundle.control)
    simulation = Simulation(task, episodes, seed, purpose='evaluation', control=bundle.control, **robot_configs(bundle))
    levels = actors(task, *level_configs(bundle), episodes, seed)
    return record(simulation, *levels, 0, (bundle.planner, bundle.controller), bundle.statistics)


@contextlib.contextmanager
def stage(recorded: Recorded, width: int, backend: str | None = None) -> Iterator[Stage]:
    """Yield a stage for these episodes whose pictures are ``width`` pixels wide, and close it."""
    one = Stage(recorded.simulation.task, width, width * 3 // 4, backend, recorded.simulation.model)
    try:
        yield one
    finally:
        one.close()


def film(path, evaluator: Evaluator, weights: tuple[Weights, Weights], statistics: Statistics) -> None:
    """Film the first episodes of an evaluation of ``weights`` (planner's, controller's). Raises OSError if that fails.

    The evaluator's next evaluation is the same as without a film.
    """
    recorded = record(evaluator.simulation, evaluator.planner, evaluator.controller, 0, weights, statistics)
    few = replace(recorded, states=[row[:FILMED] for row in recorded.states])
    with stage(few, FILM_WIDTH) as one:
        write_film(path, list(frames(one, few)), 1 / one.task.period)


def frames(stage: Stage, recorded: Recorded, steps=None) -> Iterator[np.ndarray]:
    """Yield, for each of ``steps`` (all of them by default), the episodes side by side."""
    columns = math.ceil(math.sqrt(recorded.arms))
    for step in range(recorded.steps) if steps is None else steps:
        yield tiled([picture(stage, recorded, arm, step) for arm in range(recorded.arms)], columns)


def picture(stage: Stage, recorded: Recorded, arm: int, step: int) -> np.ndarray:
    """Return an episode at a step, (H, W, 3) uint8."""
    success = recorded.round.planner.success[step, arm]
    text = f'episode {arm + 1}   step {step} of {recorded.steps - 1}' + ('   goal reached' if success else '')
    return stage.picture(recorded.states[step][arm], marks(recorded, arm, step, stage), text)


def marks(recorded: Recorded, arm: int, step: int, stage: Stage) -> Marks:
    """Return what is drawn into the scene of ``arm`` at ``step``: the last state still shows its last subgoal."""
    planner, task = recorded.round.planner, stage.task
    now = min(step, planner.steps - 1)
    ends = np.flatnonzero(np.diff(planner.attempt[:now + 1, arm].astype(np.int64)))   # last steps of earlier attempts
    hit = attempts.reached(planner.observation[ends + 1, arm], planner.subgoal[ends, arm], planner.tolerance[ends, arm],
                           task.gripper_locked)
    return Marks(planner.desired_goal[arm], task.threshold, bool(planner.success[step, arm]), planner.subgoal[now, arm],
                 float(planner.tolerance[now, arm, 0]), spaces.gripper_position(planner.observation[:step + 1, arm]),
                 planner.subgoal[ends, arm, :3], hit, not task.gripper_locked)


def sheet(stage: Stage, recorded: Recorded, moments: int = MOMENTS) -> np.ndarray:
    """Return a contact sheet: a row an episode, ``moments`` columns from start to end, closer together at the start."""
    steps = (np.linspace(0.0, 1.0, moments) ** 2 * (recorded.steps - 1)).round().astype(int)
    return tiled([picture(stage, recorded, arm, step) for arm in range(recorded.arms) for step in steps], moments)


def tiled(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Return pictures of equal size (H, W, 3) in rows of ``columns``, with a gap; places left over are empty."""
    rows = math.ceil(len(pictures) / columns)
    height, width = pictures[0].shape[0] + GAP, pictures[0].shape[1] + GAP
    whole = np.full((rows * height - GAP, columns * width - GAP, 3), BACKGROUND, dtype=np.uint8)
    for number, each in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        whole[top:top + height - GAP, left:left + width - GAP] = each
    return whole


def write_film(path, pictures: list[np.ndarray], per_second: float) -> None:
    """Write frames (H, W, 3) as MP4 (H.264) or GIF, by the path's suffix; the last one is held. Atomic.

    A GIF takes every second frame at half the size: browsers and READMEs show it without a player.
    """
    even = [each[:each.shape[0] // 2 * 2, :each.shape[1] // 2 * 2] for each in pictures]   # H.264 wants even sizes
    if Path(path).suffix == '.gif':
        shown = [each[::GIF_SHRINK, ::GIF_SHRINK] for each in _smoothed(even[::GIF_STEP])]
        with _replacing(path) as part:
            imageio.mimwrite(part, shown + shown[-1:] * (HOLD // GIF_STEP), format='GIF', loop=0,
                             duration=1000.0 * GIF_STEP / per_second)
        return
    with _replacing(path) as part, imageio.get_writer(part, fps=per_second, codec='libx264', quality=7,
                                                      macro_block_size=2, ffmpeg_log_level='error') as writer:
        for each in even + even[-1:] * HOLD:
            writer.append_data(each)


def _smoothed(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Return the mean over 2 x 2 pixels at every pixel that a half-size picture takes."""
    means = []
    for each in pictures:
        height, width = each.shape[0] // 2 * 2, each.shape[1] // 2 * 2
        mean = each[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
        means.append(mean.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1))
    return means


def write_picture(path, pixels: np.ndarray) -> None:
    """Write a picture (H, W, 3) as PNG. Atomic."""
    with _replacing(path) as part:
        imageio.imwrite(part, pixels, format='PNG')


@contextlib.contextmanager
def _replacing(path):
    """Yield a temporary name with the suffix of ``path``, from which writers tell the format; rename it at the end."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.stem}.part-{os.getpid()}{path.suffix}')
    try:
        yield part
        os.replace(part, path)
        atomic_files.sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
