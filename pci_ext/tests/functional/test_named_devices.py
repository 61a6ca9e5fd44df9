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
"""Named devices, as in CloudStack's proposal of 2013."""

from collections.abc import Mapping
import os
import signal
import time

from pci_ext.tests.functional import base

NIC = {'kind': 'nic', 'vendor_id': '8086', 'product_id': '10fb'}
CARD = NIC | {'address': ['0000:28:00.1', '0000:28:00.2']}
#: A card that is allocated as a PF or as two VFs.
WHOLE = NIC | {'address': '0000:81:00.0', 'dev_type': 'type-PF'}
VFS = {'count': 2, 'product_id': '10ed', 'offset': 1, 'stride': 1}
CONFIG = """
[DEFAULT]
update_resources_interval = 1
periodic_fuzzy_delay = 0
[pci_ext]
pci_devices = {}
first_fit_weight_multiplier = 10000
"""
NAMED = '28:00.1|10GE, 28:00.2|10GE'

#: By address: the status, the name, and whether the device is withdrawn.
Shown = Mapping[str, tuple[str, str | None, bool]]

ALL_FREE = {
    '0000:28:00.1': ('available', '10GE', False),
    '0000:28:00.2': ('available', '10GE', False),
}


class TestNamedDevices(base.TestCase):
    ALLINONE_ONLY = 'changes the files of a running all-in-one'

    HOSTS = {'host-1': [CARD], 'host-2': [CARD]}
    CONFIG = CONFIG.format(NAMED)

    def setUp(self) -> None:
        super().setUp()
        self.offer(NAMED)
        for host in self.HOSTS:
            self.wait_until_shown(host, ALL_FREE)

    def offer(self, pci_devices: str) -> None:
        """Change the list of named devices of the running hosts."""
        self.allinone.write_config(CONFIG.format(pci_devices))
        assert self.allinone.process is not None
        os.kill(self.allinone.process.pid, signal.SIGHUP)

    def shown(self, host: str) -> Shown:
        rows = self.openstack(
            'pci', 'device', 'list', '--long', '--host', host
        )
        return {
            row['Address']: (
                row['Status'],
                row['Properties'].get('e.name'),
                row['Withdrawn'],
            )
            for row in rows
            if row['Status'] != 'removed'
        }

    def wait_until_shown(self, host: str, expected: Shown) -> None:
        deadline = time.monotonic() + base.SERVER_TIMEOUT
        while (found := self.shown(host)) != expected:
            self.assertLess(time.monotonic(), deadline, found)
            time.sleep(0.2)

    def boot_by_name(self, names: str) -> str:
        flavor = self.create_flavor(names, key='pci_passthrough:pci_name')
        server_id = self.create_server(flavor)
        self.wait_while_building(server_id)
        return server_id

    def test_allocates_by_name_on_the_first_fitting_host(self) -> None:
        one = self.boot_by_name('10GE')
        two = self.boot_by_name('10GE,10GE')
        another = self.boot_by_name('10GE')
        self.assertEqual(
            ['host-1', 'host-2', 'host-1'],
            [self.host_of(server) for server in (one, two, another)],
        )
        self.assertAllocated(two, '0000:28:00.1', '0000:28:00.2')
        self.assertEqual(
            'ERROR', self.wait_while_building(self.boot_by_name('10GE'))
        )
        # The device of a deleted server is allocated again.
        self.delete_and_free(one)
        self.assertEqual('host-1', self.host_of(self.boot_by_name('10GE')))

    def test_periodic_scan_applies_changes(self) -> None:
        server = self.boot_by_name('10GE')
        [used] = self.allocations(server)
        [other] = {'0000:28:00.1', '0000:28:00.2'} - {used}
        self.offer(f'{other}|25GE')
        self.wait_until_shown(
            'host-1',
            {
                used: ('allocated', '10GE', True),
                other: ('available', '25GE', False),
            },
        )
        self.assertAllocated(server, used)
        self.delete_and_free(server)
        self.wait_until_shown('host-1', {other: ('available', '25GE', False)})
        self.assertEqual('host-1', self.host_of(self.boot_by_name('25GE')))

    def test_start_applies_changes(self) -> None:
        self.allinone.stop()
        self.allinone.write_config(CONFIG.format('28:00.2|40GE'))
        self.allinone.start()
        self.wait_until_shown(
            'host-2', {'0000:28:00.2': ('available', '40GE', False)}
        )

    def test_periodic_scan_finds_a_new_card(self) -> None:
        self.offer(f'{NAMED}, 29:00.1|10GE')
        more = CARD | {'address': [*CARD['address'], '0000:29:00.1']}
        self.addCleanup(self.allinone.write_hardware, self.HOSTS)
        self.allinone.write_hardware({'host-1': [CARD], 'host-2': [more]})
        self.wait_until_shown(
            'host-2',
            {**ALL_FREE, '0000:29:00.1': ('available', '10GE', False)},
        )

    def test_vfs_are_unavailable_while_their_pf_is_in_use(self) -> None:
        self.offer(f'{NAMED}, 81:00.0|whole, 81:00.1|part, 81:00.2|part')
        self.addCleanup(self.allinone.write_hardware, self.HOSTS)

        def set_card(card: base.Card, *statuses: str) -> None:
            self.allinone.write_hardware(
                {'host-1': [CARD, card], 'host-2': [CARD]}
            )
            expected = dict(ALL_FREE)
            for function, status in enumerate(statuses):
                name = 'part' if function else 'whole'
                expected[f'0000:81:00.{function}'] = (status, name, False)
            self.wait_until_shown('host-1', expected)

        with_parts = WHOLE | {'vfs': VFS}
        set_card(with_parts, *['available'] * 3)
        # New devices are in the database before they are in the pools.
        self.wait_until(
            lambda: any(
                row['Properties'].get('e.name') == 'whole'
                for row in self.openstack('pci', 'pool', 'list')
            )
        )
        self.create_pci_flavor('whole', dev_type='type-PF')
        server = self.boot('1:whole')
        # The VFs disappear while the guest has the PF.
        set_card(WHOLE, 'allocated')
        set_card(with_parts, 'allocated', 'unavailable', 'unavailable')
        self.delete_and_free(server)
        set_card(with_parts, *['available'] * 3)
        self.assertAllocated(
            self.boot_by_name('part,part'), '0000:81:00.1', '0000:81:00.2'
        )
        self.assertNoHost('1:whole')
