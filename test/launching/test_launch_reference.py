"""docs/launch.md tells the truth about the launch files."""
import re
from pathlib import Path

import pytest

from hac_ros.launching import reference, supported_tags

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / 'docs' / 'launch.md'


def test_generated_part_is_up_to_date():
    text = DOCUMENT.read_text()
    assert reference.updated(text) == text, 'run: python -m hac_ros.launching.reference docs/launch.md'


def test_every_supported_tag_is_named():
    named = set(re.search(r'Tags `([^`]+)`', DOCUMENT.read_text()).group(1).split())
    supported = {'launch', *(tag for tags in supported_tags.SUPPORTED.values() for tag in tags)}
    assert named == supported - {'push-ros-namespace'}


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match='lacks the lines'):
        reference.updated('# Launching')
