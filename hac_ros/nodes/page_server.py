"""The server of the page: viser's, without what lets strangers at it."""
import queue
import socket
from urllib.parse import urlsplit

import viser

LOCAL = ('127.0.0.1', 'localhost', '::1')


class PageServer(viser.ViserServer):
    """Serves at ``host`` and ``port``. What it refuses goes to ``refusals`` in words, from viser's threads.

    Raises ValueError if nobody can listen there.
    """

    def __init__(self, host: str, port: int):
        check_free(host, port)
        self.refusals: queue.SimpleQueue = queue.SimpleQueue()
        super().__init__(host, port, label='hac', verbose=False)
        # A browser lets any page that it shows connect to this machine. websockets refuses foreign origins in the handshake,
        # if it is given a list; viser gives it none. So this, and nothing else here, reads what viser keeps for itself:
        # the handshake of a client that has come, before viser sends it anything or hears it.
        server = self._websock_server
        server.on_client_connect(lambda client: self._admit(server._live_connections[client.client_id], host))
        server.disconnect_all_clients()      # who came before that comes again

    def _admit(self, connection, host: str) -> None:
        origins, asked = (connection.request.headers.get_all(name) for name in ('Origin', 'Host'))
        if origins and not is_own(origins[0], ''.join(asked), host):
            connection.transport.abort()     # a farewell would leave it time to be heard
            self.refusals.put(f'a page at {origins[0][:100]!r} wanted to connect')

    def request_share_url(self, verbose: bool = True) -> None:
        """Refuse to publish the page: viser opens a tunnel from the Internet for any client that asks, button or not."""
        self.refusals.put('a client wanted the page to be published on the Internet')


def is_own(origin: str, asked: str, host: str) -> bool:
    """Whether ``origin`` (of a page, as its browser tells) is the page that is served at ``host``, opened as ``asked``.

    Where only this machine is listened to, a page of another name is refused although it asks for its own name: whoever
    owns the name may let it point here.
    """
    try:
        page = urlsplit(origin)
        return page.netloc == asked and (host not in LOCAL or page.hostname in LOCAL)
    except ValueError:
        return False


def check_free(host: str, port: int) -> None:
    """Raise ValueError if nobody can listen there: viser would take another port without a word."""
    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ValueError(f'page.port: {host}:{port} came, a free port of this machine is wanted: '
                             f'{error.strerror or error}; add port:=<another>') from error
