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

"""A fake compute and identity service, over HTTP."""

from http import server
import json
import threading

import fixtures

ROOT = '/v2.1'

#: The request id in every response.
REQUEST_ID = 'req-b5d5e6a4-3a4f-4d7e-8f1d-6f0c9b1f3b0e'

IDENTITY_ROOT = '/v3'


def version_documents(api):
    """Return the version documents, which the SDK requests first."""
    compute = {
        'id': 'v2.1',
        'status': 'CURRENT',
        'version': '2.100',
        'min_version': '2.1',
        'links': [{'rel': 'self', 'href': f'{api.endpoint}/'}],
    }
    identity = {
        'id': 'v3.14',
        'status': 'stable',
        'links': [{'rel': 'self', 'href': f'{api.identity}/'}],
    }
    return {
        '': {'version': compute},
        IDENTITY_ROOT: {'version': identity},
    }


class ComputeApi(fixtures.Fixture):
    """A fake compute and identity service that records its requests.

    :ivar endpoint: URL of the compute service
    :ivar identity: URL of the identity service
    :ivar responses: (status, body) by 'METHOD /path'; a body that is a str
        is sent unchanged, others as JSON
    :ivar requests: received requests: ('METHOD /path', body)
    :ivar versions: the header that chooses versions, of each request

    Paths are relative to the endpoint; paths of the identity service start
    with its version.
    """

    def __init__(self):
        self.responses = {}
        self.requests = []
        self.versions = []

    def _setUp(self):
        api = self

        class Handler(server.BaseHTTPRequestHandler):
            def respond(self):
                length = int(self.headers.get('Content-Length', 0))
                body = json.loads(self.rfile.read(length) or 'null')
                path = self.path.removeprefix(ROOT)
                request = f'{self.command} {path}'
                document = version_documents(api).get(path.rstrip('/'))
                if document:
                    status, content = 200, document
                else:
                    api.requests.append((request, body))
                    api.versions.append(
                        self.headers.get('OpenStack-API-Version')
                    )
                    status, content = api.responses.get(
                        request, (404, '<h1>404 Not Found</h1>')
                    )
                is_text = isinstance(content, str)
                self.send_response(status)
                self.send_header(
                    'Content-Type',
                    'text/html' if is_text else 'application/json',
                )
                self.send_header('x-openstack-request-id', REQUEST_ID)
                self.end_headers()
                if status != 204:
                    text = content if is_text else json.dumps(content)
                    self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = respond

            def log_message(self, *args):
                pass

        http_server = server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(http_server.server_close)
        thread = threading.Thread(
            target=http_server.serve_forever, kwargs={'poll_interval': 0.02}
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(http_server.shutdown)
        url = f'http://127.0.0.1:{http_server.server_port}'
        self.endpoint = f'{url}{ROOT}'
        self.identity = f'{url}{IDENTITY_ROOT}'
