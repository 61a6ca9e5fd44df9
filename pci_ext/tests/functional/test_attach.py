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

"""Attach PCI devices to existing servers, and detach them."""

import functools
import json
import re
from typing import Any

import fixtures
import yaml

from pci_ext.tests import tags
from pci_ext.tests.functional import fault_injection
from pci_ext.tests.functional import shell

PCI_FLAVOR = 'pci_passthrough:pci_flavor'
ALIAS = 'pci_passthrough:alias'

MEMBER = 'pci-ext-member'

GPU_1 = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': ['0000:01:00.0', '0000:02:00.0'],
}
GPU_2 = GPU_1 | {'product_id': '0002', 'address': '0000:03:00.0'}
CRYPTO = {
    'kind': 'crypto',
    'vendor_id': '8086',
    'product_id': '0443',
    'address': '0000:04:00.0',
}

DEVICE = {'dev_id': 'pci_0000_03_00_0'}
ATTACH = 'attach_pci', {PCI_FLAVOR: '1:one'}
DETACH = 'detach_pci', [DEVICE]

CONFIG = """
[pci_ext]
pci_information = [{"vendor_id": "8086"}, {}]
pci_flavor_attrs = product_id, vendor_id
fake_faults = %(faults)s

[pci]
alias = {"vendor_id": "8086", "product_id": "0443", "name": "a1", \
"device_type": "type-PCI"}
"""


class AttachTestCase(fault_injection.FaultInjectionTestCase):
    """One host, with faults that a test injects."""

    TEMPLATE = CONFIG
    HOSTS = {'host-1': [GPU_1, GPU_2, CRYPTO]}

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('one', vendor_id='8086', product_id='0001')
        self.create_pci_flavor('two', vendor_id='8086', product_id='0002')

    def act(self, server: str, action: str, argument: Any) -> Any:
        return self.request(
            'POST', f'/servers/{server}/action', {action: argument}
        )

    def attach(self, server: str, value: str, key: str = PCI_FLAVOR) -> str:
        """Attach devices, and return the result of the action."""
        response = self.act(server, 'attach_pci', {key: value})
        self.assertEqual(202, response.status, response.data)
        return self.action_result(server, response)

    def detach(self, server: str, *addresses: str) -> str:
        """Detach devices, and return the result of the action."""
        response = self.act(
            server, 'detach_pci', [dev_id(each) for each in addresses]
        )
        self.assertEqual(202, response.status, response.data)
        return self.action_result(server, response)

    def domains(self) -> dict[str, list[str]]:
        """Return the devices of each domain, by server."""
        return self.guests('host-1')

    def domain(self, server: str) -> list[str] | None:
        """Return the devices of the domain of a server, None without one."""
        return self.domains().get(server)

    def pools(self) -> dict[str, int]:
        """Return the number of free devices in the pools, by product id."""
        [row] = self.cloud.query(
            'SELECT pci_stats FROM compute_nodes '
            "WHERE host = 'host-1' AND deleted = 0"
        )
        pools = json.loads(row[0])['nova_object.data']['objects']
        return {
            pool['nova_object.data']['product_id']: pool['nova_object.data'][
                'count'
            ]
            for pool in pools
            if pool['nova_object.data']['count']
        }

    def assertDevices(self, server: str, *addresses: str) -> None:
        """Check the devices in the database, API and domain, and the task."""
        self.assertAllocated(server, *addresses)
        self.assertEqual(sorted(addresses), self.domain(server))
        self.assertIdle(server)

    def assertIdle(self, server: str) -> None:
        shown = self.request('GET', f'/servers/{server}').json()['server']
        self.assertIsNone(shown['OS-EXT-STS:task_state'])

    def wait_for_allocations(self, server: str, *addresses: str) -> None:
        """Wait until a server has only these devices, and no task state."""
        self.wait_until(lambda: self.allocations(server) == list(addresses))
        self.wait_until(
            lambda: self.show(server)['OS-EXT-STS:task_state'] is None
        )

    def assertRefusal(
        self, status: int, text: str, server: str, action: str, argument: Any
    ) -> None:
        """Check that an action is refused with a status and a message."""
        response = self.act(server, action, argument)
        [error] = response.json().values()
        self.assertEqual(status, response.status, error)
        self.assertIn(text, error['message'])


def dev_id(address: str) -> dict[str, str]:
    return {'dev_id': 'pci_' + address.replace(':', '_').replace('.', '_')}


