"""`hac render task:=... bundle:=... out:=DIR`: films and a contact sheet of a bundle, without a screen."""
import argparse
import os
from pathlib import Path

from hac_ros import tasks
from hac_ros.cli import Parser, Refused, key_values
from hac_ros.cli.evaluate import chosen, number
from hac_ros.launching.launch_file import Argument

ARGUMENTS = {argument.name: argument for argument in (
    Argument('bundle', '', 'Folder of the bundle, such as runs/reach/bundle; empty: the one that is shipped for the task', ()),
    Argument('control', 'mocap', 'Control mode of the shipped bundle', ('mocap', 'fetch')),
    Argument('task', None, 'What it was trained for', tuple(tasks.TASKS)),
    Argument('out', None, 'Folder for film.mp4, film.gif and sheet.png; it is made if it is not there', ()),
    Argument('episodes', '4', 'Episodes side by side, at most 16', ()),
    Argument('seed', '0', 'Decides the episodes\' starts and goals', ()),
    Argument('width', '480', 'Pixels of an episode\'s picture, 3 to each 4 of them high', ()),
)}
MOST, SHEET_WIDTH = 16, 320


def run(words: list[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog='hac render', description='Film deterministic episodes of a bundle: goal, subgoals and their tolerance in '
        'the scene. MUJOCO_GL chooses the OpenGL (egl or osmesa); without it the one that works is found.',
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog='arguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    for line in render(key_values.read(parser.parse_intermixed_args(words).arguments, ARGUMENTS)):
        print(line)
    return 0


def render(given: dict[str, str]) -> list[str]:
    """Make the films that ``given`` asks for; return what to tell. Raises ValueError for a bad value or bundle."""
    episodes, seed, width = (number(name, given.get(name, ARGUMENTS[name].default), low)
                             for name, low in (('episodes', 1), ('seed', 0), ('width', 64)))
    if episodes > MOST:
        raise Refused(f'episodes:={episodes}: at most {MOST} stand side by side')
    # MuJoCo cannot even be imported where this names an OpenGL that is not there: it is tried apart.
    wanted = os.environ.pop('MUJOCO_GL', '')
    from hac_ros import films     # mujoco takes a second: errors above come at once
    from hac_ros.learning.bundle import read_bundle
    from hac_ros.simulation.offscreen import backend
    bundle = read_bundle(chosen(given), tasks.by_name(given['task']).name)
    opengl = backend(wanted)
    recorded = films.of_bundle(bundle, episodes, seed)
    out = Path(given['out'])
    with films.stage(recorded, width, opengl) as stage:
        pictures = list(films.frames(stage, recorded))
        for name in ('film.mp4', 'film.gif'):
            films.write_film(out / name, pictures, 1 / stage.task.period)
    with films.stage(recorded, SHEET_WIDTH, opengl) as stage:
        films.write_picture(out / 'sheet.png', films.sheet(stage, recorded))
    return [f'{recorded.success.sum()} of {episodes} episodes reached the goal (drawn with {opengl})',
            *(f'{out / name}' for name in ('film.mp4', 'film.gif', 'sheet.png'))]
