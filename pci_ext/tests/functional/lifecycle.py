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

"""Servers with boot-time and hot-attached devices, on one or two hosts."""

from typing import Any
from typing import ClassVar

from pci_ext.tests.functional import test_attach

#: The devices of a host: two of the PCI flavor one, one of the PCI flavor two,
#: and one of the alias a1.
ONES = '{}:01:00.0', '{}:02:00.0'
TWO = '{}:03:00.0'
CRYPTO = '{}:04:00.0'


def host(domain: str) -> list[dict[str, Any]]:
    """Return the cards of a host, all in one PCI domain."""
    return [
        test_attach.GPU_1
        | {'address': [each.format(domain) for each in ONES]},
        test_attach.GPU_2 | {'address': TWO.format(domain)},
        test_attach.CRYPTO | {'address': CRYPTO.format(domain)},
    ]


class LifecycleTestCase(test_attach.AttachTestCase):
    """Two hosts; the devices of each are in a PCI domain of its own."""

    DOMAINS: ClassVar[dict[str, str]] = {'host-1': '0001', 'host-2': '0002'}
    HOSTS = {name: host(domain) for name, domain in DOMAINS.items()}

    def domains(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.HOSTS:
            for server, devices in self.guests(name).items():
                self.assertNotIn(server, found, 'runs on two hosts')
                found[server] = devices
        return found

    def other_host(self, name: str) -> str:
        [found] = set(self.DOMAINS) - {name}
        return found

    def boot_and_attach(self) -> str:
        """Boot a server with two, and attach one and the alias a1."""
        server = self.boot('1:two')
        self.assertEqual('Success', self.attach(server, '1:one'))
        self.assertEqual(
            'Success', self.attach(server, 'a1:1', test_attach.ALIAS)
        )
        return server

    def act_and_wait(
        self, server: str, action: str, argument: Any, *statuses: str
    ) -> None:
        """Act on a server, and wait until it has the last of the statuses.

        :param statuses: the statuses that it may have, in order
        """
        response = self.act(server, action, argument)
        self.assertIn(response.status, (200, 202, 204), response.data)
        allowed = {self.show(server)['status'], *statuses}

        def is_reached() -> bool:
            shown = self.show(server)
            self.assertIn(shown['status'], allowed, shown)
            return (
                shown['status'] == statuses[-1]
                and shown['OS-EXT-STS:task_state'] is None
            )

        self.wait_until(is_reached)
        # The action ends shortly after the status is shown.
        self.action_result(server, response)

    def flavor_id(self, name: str) -> str:
        [found] = [
            each['ID']
            for each in self.openstack('flavor', 'list')
            if each['Name'] == name
        ]
        return str(found)

    def resize(self, server: str, flavor: str) -> None:
        self.act_and_wait(
            server,
            'resize',
            {'flavorRef': self.flavor_id(flavor)},
            'RESIZE',
            'VERIFY_RESIZE',
        )

    def migrate(self, server: str) -> None:
        self.act_and_wait(server, 'migrate', None, 'RESIZE', 'VERIFY_RESIZE')

    def confirm(self, server: str) -> None:
        self.act_and_wait(server, 'confirmResize', None, 'ACTIVE')
        self.assertNoOtherDevicesInUse(server)

    def revert(self, server: str) -> None:
        self.act_and_wait(
            server, 'revertResize', None, 'REVERT_RESIZE', 'ACTIVE'
        )
        self.assertNoOtherDevicesInUse(server)

    def devices(self, server: str) -> dict[str, str]:
        """Return by address ``boot`` or ``hot``, as two responses agree."""

        def agreed() -> list[dict[str, str]]:
            path = f'/servers/{server}/os-pci-devices'
            marks = {
                device['address']: device['attached']
                for device in self.request('GET', path).json()['pci_devices']
            }
            shown = self.show(server)['pci_devices']
            same = sorted(marks) == [device['address'] for device in shown]
            return [marks] if same else []

        # A device can be freed between the two requests.
        [marks] = self.wait_until(agreed)
        return dict(marks)

    def assertHasDevices(self, server: str, name: str) -> None:
        """Check that a server is on a host, with the devices of that host."""
        domain = self.DOMAINS[name]
        self.assertEqual(name, self.host_of(server))
        marks = self.devices(server)
        [one] = set(marks) & {each.format(domain) for each in ONES}
        self.assertEqual(
            {
                one: 'hot',
                TWO.format(domain): 'boot',
                CRYPTO.format(domain): 'hot',
            },
            marks,
        )
        self.assertEqual(sorted(marks), self.domain(server))

    def assertNoOtherDevicesInUse(self, *servers: str) -> None:
        """Check that only the devices of the servers are in use."""
        expected = sorted(
            address for server in servers for address in self.devices(server)
        )
        total = sum(len(cards) + 1 for cards in self.HOSTS.values())
        self.wait_until(lambda: sorted(self.devices_in_use()) == expected)
        self.wait_until(lambda: self.free_count() == total - len(expected))

    def free_count(self) -> int:
        """Count the free devices in the pools, as the scheduler sees them."""
        shown = self.request('GET', '/os-pci-pools').json()
        return sum(pool['count'] for pool in shown['pci_pools'])

    def devices_in_use(self) -> list[str]:
        """Return the devices that are not free."""
        shown = self.request('GET', '/os-pci-devices').json()
        return [
            device['address']
            for device in shown['pci_devices']
            if device['status'] != 'available'
        ]