@tags.tag(tags.DEPLOY_SHORT, tags.NOVA33_SHORT)
class TestAttach(AttachTestCase):
    def test_attaches_by_pci_flavor(self) -> None:
        server = self.boot('1:two')
        self.assertEqual({'0001': 2, '0443': 1}, self.pools())
        self.assertEqual('Success', self.attach(server, '2:one'))
        self.assertDevices(
            server, '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'
        )
        self.wait_until(lambda: self.pools() == {'0443': 1})
        self.assertEqual('Success', self.detach(server, '0000:01:00.0'))
        self.assertDevices(server, '0000:02:00.0', '0000:03:00.0')
        self.wait_until(lambda: self.pools() == {'0001': 1, '0443': 1})
        self.assertEqual(
            'Success', self.detach(server, '0000:02:00.0', '0000:03:00.0')
        )
        self.assertDevices(server)
        self.wait_until(
            lambda: self.pools() == {'0001': 2, '0002': 1, '0443': 1}
        )

    def test_attaches_by_alias(self) -> None:
        server = self.boot('1:two')
        self.assertEqual('Success', self.attach(server, 'a1:1', ALIAS))
        self.assertDevices(server, '0000:03:00.0', '0000:04:00.0')

    def test_attaches_an_alternative(self) -> None:
        server = self.boot('2:one')
        self.assertEqual('Success', self.attach(server, '1:one,two'))
        self.assertDevices(
            server, '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'
        )

    def test_command_attaches_and_detaches(self) -> None:
        server = self.boot('1:two')
        run = self.shell.run
        run('server', 'add', 'pci', '--wait', server, '--pci-flavor', '2:one')
        self.assertDevices(
            server, '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'
        )
        devices = [each['Device ID'] for each in self.listed(server)]
        run('server', 'remove', 'pci', '--wait', server, *devices[:2])
        self.assertDevices(server, '0000:03:00.0')
        self.inject_faults(busy=['0000:01:00.0'])
        self.assertRefused(
            'in use',
            *('server', 'add', 'pci', '--wait', server),
            *('--pci-flavor', '2:one'),
        )
        self.assertRefused(
            'does not have 3 free PCI devices',
            *('server', 'add', 'pci', server, '--pci-flavor', '3:one'),
        )

    def test_member_attaches_and_detaches(self) -> None:
        # The default of a user who selects no microversion of Nova.
        with open(self.cloud.clouds_yaml, encoding='utf-8') as stream:
            clouds = yaml.safe_load(stream)
        del clouds['clouds'][MEMBER]['compute_api_version']
        path = self.useFixture(fixtures.TempDir()).join('clouds.yaml')
        with open(path, 'w', encoding='utf-8') as stream:
            yaml.safe_dump(clouds, stream)
        run = functools.partial(shell.Shell(path).run, cloud=MEMBER)
        server = self.create_server(self.create_flavor('1:two'), cloud=MEMBER)
        self.wait_for(server, 'ACTIVE')
        run('server', 'add', 'pci', '--wait', server, '--pci-flavor', '2:one')
        self.assertDevices(
            server, '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'
        )
        run('server', 'remove', 'pci', '--wait', server, DEVICE['dev_id'])
        self.assertDevices(server, '0000:01:00.0', '0000:02:00.0')

    def test_shows_errors_to_a_member(self) -> None:
        server = self.create_server(self.create_flavor('1:two'), cloud=MEMBER)
        self.wait_for(server, 'ACTIVE')
        self.inject_faults(
            busy=['0000:01:00.0'],
            release_delay={'0000:03:00.0': 'never'},
            timeout=0.2,
        )
        error = self.assertRefused(
            'The action failed. An administrator can see why',
            *('server', 'add', 'pci', '--wait', server),
            *('--pci-flavor', '2:one'),
            cloud=MEMBER,
        )
        [request_id] = re.findall(r'\(Request-ID: (req-[-0-9a-f]+)\)', error)
        show = 'server', 'event', 'show', server, request_id
        [event] = self.openstack(*show)['events']
        self.assertIn('in use', event['details'])
        [event] = self.openstack(*show, cloud=MEMBER)['events']
        self.assertIsNone(event['details'])
        self.assertRefused(
            'The device was not detached: the guest has not released it.',
            *('server', 'remove', 'pci', '--wait', server),
            DEVICE['dev_id'],
            cloud=MEMBER,
        )

    def listed(self, server: str) -> list[dict[str, str]]:
        return list(self.openstack('server', 'pci', 'list', server))

    def test_records_the_actions(self) -> None:
        server = self.boot('1:two')
        self.attach(server, '2:one')
        self.detach(server, '0000:03:00.0')
        actions = self.request(
            'GET', f'/servers/{server}/os-instance-actions'
        ).json()['instanceActions']
        self.assertEqual(
            [('detach_pci', None), ('attach_pci', None), ('create', None)],
            [(action['action'], action['message']) for action in actions],
        )

    def test_survives_stop_and_start(self) -> None:
        server = self.boot('1:two')
        self.attach(server, 'a1:1', ALIAS)
        self.act(server, 'os-stop', None)
        self.wait_for(server, 'SHUTOFF', 'ACTIVE')
        self.assertIsNone(self.domain(server))
        self.act(server, 'os-start', None)
        self.wait_for(server, 'ACTIVE', 'SHUTOFF')
        self.assertDevices(server, '0000:03:00.0', '0000:04:00.0')

    def test_attaches_to_a_stopped_server(self) -> None:
        server = self.boot('1:two')
        self.act(server, 'os-stop', None)
        self.wait_for(server, 'SHUTOFF', 'ACTIVE')
        self.assertEqual('Success', self.attach(server, 'a1:1', ALIAS))
        self.assertEqual('Success', self.detach(server, '0000:03:00.0'))
        self.assertAllocated(server, '0000:04:00.0')
        self.act(server, 'os-start', None)
        self.wait_for(server, 'ACTIVE', 'SHUTOFF')
        self.assertDevices(server, '0000:04:00.0')

    def test_attaches_to_a_paused_server(self) -> None:
        server = self.boot('1:two')
        self.act(server, 'pause', None)
        self.wait_for(server, 'PAUSED', 'ACTIVE')
        self.assertEqual('Success', self.attach(server, 'a1:1', ALIAS))
        self.assertDevices(server, '0000:03:00.0', '0000:04:00.0')

    def test_delete_frees_the_devices(self) -> None:
        server = self.boot('1:two')
        self.attach(server, 'a1:1', ALIAS)
        self.delete_and_free(server)
        self.assertEqual([], self.allocations())


