"""No construct that this project does without, and none too long or without a word on what it does."""
from pathlib import Path

import constructs
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = sorted((REPOSITORY / 'hac_ros').rglob('*.py'))
EVERYTHING = PACKAGE + sorted(path for folder in ('test', 'benchmarks') for path in (REPOSITORY / folder).rglob('*.py'))


def test_no_file_pickles_runs_text_mocks_or_sleeps():
    found = []
    for path in EVERYTHING:
        found += [f'{path.relative_to(REPOSITORY)}:{line}: {text}'
                  for line, text in constructs.forbidden(path.read_text(encoding='utf-8'))]
    assert found == []


def test_no_two_files_of_tests_share_a_name():
    names = [path.name for path in (REPOSITORY / 'test').rglob('*.py') if path.name != 'conftest.py']
    assert sorted(set(names)) == sorted(names)     # one pytest for all, as colcon's, imports each under its bare name


def test_everything_public_has_a_docstring():
    assert constructs.found_in(PACKAGE, constructs.undocumented) == []


def test_no_function_is_longer_than_a_screen():
    assert constructs.found_in(EVERYTHING, constructs.long_functions) == []


@pytest.mark.parametrize('source, words', [
    ('import pickle', 'pickle'), ('from pickle import loads', 'pickle'), ('from unittest import mock', 'unittest.mock'),
    ('import unittest.mock as m', 'unittest.mock'), ('eval(x)', 'eval'), ('exec("x")', 'exec'),
    ('import torch as t\nt.load(p)', 'torch.load'), ('from time import sleep as s\ns(1)', 'time.sleep'),
    ('def f():\n    import time\n    time.sleep(1)', 'time.sleep'), ('subprocess.run(x, shell=True)', 'shell'),
    ('run(x, shell=flag)', 'shell'), ('import numpy as np\nnp.load(p, allow_pickle=True)', 'allow_pickle'),
    ('import yaml\nyaml.load(x)', 'yaml.load'), ('import os\nos.system(x)', 'os.system')])
def test_a_forbidden_construct_is_found(source, words):
    found = constructs.forbidden(source)
    assert [text.partition(':')[0] for _, text in found] == [words]
    assert found[0][0] == len(source.splitlines())


@pytest.mark.parametrize('source', [
    'model.eval()', 'text = "import pickle; eval(x)"', '# time.sleep(1)', 'run(x, shell=False)', 'self.load(x)',
    'import time\ntime.monotonic()', 'import yaml\nyaml.safe_load(x)'])
def test_what_only_looks_alike_is_not_found(source):
    assert constructs.forbidden(source) == []


def test_what_lacks_a_docstring_is_found():
    source = ('class A:\n  def f(self):\n    "Says."\n  def g(self): pass\n'
              'class B:\n  "Says."\n  def f(self): pass\ndef h(): pass\ndef _i(): pass')
    assert constructs.undocumented(source) == ['module', 'A', 'h', 'A.g']


def test_a_long_function_is_found():
    source = 'def f():\n' + '    x = 1\n' * 4
    assert constructs.long_functions(source, 4) == ['f: 5 lines'] and constructs.long_functions(source, 5) == []
