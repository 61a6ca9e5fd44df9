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

"""Base of the tests of the stub of neutron."""

import os
from typing import Any

import fixtures
from oslotest import base
import webob

from pci_ext.cmd.allinone import network


class TestCase(base.BaseTestCase):
    """A test of the stub of neutron."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.token = 'alice:project:member'
        self.path = os.path.join(directory, 'networks')

    def send(self, method: str, path: str, body: object = None) -> Any:
        request = webob.Request.blank(f'/v2.0{path}', method=method)
        request.headers['X-Auth-Token'] = self.token
        if body is not None:
            request.json = body
        # A new instance for each request: the state has to be stored.
        return request.get_response(network.Network(self.path))

    def create(self, kind: str, **values: Any) -> dict[str, Any]:
        """Create a resource, and return it."""
        path = f'/{kind.replace("_", "-")}s'
        response = self.send('POST', path, {kind: values})
        self.assertEqual(201, response.status_int, response.text)
        return dict(response.json[kind])
