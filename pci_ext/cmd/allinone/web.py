# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""One HTTP server for the WSGI applications of all services."""

from collections.abc import Callable
from collections.abc import Iterable
import socketserver
import threading
from typing import Any
from wsgiref import simple_server

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PortUnavailable(Exception):
    """The server cannot listen on the port; has the port and the reason."""


class _ThreadingServer(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # Without looking up the name of the host, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name = '127.0.0.1'
        self.server_port = self.socket.getsockname()[1]
        self.setup_environ()


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Log nothing: each service logs its requests."""

    def address_string(self) -> str:
        return str(self.client_address[0])


class Server:
    """Serves each application below a path of its own, in threads.

    Use as a context manager, which stops it.

    :param port: TCP port on the loopback interface; 0 takes one that is free
    :raises PortUnavailable: if the port is taken or is none
    """

    def __init__(self, port: int) -> None:
        self._mounts: dict[str, Application] = {}
        try:
            self._server = _ThreadingServer(('127.0.0.1', port), _Handler)
        except (OSError, OverflowError) as error:
            raise PortUnavailable(f'port {port}: {error}') from error
        self._server.set_app(self._dispatch)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, name='web', daemon=True
        )

    def __enter__(self) -> 'Server':
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def mount(self, name: str, application: Application) -> None:
        """Serve an application below ``/name``."""
        self._mounts[name] = application

    def _dispatch(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        _, _, path = environ['PATH_INFO'].partition('/')
        name, slash, rest = path.partition('/')
        application = self._mounts.get(name)
        if application is None:
            start_response('404 Not Found', [('Content-Type', 'text/plain')])
            return [f'Services: {" ".join(self._mounts)}\n'.encode()]
        environ['SCRIPT_NAME'] += f'/{name}'
        environ['PATH_INFO'] = slash + rest
        return application(environ, start_response)
