"""The page's server, a real one, spoken to as a browser does: it answers its own page alone and publishes nothing."""
import msgspec
import pytest
import viser
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from hac_ros.nodes.page_server import PageServer, is_own

PUBLISH = msgspec.msgpack.encode({'type': 'ShareUrlRequest'})


@pytest.fixture
def server(monkeypatch):
    for name in ('https_proxy', 'HTTPS_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')      # were it to publish all the same, it would get nowhere
    one = PageServer('127.0.0.1', 0)
    yield one
    one.stop()


def browser(server, origin=None):
    """Return a connection as that of a page at ``origin``, or of a program, which has none."""
    return connect(f'ws://127.0.0.1:{server.get_port()}', origin=origin, subprotocols=[f'viser-v{viser.__version__}'],
                   proxy=None, max_size=None)


def test_nobody_can_have_the_page_published_on_the_internet(server):
    with browser(server) as client:
        client.send(PUBLISH)
        assert 'published on the Internet' in server.refusals.get(timeout=60)
    assert server._share_tunnel is None and server.request_share_url() is None


@pytest.mark.parametrize('is_program', [True, False])
def test_its_own_page_and_programs_are_answered(server, is_program):
    with browser(server, None if is_program else f'http://127.0.0.1:{server.get_port()}') as client:
        assert isinstance(client.recv(timeout=60), bytes)
    assert server.refusals.empty()


@pytest.mark.parametrize('origin', ['http://elsewhere.example:8080', 'http://127.0.0.1:1', 'null'])
def test_a_page_from_elsewhere_is_neither_answered_nor_heard(server, origin):
    with pytest.raises((WebSocketException, ConnectionError)), browser(server, origin) as client:
        client.send(PUBLISH)
        client.recv(timeout=60)
    assert repr(origin) in server.refusals.get(timeout=60)
    with browser(server) as client:     # goes on for others; of two that had asked two would be refused
        client.send(PUBLISH)
        assert 'published on the Internet' in server.refusals.get(timeout=60)
    assert server.refusals.empty()


@pytest.mark.parametrize('origin, asked, host, own', [
    ('http://127.0.0.1:8080', '127.0.0.1:8080', '127.0.0.1', True),
    ('http://localhost:9000', 'localhost:9000', '127.0.0.1', True),      # through a tunnel of ssh
    ('http://[::1]:8080', '[::1]:8080', '::1', True),
    ('http://robot:8080', 'robot:8080', '0.0.0.0', True),
    ('https://lab.example', 'lab.example', '0.0.0.0', True),
    ('http://robot:8080', 'robot:8080', '127.0.0.1', False),             # a name of which anybody says that it is this machine
    ('http://elsewhere.example:8080', '127.0.0.1:8080', '127.0.0.1', False),
    ('http://elsewhere.example:8080', 'robot:8080', '0.0.0.0', False),
    ('http://127.0.0.1:8080', '127.0.0.1:8081', '127.0.0.1', False),
    ('http://127.0.0.1:8080', '', '127.0.0.1', False),
    ('http://127.0.0.1:8080.elsewhere.example', '127.0.0.1:8080', '127.0.0.1', False),
    ('http://[::1', '[::1', '::1', False), ('null', '127.0.0.1:8080', '127.0.0.1', False)])
def test_a_page_is_its_own_if_it_was_opened_where_it_connects(origin, asked, host, own):
    assert is_own(origin, asked, host) == own
