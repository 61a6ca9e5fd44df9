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

import json

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import host

from pci_ext import conf
from pci_ext import virt
from pci_ext.cmd.checks import offered_devices
from pci_ext.tests.component.cmd.checks import base
from pci_ext.virt import host_devices

GPU = {'kind': 'gpu', 'vendor_id': '10de', 'product_id': '20b0'}


class OfferedTestCase(base.CheckTestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.register_opts()
        self.flags(compute_driver='pci_ext.FakeDriver', host='host1')
        path = self.useFixture(fixtures.TempDir()).join('hardware.json')
        card = GPU | {'address': ['0000:3b:00.0', '0000:5e:00.0']}
        other = GPU | {'product_id': '20b5', 'address': '0000:5f:00.0'}
        with open(path, 'w') as file:
            json.dump(
                {
                    'hosts': [
                        {'name': 'host1', 'cards': [card]},
                        {'name': 'host2', 'cards': [other]},
                    ]
                },
                file,
            )
        self.flags(group='pci_ext', fake_hardware=path)

    def offer(self, *entries: str, devices: tuple[str, ...] = ()) -> None:
        self.flags(
            group='pci_ext',
            pci_information=list(entries),
            pci_devices=list(devices),
        )

    def test_succeeds_if_all_entries_match(self) -> None:
        self.offer(
            '[{"address": "0000:3b:00.0"}, {}]',
            '[{"vendor_id": "10de"}, {"e.group": "gpu"}]',
        )
        self.assert_success(offered_devices.entries_match)

    def test_warns_of_an_entry_without_devices(self) -> None:
        entry = '[{"vendor_id": "10de", "product_id": "20b5"}, {}]'
        self.offer('[{"vendor_id": "10de"}, {}]', entry)
        details = self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            f'The entry {entry} matches no device of this host.',
            'Correct the entries',
        )
        self.assertNotIn('[{"vendor_id": "10de"}, {}]', details)

    def test_names_a_property_that_no_device_has(self) -> None:
        entry = '[{"vender_id": "10de"}, {}]'
        self.offer(entry)
        self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            f'The entry {entry} matches no device: none has a property '
            'vender_id.',
        )

    def test_warns_of_an_entry_hidden_by_earlier_entries(self) -> None:
        entry = '[{"product_id": "20b0"}, {}]'
        self.offer('[{"vendor_id": "10de"}, {}]', entry)
        self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            f'All devices that the entry {entry} matches belong to entries '
            'before it.',
        )

    def test_device_spec_of_nova_whose_devices_belong_to_an_entry(self):
        self.flags(
            group='pci',
            device_spec=[
                '{"vendor_id": "10de", "physical_network": "net"}',
            ],
        )
        self.offer('[{"vendor_id": "10de"}, {"e.group": "gpu"}]')
        self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            'All devices that the entry {"vendor_id": "10de", '
            '"physical_network": "net"} of [pci] device_spec matches belong',
        )

    def test_domain_that_nova_cannot_record(self) -> None:
        self.patch(
            host_devices,
            'devices',
            lambda: [GPU | {'address': '10000:e1:00.0'}],
        )
        self.offer('[{"vendor_id": "10de"}, {}]')
        self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            'have a PCI domain of more than 16 bits',
        )

    def test_warns_of_a_named_device_that_is_missing(self) -> None:
        self.offer(
            '[{"product_id": "20b0"}, {}]', devices=('3b:00.0|A', '5f:00.0|B')
        )
        details = self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            'The entry 5f:00.0|B matches no device',
        )
        self.assertNotIn('3b:00.0|A', details)

    def test_fails_with_an_invalid_entry(self) -> None:
        self.offer('[{"vendor_id": "10de"}')
        self.assert_problem(
            base.FAILURE,
            offered_devices.entries_match,
            'Invalid entry in [pci_ext] pci_information',
            'it is not JSON',
            'The services do not start',
        )

    def test_succeeds_if_no_devices_are_offered(self) -> None:
        self.flags(compute_driver=None)
        self.assert_problem(
            base.SUCCESS,
            offered_devices.entries_match,
            'offers no PCI devices',
        )

    def test_fails_with_another_driver(self) -> None:
        self.offer('[{"vendor_id": "10de"}, {}]')
        for driver in ('libvirt.LibvirtDriver', 'pci_ext.LibVirtDriver'):
            self.flags(compute_driver=driver)
            self.assert_problem(
                base.FAILURE,
                offered_devices.entries_match,
                f'compute_driver is {driver}',
                'pci_ext.LibvirtDriver',
            )

    def test_warns_of_a_missing_hardware_file(self) -> None:
        self.offer('[{"vendor_id": "10de"}, {}]')
        self.flags(group='pci_ext', fake_hardware='/nowhere.yaml')
        self.assert_problem(
            base.WARNING, offered_devices.entries_match, '/nowhere.yaml'
        )


class LibvirtTestCase(base.CheckTestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.register_opts()
        self.flags(compute_driver='pci_ext.LibvirtDriver')
        self.flags(
            group='pci_ext',
            pci_information=[
                '[{"dev_type": "type-PF", "vendor_id": "8086"}, {}]',
                '[{"vendor_id": "10de"}, {}]',
            ],
        )
        self.useFixture(fakelibvirt.LibvirtFixture())

    def test_compares_entries_with_devices_of_libvirt(self) -> None:
        connection = fakelibvirt.Connection(
            'qemu:///system',
            True,
            pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=1),
        )
        self.patch(host.Host, 'get_connection', lambda self: connection)
        details = self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            'The entry [{"vendor_id": "10de"}, {}] matches no device',
        )
        self.assertNotIn('8086', details)

    def test_fails_without_libvirt_python(self) -> None:
        self.patch(virt, '_DRIVERS', {'LibvirtDriver': 'no_libvirt'})
        self.assert_problem(
            base.FAILURE,
            offered_devices.entries_match,
            "No module named 'no_libvirt'",
            'install pci_ext[libvirt]',
        )

    def test_warns_if_libvirt_does_not_answer(self) -> None:
        def refuse(uri: str, auth: object, flags: int) -> None:
            raise fakelibvirt.libvirtError('Failed to connect socket')

        self.patch(fakelibvirt, 'openAuth', refuse)
        self.assert_problem(
            base.WARNING,
            offered_devices.entries_match,
            'cannot be told: Failed to connect socket',
        )
