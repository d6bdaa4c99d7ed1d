"""`resume:=RUN` gives a run the arguments that it was begun with."""
import pytest

from hac_ros.cli import Refused
from hac_ros.cli.resuming import expanded, remember
from hac_ros.run_folder import RunFolder


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A run called push in runs/, and one in another folder."""
    monkeypatch.chdir(tmp_path)
    given = {'task': 'push', 'seed': '3', 'max_steps': '800', 'folder': 'elsewhere', 'run': 'push', 'resume': 'false'}
    for root in ('runs', 'my runs'):
        remember(RunFolder(root, 'push'), given)


@pytest.mark.parametrize('words, root', [
    (['resume:=push'], 'runs'), (['resume:=runs/push'], 'runs'), (['resume:=my runs/push/'], 'my runs'),
    (['folder:=my runs', 'resume:=push'], 'my runs')])
def test_a_run_goes_on_with_its_own_arguments_by_name_or_folder(runs, words, root):
    assert sorted(expanded(words)) == sorted(
        ['task:=push', 'seed:=3', 'max_steps:=800', 'run:=push', f'folder:={root}', 'resume:=true'])


def test_what_is_given_anew_holds(runs):
    words = expanded(['resume:=push', 'max_steps:=1600'])
    assert 'max_steps:=1600' in words and 'max_steps:=800' not in words


@pytest.mark.parametrize('words', [[], ['task:=push'], ['resume:=true', 'run:=push'], ['resume:=false'], ['resume:=']])
def test_other_words_stay_as_they_are(runs, words):
    assert expanded(words) == words


@pytest.mark.parametrize('content, words', [
    ('[1]', 'holds a list, arguments by name are wanted'), ('{"task": 3}', 'arguments by name are wanted'),
    ('{"task": "pu', 'cannot be read')])
def test_a_file_of_other_content_is_refused(runs, content, words):
    RunFolder('runs', 'push').arguments.write_text(content)
    with pytest.raises(Refused, match=words):
        expanded(['resume:=push'])


def test_a_run_that_another_program_began_is_told_of(runs):
    folder = RunFolder('runs', 'other')
    folder.path.mkdir()
    folder.config.write_text('{}')
    with pytest.raises(Refused, match='not begun by `hac train`: give its arguments again'):
        expanded(['resume:=other'])
