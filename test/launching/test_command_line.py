"""`hac`: what it refuses, each with one clear line and status 2, and what it tells."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hac_ros.cli import VERBS, main
from hac_ros.cli.train import outcome
from hac_ros.run_folder import RunFolder

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    """Runs would go to ./runs."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('words, message', [
    (['trian'], 'trian'),
    (['train', 'tsak:=reach'], "unknown argument 'tsak'; these are accepted:"),
    (['train', 'task:=juggle'], 'task:=juggle: one of reach, push, pick_and_place, slide is wanted'),
    (['train', 'preset:=none'], 'preset:=none: one of reach,'),
    (['train', 'arms:=0'], 'arms: 0 came, a whole number from 1 to 256 is wanted'),
    (['train', 'arms:=many'], "arms: 'many' came, a whole number from 1 to 256 is wanted"),
    (['train', 'arms=4'], "'arms=4' came, key:=value is wanted: arms:=4"),
    (['train', '--arms=4'], '--arms=4'),
    (['train', 'arms:=4', 'arms:=8'], "arms is given twice: '4' and '8'"),
    (['train', 'arms:='], 'arms:= has no value'),
    (['train', 'pace:=fast'], "'fast' is not a float"),
    (['train', 'bar:=3'], 'evaluation.bar: 3.0 came'),
    (['train', 'seed:=1.5'], 'seed: 1.5 came'),
    (['train', 'evaluate_every:=100'], 'evaluation.every: 100 came, a whole number from 1 to 12'),
    (['train', 'run:=../reach'], "run name: '../reach' came"),
    (['train', 'resume:=true'], 'start it without resume:=true'),
    (['train', 'resume:=reach'], 'resume: runs/reach/arguments.json is not there; there is no such run'),
    (['train', 'resume:=../.'], "resume:=../.: true, false, a run's name or its folder is wanted"),
    (['train', 'resume:=reach', 'run:=other'], 'resume:=reach: one of true, false is wanted'),
    (['launch'], 'file'),
    (['launch', 'train.launch.xml', 'arms:=2', 'arms:=3'], "arms is given twice: '2' and '3'"),
    (['launch', 'deploy.launch.xml', 'bundle:=b', 'priority:=200'], 'process.priority: 200 came, a whole number from 0 to'),
    (['launch', 'emulator.launch.xml', 'pace:=500.0'], 'emulator.pace: 500.0 came, a number with a point from 0'),
    (['launch', 'none.launch.xml'], "there is no launch file 'none.launch.xml'; these are here: deploy.launch.xml, emulator.launch.xml"),
    (['evaluate', 'episodes:=3'], 'task:=... must be given'),
    (['evaluate', 'bundle:=b', 'task:=juggle'], 'task:=juggle: one of'),
    (['evaluate', 'bundle:=b', 'task:=reach', 'episodes:=0'], 'episodes:=0: a whole number from 1 is wanted'),
])
def test_refusal_is_one_clear_line_and_status_2(words, message, capsys, tmp_path):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.startswith('hac') and shown.out == ''
    assert 'Traceback' not in shown.err and list(tmp_path.iterdir()) == []
    assert len(shown.err.splitlines()) == 1 or 'accepted:' in message


def test_unknown_argument_is_answered_with_every_argument_and_its_description(capsys):
    main(['train', 'tsak:=reach'])
    shown = capsys.readouterr().err
    assert 'arms:=  (default 16)' in shown and 'Decides every random draw' in shown


@pytest.mark.parametrize('option', ['--help', '--show-args', '-s'])
def test_train_lists_the_arguments_of_the_launch_file(option, capsys):
    try:
        status = main(['train', option])
    except SystemExit as end:
        status = end.code
    shown = capsys.readouterr().out
    assert status == 0 and 'task:=  (default reach)' in shown and 'pick_and_place' in shown and 'device:=' in shown


def test_a_run_that_was_begun_is_refused_without_resume(capsys):
    folder = RunFolder('runs', 'reach')
    folder.path.mkdir(parents=True)
    folder.config.write_text('{}')
    assert main(['train']) == 2
    assert 'run reach exists already in runs' in capsys.readouterr().err


@pytest.mark.parametrize('words', [[], ['resume:=true']])
def test_a_run_that_is_alive_is_refused(words, capsys):
    folder = RunFolder('runs', 'reach')
    with folder.claim():
        folder.config.write_text('{}')
        assert main(['train', *words]) == 2
    assert f'is in use by process {os.getpid()}' in capsys.readouterr().err


def test_help_needs_neither_ros_nor_torch():
    code = ('import sys; from hac_ros.cli import main\ntry: main(["--help"])\nexcept SystemExit: pass\n'
            'print(sorted({"torch", "rclpy", "mujoco", "numpy"} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == '[]'
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize('command', ([sys.executable, '-m', 'hac_ros.cli', '--help'],
                                     [sys.executable, str(REPOSITORY / 'hac_ros' / 'environment.py'), 'doctor']))
def test_a_reader_that_has_read_enough_is_no_error(command):
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    try:
        done = subprocess.run(command, env=buffered | {'PYTHONPATH': str(REPOSITORY)}, stdout=writer,
                              stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, '')


def test_the_end_of_a_run_tells_result_folder_and_next_command(tmp_path):
    folder = RunFolder(tmp_path, 'reach')
    folder.bundle.mkdir(parents=True)
    reached = {'round': 16, 'success_rate': 0.97, 'confirmed': 0.96, 'environment_steps': 12800}
    result = {'run': 'reach', 'task': 'reach', 'seed': 0, 'reached': reached, 'bar': 0.95, 'rounds': 20,
              'environment_steps': 16000, 'seconds': 84.2}
    (folder.path / 'result.json').write_text(json.dumps(result))
    assert outcome(folder, 'reach', 0) == [
        'reach has reached its bar of 0.95: success 0.970, confirmed 0.960, '
        'with 12800 steps (16000 steps, 84 s in all).',
        f'Run folder: {folder.path}', f'Next: ./hac evaluate bundle:={folder.bundle} task:=reach']
    (folder.path / 'result.json').write_text(json.dumps({**result, 'reached': None}))
    assert outcome(folder, 'reach', 0)[0] == 'reach has not reached its bar of 0.95 (16000 steps, 84 s).'


def test_the_end_of_a_run_that_failed_tells_where_the_logs_are_and_how_to_go_on_if_it_can(tmp_path):
    folder = RunFolder('my runs', 'reach')
    without, = outcome(folder, 'reach', 130)
    folder.path.mkdir(parents=True)
    folder.config.write_text('{}')
    assert outcome(folder, 'reach', 130) == [without, "To go on: ./hac train resume:='my runs/reach'"]
    assert str(folder.log) in without
