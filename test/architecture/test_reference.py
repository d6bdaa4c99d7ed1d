"""docs/reference.md is what the code says now."""
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not in this environment')

from hac_ros import reference, topics  # noqa: E402

DOCUMENT = Path(__file__).resolve().parents[2] / reference.DOCUMENT


@pytest.fixture(scope='module')
def text():
    return reference.document()


def test_the_document_is_up_to_date(text):
    line = reference.first_difference(DOCUMENT.read_text(encoding='utf-8'), text)
    assert line == 0, f'line {line} differs; run: {reference.COMMAND}'


def test_the_executables_are_the_nodes():
    nodes = {'learner' if node.endswith('_learner') else node for node in reference.DECLARED}
    assert nodes == set(reference.executables())
    assert all(all(texts) for texts in reference.executables().values())


def test_a_stale_document_is_named_with_its_first_line_that_differs(text, tmp_path, capsys):
    path = tmp_path / 'reference.md'
    path.write_text(text.replace('## Services', '## Service', 1), encoding='utf-8')
    line = text.splitlines().index('## Services') + 1
    assert reference.main(['--check', str(path)]) == 1
    assert capsys.readouterr().err == f'{path} is stale from line {line} on; run: {reference.COMMAND}\n'


def test_a_good_document_passes_and_a_missing_one_does_not(text, tmp_path):
    path = tmp_path / 'reference.md'
    assert reference.main(['--check', str(path)]) == 1
    path.write_text(text, encoding='utf-8')
    assert reference.main(['--check', str(path)]) == 0


def test_printing_gives_the_document(text, capsys):
    assert reference.main([]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize('qos, words', [
    (topics.LOCKSTEP, 'best effort, last 2'), (topics.STREAM, 'reliable, last 2'),
    (topics.HISTORY, 'reliable, last 16, for late joiners too'),
    (topics.MOMENTARY, 'best effort, newest only')])
def test_qos_is_told_in_words(qos, words):
    assert reference.qos_in_words(qos) == words
