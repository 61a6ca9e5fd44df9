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

"""The driver of simulated hosts, after a restart of nova-compute."""

import functools
import os

from nova import objects
from nova.compute import power_state
from nova.db.main import api as db
import yaml

from pci_ext import exception
from pci_ext.tests.component.compute import base


class FakeDriverTestCase(base.HostTestCase):
    def test_starts_a_stopped_server_after_a_restart(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        self.compute.driver._domains.stop(server)
        self.start()
        driver, instance = self.compute.driver, self.instance(server)
        driver.power_on(self.context, instance, [])
        self.assertEqual({address}, driver.attached_pci(instance))
        self.assertEqual(power_state.RUNNING, driver.get_info(instance).state)

    def test_deleted_record_of_a_device_that_another_server_has(self) -> None:
        server = self.create_server(devices=4)
        *kept, lost = self.devices(server)
        # As Nova leaves the row of a device that it frees and removes.
        db.pci_device_destroy(self.context, self.node.id, lost)
        # No other guest gets the device while this one has it.
        self.compute.driver._domains.stop(server)
        self.start()
        other = self.create_server()
        self.assertEqual([lost], self.devices(other))

        driver = self.compute.driver
        instance = self.load_lazily(server)
        driver._start_domain(instance)
        self.assertEqual(set(kept), driver.attached_pci(instance))
        instance = self.load_lazily(server)
        driver.suspend(self.context, instance)
        self.assertEqual(
            kept, sorted(device.address for device in instance.pci_devices)
        )

        # When nova-compute starts guests there is no tracker yet.
        self.compute.rt.pci_tracker = None
        instance = self.load_lazily(server)
        driver.resume(self.context, instance, [])
        self.assertEqual(set(kept), driver.attached_pci(instance))

    def test_devices_on_another_host(self) -> None:
        """A host that is away still has those of an evacuated server."""
        server = self.create_server()
        [own] = self.devices(server)
        other = next(each for each in self.ADDRESSES if each != own)
        device = objects.PciDevice.create(
            self.context,
            {
                **base.GPU,
                'address': other,
                'compute_node_id': self.node.id + 1,
                'dev_type': 'type-PCI',
                'dev_id': other,
                'label': 'label_8086_0001',
                'numa_node': None,
                'parent_addr': None,
            },
        )
        device.instance_uuid, device.status = server, 'allocated'
        device.save()
        # When nova-compute starts guests there is no tracker yet.
        self.compute.rt.pci_tracker = None
        instance = self.instance(server)
        self.assertEqual(2, len(instance.pci_devices))
        self.compute.driver._domains.stop(server)
        self.compute.driver._start_domain(instance)
        self.assertEqual({own}, self.compute.driver.attached_pci(instance))

    def test_devices_without_a_request(self) -> None:
        """Those of before a resize, and those whose request was lost."""
        server = self.create_server()
        [own] = self.devices(server)
        instance = self.instance(server)
        self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=server, requests=[self.request(1)]
            ),
            None,
        )
        self.compute.rt.allocate_pci_devices_for_instance(
            self.context, instance
        )
        instance = self.instance(server)
        self.assertEqual(2, len(instance.pci_devices))
        self.compute.driver._domains.stop(server)
        self.compute.driver._start_domain(instance)
        self.assertEqual({own}, self.compute.driver.attached_pci(instance))

    def write_hardware(self, card: dict[str, str]) -> None:
        path = os.path.join(self.directory, 'hardware.yaml')
        with open(path, 'w', encoding='utf-8') as stream:
            yaml.safe_dump(
                {'hosts': [{'name': base.HOST, 'cards': [card]}]},
                stream,
            )
        # Its time may not differ from that of the file that it replaces.
        self.compute.driver._inventory._modified = None
        self.conf.config(group='pci_ext', fake_hardware=path)

    def test_device_that_is_another_one_or_gone(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        driver, instance = self.compute.driver, self.instance(server)
        other = {'kind': 'gpu', 'vendor_id': '10de', 'product_id': '20b0'}
        for present, expected in (
            ('0000:7f:00.0', 'the host does not have it'),
            (address, 'is 10de:20b0 now, and the server has 8086:0001'),
        ):
            self.write_hardware({**other, 'address': present})
            for start in (
                functools.partial(driver._start_domain, instance),
                functools.partial(
                    driver.attach_pci,
                    self.context,
                    instance,
                    instance.pci_devices,
                ),
            ):
                error = self.assertRaises(exception.PciAttachFailed, start)
                self.assertIn(f'PCI device {address}', str(error))
                self.assertIn(expected, str(error))

    def load_lazily(self, server: str) -> objects.Instance:
        """Load a server, whose devices then include those of deleted rows."""
        instance = objects.Instance.get_by_uuid(
            self.context, server, expected_attrs=['pci_requests']
        )
        self.assertEqual(4, len(instance.pci_devices))
        return instance

    def test_refuses_an_unknown_fault(self) -> None:
        server = self.create_server()
        self.inject_faults(releases={'0000:01:00.0': 1})
        error = self.assertRaises(
            ValueError,
            self.compute.driver.check_pci_slots,
            self.instance(server),
            1,
        )
        self.assertIn('unknown faults releases; known are', str(error))
