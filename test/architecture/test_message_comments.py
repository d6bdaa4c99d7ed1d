"""Messages tell what they mean, and topics.py tells the same."""
from pathlib import Path

import pytest

from hac_ros import message_files

REPO = Path(__file__).resolve().parents[2]
MESSAGES = {path.stem: message_files.read(path) for path in sorted(REPO.glob('msg/*.msg'))}
SERVICES = {path.stem: message_files.read(path) for path in sorted(REPO.glob('srv/*.srv'))}


def test_every_field_and_constant_has_a_comment():
    assert MESSAGES and SERVICES
    assert [f'{message.name}.{entry.name}' for message in (*MESSAGES.values(), *SERVICES.values())
            for entry in (*message.constants, *message.fields, *(message.response or ())) if not entry.comment] == []


def test_every_message_begins_with_what_it_is():
    assert [message.name for message in MESSAGES.values() if len(message.comment) < 20] == []
    assert [service.name for service in SERVICES.values() if not service.comment.startswith('Offered by ')] == []


def own_topics():
    topics = pytest.importorskip('hac_ros.topics', reason='ROS 2 is not in this environment')
    return [topic for topic in topics.TOPICS if topic.type.__module__.startswith('hac_ros.')]


def test_the_message_of_a_topic_says_who_publishes_it():
    for topic in own_topics():
        said = MESSAGES[topic.type.__name__].comment
        assert 'Published ' in said, topic.name
        for publisher in topic.description.partition(':')[0].split(', '):
            word = 'each node' if publisher == 'everyone' else publisher.split()[-1].removesuffix('s')
            assert word in said, f'{topic.name}: {publisher} publishes it, its message says: {said}'


def test_a_message_is_called_latched_where_late_joiners_get_it():
    from rclpy.qos import DurabilityPolicy
    for topic in own_topics():
        latched = topic.qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert ('(latched' in MESSAGES[topic.type.__name__].comment) == latched, topic.name


def test_a_service_is_read_as_rosidl_reads_it():
    for name, service in SERVICES.items():
        kind = getattr(pytest.importorskip('hac_ros.srv', reason='ROS 2 is not in this environment'), name)
        for entries, half in ((service.fields, kind.Request), (service.response, kind.Response)):
            assert [entry.name for entry in entries] == list(half.get_fields_and_field_types())


def test_a_file_is_read_as_rosidl_reads_it():
    for name, message in MESSAGES.items():
        kind = getattr(pytest.importorskip('hac_ros.msg', reason='ROS 2 is not in this environment'), name)
        types = {entry.name: entry.type.replace('[]', '') for entry in message.fields}
        generated = {field: text.removeprefix('sequence<').removesuffix('>').replace('hac_ros/', '')
                     for field, text in kind.get_fields_and_field_types().items()}
        assert list(types) == list(generated)
        assert all(generated[field] in (kind_, {'float64': 'double', 'float32': 'float', 'bool': 'boolean'}.get(kind_))
                   for field, kind_ in types.items()), name
        assert all(getattr(kind, constant.name) == int(constant.value) for constant in message.constants)


@pytest.mark.parametrize('text, words', [('uint8 a\n# of b\nuint8 b\n', 'Bad.msg:2'),
                                         ('uint8\n', "Bad.msg:1: 'uint8' came")])
def test_a_line_that_cannot_be_read_is_named(tmp_path, text, words):
    path = tmp_path / 'Bad.msg'
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        message_files.read(path)
