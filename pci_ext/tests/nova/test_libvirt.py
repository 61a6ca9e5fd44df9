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

"""The libvirt driver on the libvirt fixtures of Nova."""

import contextlib
import threading

import fixtures
from lxml import etree
from nova import context
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.libvirt import base
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.api import compute_api
from pci_ext.api import visible_flavors
from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.nova import interfaces

FLAVORS = {
    'accelerator': {
        'vendor_id': fakelibvirt.PCI_VEND_ID,
        'product_id': fakelibvirt.PCI_PROD_ID,
        'dev_type': 'type-PCI',
    },
    'function': {'e.physical_network': 'X'},
    'card': {'dev_type': 'type-PF'},
}
FLAVORS['mobile'] = FLAVORS['accelerator']
LIVE_MIGRATION = {'mobile': 'hotplug'}


class LibvirtTestCase(base.ServersTestBase):
    ADDITIONAL_FILTERS = ['PciFlavorFilter']
    ADMIN_API = True
    microversion = 'latest'

    def setUp(self) -> None:
        conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        conf.config(
            group='filter_scheduler',
            available_filters=[
                'nova.scheduler.filters.all_filters',
                'pci_ext.scheduler.filters.all_filters',
            ],
        )
        conf.config(
            group='pci_ext',
            pci_information=[
                '[{"dev_type": "type-VF"}, {"e.physical_network": "X"}]',
                '[{"vendor_id": "8086"}, {}]',
            ],
        )
        self.source_threads: set[int] = set()
        # The tests use Nova's router, without the quota of our controllers.
        conf.config(group='quota', driver='nova.quota.NoopQuotaDriver')
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.compute.api.API', compute_api.ComputeAPI
            )
        )
        # The API is called in this thread, and without a database.
        resolving = from_flavor.resolving(self.source)
        resolving.__enter__()
        self.addCleanup(resolving.__exit__, None, None, None)
        self.useFixture(
            fixtures.MockPatchObject(
                visible_flavors, 'without_database', contextlib.nullcontext
            )
        )
        self.networks = self.useFixture(interfaces.Networks())
        self.useFixture(
            fixtures.MockPatchObject(
                fakelibvirt.Domain, 'managedSave', self.managed_save
            )
        )
        super().setUp()
        self.ctxt = context.get_admin_context()

    @staticmethod
    def managed_save(domain: fakelibvirt.Domain, flags: int) -> None:
        """Save a domain, which is not active afterwards."""
        domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF
        domain._connection._mark_not_running(domain)
        domain._has_saved_state = True

    def _setup_compute_service(self) -> None:
        self.flags(compute_driver='pci_ext.LibvirtDriver')

    def source(self, names: set[str]) -> list[pci_flavor.PciFlavor]:
        self.source_threads.add(threading.get_ident())
        return [
            pci_flavor.PciFlavor(
                uuid=getattr(uuids, name),
                name=name,
                specs=FLAVORS[name],
                live_migration=LIVE_MIGRATION.get(name, 'forbid'),
            )
            for name in names
        ]

    def boot(self, request: str, **kwargs) -> dict:
        flavor = self._create_flavor(
            extra_spec={'pci_passthrough:pci_flavor': request}
        )
        return self._create_server(flavor_id=flavor, networks='none', **kwargs)

    def devices_of(self, server: dict) -> set[str]:
        devices = objects.PciDeviceList.get_by_instance_uuid(
            self.ctxt, server['id']
        )
        self.assertEqual({'allocated'}, {item.status for item in devices})
        return {device.address for device in devices}

    def hostdevs_of(self, host: str, server: dict) -> set[str]:
        connection = self.computes[host].driver._host.get_connection()
        domain = connection.lookupByUUIDString(server['id'])
        return {
            '{}:{}:{}.{}'.format(
                *(
                    address.get(field).removeprefix('0x')
                    for field in ('domain', 'bus', 'slot', 'function')
                )
            )
            for address in etree.fromstring(domain.XMLDesc(0)).xpath(
                "devices/hostdev[@managed='yes']/source/address"
            )
        }


class LibvirtTest(LibvirtTestCase):
    def test_domain_has_the_devices(self) -> None:
        self.start_compute(
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                num_pci=2, num_pfs=1, num_vfs=2
            )
        )
        server = self.boot('2:accelerator;1:function')
        devices = self.devices_of(server)
        self.assertEqual(3, len(devices))
        self.assertEqual(devices, self.hostdevs_of('compute1', server))
        refused = self.boot('accelerator', expected_state='ERROR')
        self.assertIn('No valid host', refused['fault']['message'])

        self._delete_server(server)
        self.assertEqual(2, len(self.devices_of(self.boot('2:accelerator'))))

    def test_claims_devices_reported_to_placement(self) -> None:
        self.flags(group='pci', report_in_placement=True)
        self.start_compute(
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                num_pci=2, num_pfs=0, num_vfs=0
            )
        )
        server = self.boot('accelerator')
        self.assertEqual(1, len(self.devices_of(server)))
        resource_class = (
            f'CUSTOM_PCI_{fakelibvirt.PCI_VEND_ID}_{fakelibvirt.PCI_PROD_ID}'
        )
        self._run_periodics()
        used = [
            self._get_provider_usages(provider['uuid']).get(resource_class)
            for provider in self._get_all_providers()
        ]
        self.assertCountEqual([None, 0, 1], used)

    def test_restart_of_nova_compute_preserves_allocations(self) -> None:
        self.start_compute(pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=2))
        server = self.boot('accelerator')
        before = self.devices_of(server)
        self.restart_compute_service('compute1')
        self.assertEqual(before, self.devices_of(server))
        other = self.boot('accelerator')
        self.assertEqual(set(), before & self.devices_of(other))
        self.boot('accelerator', expected_state='ERROR')

    def test_resize_claims_the_devices_of_the_new_flavor(self) -> None:
        for host in ('compute1', 'compute2'):
            self.start_compute(
                hostname=host,
                pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=2),
            )
        server = self.boot('accelerator')
        flavor = self._create_flavor(
            extra_spec={'pci_passthrough:pci_flavor': '2:accelerator'}
        )
        # Nova's fixtures have no disks to move.
        with fixtures.MockPatch(
            'nova.virt.libvirt.driver.LibvirtDriver.'
            'migrate_disk_and_power_off',
            return_value='{}',
        ):
            self._resize_server(server, flavor)
        self._confirm_resize(server)
        host = self.api.get_server(server['id'])['OS-EXT-SRV-ATTR:host']
        self.assertEqual(2, len(self.devices_of(server)))
        self.assertEqual(
            self.devices_of(server), self.hostdevs_of(host, server)
        )
        # Only nova-api, in this thread, loads PCI flavors from the database.
        self.assertEqual({threading.get_ident()}, self.source_threads)
