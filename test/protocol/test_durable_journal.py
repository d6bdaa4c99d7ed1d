"""What a journal has taken is found by its name after a power cut, too: the folders that lead to it are synced."""
import os
import sys

import numpy as np
import pytest

from hac_ros import atomic_files, spaces
from hac_ros.learning import journal
from hac_ros.learning.contributor import Contributor

SPACE = spaces.SUBGOAL
HEARD = {'opened': None}    # a hook stays for as long as the process lives


def _hook(event, details):
    if HEARD['opened'] is not None and event == 'open' and (details[2] or 0) & os.O_DIRECTORY:
        HEARD['opened'].append(str(details[0]))


@pytest.fixture(scope='module', autouse=True)
def hook():
    sys.addaudithook(_hook)


@pytest.fixture
def synced():
    """The folders that were opened as folders since: only ``sync_folder`` opens any."""
    HEARD['opened'] = []
    yield HEARD['opened']
    HEARD['opened'] = None


def contribution(round_=0):
    contributor = Contributor(0, 1, SPACE)
    contributor.finish(round_, np.ones((3, SPACE.size)))
    return contributor.next(round_ + 1, round_)


def test_every_folder_that_is_made_is_synced_into_the_one_above_it(tmp_path, synced):
    atomic_files.make_folder(tmp_path / 'a' / 'b' / 'c')
    assert synced == [str(tmp_path), str(tmp_path / 'a'), str(tmp_path / 'a' / 'b')]
    assert (tmp_path / 'a' / 'b' / 'c').is_dir()
    atomic_files.make_folder(tmp_path / 'a' / 'b' / 'c')
    assert len(synced) == 3, 'what is there costs nothing'


def test_a_folder_that_cannot_be_made_is_told_as_what_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(atomic_files.WriteFailed, match='file'):
        atomic_files.make_folder(tmp_path / 'file' / 'below')


def test_the_normalizers_journal_is_in_its_folder_before_its_first_line_and_never_again(tmp_path, synced):
    book = journal.ContributionJournal(tmp_path / 'journal' / 'normalizer.jsonl')
    book.append(contribution())
    assert synced == [str(tmp_path), str(tmp_path / 'journal')]
    book.append(3)
    assert len(synced) == 2 and len(book.read()) == 2


def test_a_workers_own_contribution_is_found_again(tmp_path, synced):
    journal.write_contribution(tmp_path / 'checkpoint' / 'journal' / 'planner_0.json', contribution())
    assert synced[:2] == [str(tmp_path), str(tmp_path / 'checkpoint')]
    assert synced[-1] == str(tmp_path / 'checkpoint' / 'journal')
