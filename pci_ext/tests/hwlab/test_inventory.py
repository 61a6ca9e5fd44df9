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

"""The inventory that the driver reports on a real host."""

from pci_ext.claims import offered_devices
from pci_ext.tests.hwlab import base
from pci_ext.tests.hwlab import sysfs


class InventoryTest(base.TestCase):
    """The devices of the machine, as libvirt reports them to the driver."""

    def test_agrees_with_the_kernel(self) -> None:
        reported = self.reported()
        for address in *sysfs.nics(), *sysfs.siblings():
            vendor_id, product_id = sysfs.ids(address)
            self.assertEqual(vendor_id, reported[address]['vendor_id'])
            self.assertEqual(product_id, reported[address]['product_id'])
            self.assertEqual('type-PCI', reported[address]['dev_type'])
            self.assertEqual('020000', reported[address]['class'])

    def test_vfs_have_their_parent(self) -> None:
        reported = self.reported()
        pf = sysfs.pf()
        self.assertEqual('type-PF', reported[pf]['dev_type'])
        vfs = {
            address
            for address, device in reported.items()
            if device.get('parent_addr') == pf
        }
        self.assertEqual(set(sysfs.vfs(pf)), vfs)
        for address in vfs:
            self.assertEqual('type-VF', reported[address]['dev_type'])
            self.assertEqual(pf, sysfs.parent(address))

    def test_offers_devices_by_pci_information(self) -> None:
        nic, other_nic = sysfs.nics()
        pf = sysfs.pf()
        assert pf is not None
        self.conf.config(
            group='pci_ext',
            pci_information=[
                f'[{{"address": "{nic}"}}, {{"e.kind": "first"}}]',
                '[{"class": "0200.*", "product_id": "10D3"}, {}]',
                f'[{{"dev_type": "type-VF", "parent_addr": "{pf}"}},'
                ' {"e.kind": "vf"}]',
            ],
        )
        offered = {}
        whitelist = offered_devices.Whitelist()
        for address, device in self.reported().items():
            entry = whitelist.device_assignable(device)
            if entry is not None:
                entry.enhanced_pci_device_with_spec_tags(device)
                offered[address] = device.get('e.kind')
        expected = {nic: 'first'}
        expected |= dict.fromkeys([other_nic, *sysfs.siblings()])
        expected |= dict.fromkeys(sysfs.vfs(pf), 'vf')
        self.assertEqual(expected, offered)
