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

"""Access of each role, with tokens of keystone."""

from typing import Any

import ddt

from pci_ext.tests import tags
from pci_ext.tests.deployment import base

#: By cloud of clouds.yaml, the status of each request.
READ = {
    'pci-ext': 200,
    'pci-ext-member': 200,
    'pci-ext-reader': 200,
    'pci-ext-other': 200,
}
ADMIN_ONLY = {
    'pci-ext': 200,
    'pci-ext-member': 403,
    'pci-ext-reader': 403,
    'pci-ext-other': 403,
}


@ddt.ddt
@tags.tag(tags.DEPLOY_SHORT)
class TestRoles(base.HostsTestCase):
    def status_for(
        self, cloud: str, method: str, path: str, body: Any = None
    ) -> int:
        """Return the status of the response to a user."""
        response = self.connect(cloud).compute.request(
            path, method, json=body, raise_exc=False
        )
        return int(response.status_code)

    def assertStatuses(
        self, expected: dict[str, int], method: str, path: str, body: Any
    ) -> None:
        found = {
            cloud: self.status_for(cloud, method, path, body)
            for cloud in expected
        }
        self.assertEqual(expected, found)

    @ddt.data('/os-pci', '/os-pci-flavors', '/os-pci-flavors/0')
    def test_all_roles_read_pci_flavors(self, path: str) -> None:
        self.assertStatuses(READ, 'GET', path, None)

    @ddt.data('/os-pci-pools', '/os-pci-devices')
    def test_only_administrators_read_the_inventory(self, path: str) -> None:
        self.assertStatuses(ADMIN_ONLY, 'GET', path, None)

    def test_only_administrators_change_pci_flavors(self) -> None:
        path = '/os-pci-flavors'
        for expected, method, where, body in (
            # No host offers a device, so there is no attribute to select by.
            (400, 'POST', path, {'name': 'a', 'specs': {'vendor_id': '8086'}}),
            (404, 'PUT', f'{path}/nosuch', {'description': 'a'}),
            (404, 'DELETE', f'{path}/nosuch', None),
        ):
            self.assertStatuses(
                {**ADMIN_ONLY, 'pci-ext': expected},
                method,
                where,
                body and {'pci_flavor': body},
            )

    def test_members_attach_devices(self) -> None:
        server = self.boot(self.connect('pci-ext-member'))
        body = {'attach_pci': {'pci_passthrough:pci_flavor': '1:nosuch'}}
        self.assertStatuses(
            {
                # The policy allows the request; the PCI flavor does not exist.
                'pci-ext': 400,
                'pci-ext-member': 400,
                'pci-ext-reader': 403,
                # Other projects cannot see the server.
                'pci-ext-other': 404,
            },
            'POST',
            f'/servers/{server.id}/action',
            body,
        )

    def test_refuses_a_request_without_a_token(self) -> None:
        session = self.connect('pci-ext').session
        response = session.get(
            f'{self.state.url("nova-api")}/v2.1/os-pci-flavors',
            authenticated=False,
            raise_exc=False,
        )
        self.assertEqual(401, response.status_code)
