"""README and docs name only what is there."""
import re

import documents
import pytest

EVERY = pytest.mark.parametrize('path', documents.DOCUMENTS, ids=lambda path: path.name)
FAULTY = '''# A faulty page
[there](here.md), [here](#a-faulty-page), [nowhere](gone.md), [no heading](#gone); `hac_ros/gone.py`,
`hac_ros/config.py`.
`./hac trian`, `hac train taks:=reach`, `./hac launch gone.launch.xml`, `resmue:=true`, `resume:=true`.

```
$ ./hac train task:=reech arms:=4      # a comment with bogus:=1
ros2 launch hac_ros view.launch.xml task:=reach \\
  wroker:=1
./hac bench nothing
./hac deploy task:=push episodes:=3 pace:=0.0 && ./hac report reach out:=/tmp/page
```
'''


@EVERY
def test_every_link_leads_somewhere(path):
    assert documents.broken_links(path.read_text(encoding='utf-8'), path.parent) == []


@EVERY
def test_every_file_that_is_named_is_there(path):
    assert documents.missing_files(path.read_text(encoding='utf-8')) == []


@EVERY
def test_every_command_would_be_accepted(path):
    assert documents.wrong_commands(path.read_text(encoding='utf-8')) == []


@EVERY
def test_every_key_value_is_an_argument_of_something(path):
    assert documents.unknown_pairs(path.read_text(encoding='utf-8')) == []


def test_code_names_only_documents_that_are_there():
    sources = [*(documents.REPOSITORY / 'hac_ros').rglob('*.py'), *(documents.REPOSITORY / 'launch').rglob('*.*')]
    named = {name for path in sources if path.is_file()
             for name in re.findall(r'\bdocs/\w+\.\w+', path.read_text(encoding='utf-8'))}
    assert named and not [name for name in sorted(named) if not (documents.REPOSITORY / name).exists()]


def test_every_document_is_linked_from_another():
    linked = {name for path in documents.DOCUMENTS
              for name in re.findall(r'\]\((?:docs/)?(\w+\.md)', path.read_text(encoding='utf-8'))}
    assert [path.name for path in documents.DOCUMENTS[1:] if path.name not in linked] == []


def test_faults_are_found(tmp_path):
    (tmp_path / 'here.md').write_text('# Here\n')
    assert documents.broken_links(FAULTY, tmp_path) == ['gone.md', '#gone']
    assert documents.missing_files(FAULTY) == ['hac_ros/gone.py']
    assert documents.unknown_pairs(FAULTY) == ['resmue:=true']
    wrong = documents.wrong_commands(FAULTY)
    assert [re.search(r"'(\w+)'|(\w+):=reech|launch (\S+):|bench (\w+):", each).group(0) for each in wrong] == [
        'task:=reech', "'wroker'", 'bench nothing:', "'trian'", "'taks'", 'launch gone.launch.xml:']


def test_the_architecture_names_every_node():
    setup = (documents.REPOSITORY / 'setup.py').read_text(encoding='utf-8')
    nodes = re.search(r'^NODES = \[(.*?)\]', setup, re.MULTILINE | re.DOTALL)
    text = (documents.REPOSITORY / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    names = re.findall(r"'(\w+)'", nodes[1])
    assert names and [name for name in names if not re.search(rf'\b(\w+_)?{name}\b', text)] == []