class TestRefusals(AttachTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.boot('1:two')

    def assertRefused(  # type: ignore[override]
        self, status: int, text: str, action: str, argument: Any
    ) -> None:
        """Check that an action is refused and changes nothing."""
        self.assertRefusal(status, text, self.server, action, argument)
        self.assertDevices(self.server, '0000:03:00.0')
        self.assertEqual(['0000:03:00.0'], self.allocations())

    def test_refuses_more_devices_than_are_free(self) -> None:
        self.assertRefused(409, '3:one', 'attach_pci', {PCI_FLAVOR: '3:one'})
        self.assertRefused(
            409, '1:two', 'attach_pci', {PCI_FLAVOR: '1:one;1:two'}
        )

    def test_refuses_an_unknown_device(self) -> None:
        for other in ('pci_0000_01_00_0', 'x'):
            self.assertRefused(
                404, other, 'detach_pci', [DEVICE, {'dev_id': other}]
            )

    def test_refuses_invalid_requests(self) -> None:
        for argument in (
            {},
            {PCI_FLAVOR: ''},
            {PCI_FLAVOR: '1:nosuch'},
            {PCI_FLAVOR: '1:one', 'pci_passthrough:other': '1:one'},
            {PCI_FLAVOR: '999:one'},
            {PCI_FLAVOR: 1},
            {ALIAS: 'nosuch:1'},
            {ALIAS: 'a1'},
            {ALIAS: 'a1:0'},
        ):
            self.assertRefused(400, '', 'attach_pci', argument)
        for argument in ({}, [], [{}], [DEVICE | {'x': 'y'}], ['x']):
            self.assertRefused(400, '', 'detach_pci', argument)

    def test_refuses_more_devices_than_free_root_ports(self) -> None:
        self.inject_faults(root_ports=2)
        self.assertRefused(
            409, 'num_pcie_ports', 'attach_pci', {PCI_FLAVOR: '2:one'}
        )

    def test_refuses_a_suspended_server(self) -> None:
        self.act(self.server, 'suspend', None)
        self.wait_for(self.server, 'SUSPENDED', 'ACTIVE')
        for action, argument in ATTACH, DETACH:
            self.assertRefusal(409, 'suspended', self.server, action, argument)
        # A suspended server has no domain.
        self.assertEqual(['0000:03:00.0'], self.allocations())

    def test_refuses_a_locked_server(self) -> None:
        self.act(self.server, 'lock', None)
        member = {'X-Auth-Token': self.cloud.token('pci-ext-admin-member')}
        for action, argument in ATTACH, DETACH:
            response = self.request(
                'POST',
                f'/servers/{self.server}/action',
                {action: argument},
                **member,
            )
            self.assertEqual(409, response.status, response.data)
            self.assertIn(b'locked', response.data)
        self.act(self.server, 'unlock', None)
        self.assertDevices(self.server, '0000:03:00.0')

    def test_refuses_a_reader(self) -> None:
        reader = {'X-Auth-Token': self.cloud.token('pci-ext-admin-reader')}
        for action, argument in ATTACH, DETACH:
            response = self.request(
                'POST',
                f'/servers/{self.server}/action',
                {action: argument},
                **reader,
            )
            self.assertEqual(403, response.status, response.data)
        self.assertDevices(self.server, '0000:03:00.0')

    def test_refuses_during_another_task(self) -> None:
        # The requests below must end before the detach, on a slow machine too.
        self.inject_faults(release_delay={'0000:03:00.0': 10}, timeout=20)
        response = self.act(self.server, *DETACH)
        self.assertEqual(202, response.status, response.data)
        for action, argument in ATTACH, DETACH, ('reboot', {'type': 'HARD'}):
            self.assertRefusal(
                409, 'detaching_pci', self.server, action, argument
            )
        self.assertEqual('Success', self.action_result(self.server, response))
        self.assertDevices(self.server)


@tags.tag(tags.NOVA33_SHORT)
class TestGuests(AttachTestCase):
    """Guests that release a device slowly, late or never."""

    def test_boot_fails_with_a_busy_device(self) -> None:
        self.inject_faults(busy=['0000:03:00.0'])
        server = self.create_server(self.create_flavor('1:two'))
        fault = self.wait_for(server, 'ERROR')['fault']
        # The message of Nova, with the reason from the host.
        self.assertIn('Exhausted all hosts', fault['message'])
        self.assertIn(
            'PCI device 0000:03:00.0 was not attached: in use by the host',
            fault['message'],
        )
        self.assertAllocated(server)

    def test_attach_fails_with_a_busy_device(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(busy=['0000:02:00.0'])
        self.assertEqual('Error', self.attach(server, '2:one'))
        self.assertDevices(server, '0000:03:00.0')
        self.wait_until(lambda: self.pools() == {'0001': 2, '0443': 1})

    def test_detaches_from_a_slow_guest(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(release_delay={'0000:03:00.0': 0.5})
        self.assertEqual('Success', self.detach(server, '0000:03:00.0'))
        self.assertDevices(server)

    def test_frees_a_device_released_after_the_timeout(self) -> None:
        server = self.boot('2:one')
        self.inject_faults(release_delay={'0000:02:00.0': 8}, timeout=0.5)
        self.assertEqual(
            'Error', self.detach(server, '0000:01:00.0', '0000:02:00.0')
        )
        self.wait_for_allocations(server, '0000:01:00.0')
        self.assertDevices(server, '0000:01:00.0')

    def test_detach_fails_with_an_unresponsive_guest(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(
            release_delay={'0000:03:00.0': 'never'}, timeout=0.2
        )
        self.assertEqual('Error', self.detach(server, '0000:03:00.0'))
        self.assertDevices(server, '0000:03:00.0')
        (shown,) = self.openstack('server', 'pci', 'list', '--long', server)
        self.assertIn('0000:03:00.0 was not detached', shown['Last Error'])
        self.inject_faults()
        self.assertEqual('Success', self.detach(server, '0000:03:00.0'))
        self.assertDevices(server)

    def test_undoes_an_attach_with_a_slow_guest(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(
            busy=['0000:02:00.0'],
            release_delay={'0000:01:00.0': 2},
            timeout=0.5,
        )
        self.assertEqual('Error', self.attach(server, '2:one'))
        self.wait_for_allocations(server, '0000:03:00.0')
        self.assertDevices(server, '0000:03:00.0')
