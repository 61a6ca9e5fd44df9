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

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import fixtures
from nova import exception as nova_exception
from nova import objects
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.tests.component.compute import base
from pci_ext.virt.fake import hardware_cards

PF, VF_1, VF_2 = (f'0000:81:00.{function}' for function in range(3))


class TrackerTest(base.HostTestCase):
    def scan(self, *named: str, is_saved: bool = True) -> None:
        """Run the periodic scan with these devices in pci_devices.

        :param is_saved: whether it can save the records
        """
        self.conf.config(
            group='pci_ext',
            pci_information=[],
            pci_devices=list(named),
            pci_flavor_attrs=['vendor_id', 'product_id', 'e.name'],
        )
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.update_devices_from_hypervisor_resources(
            jsonutils.dumps(list(self.devices_of_hypervisor()))
        )
        if is_saved:
            pci_tracker.save(self.context)

    def records(self) -> dict[str, tuple[str, str | None, bool]]:
        """Return status, name and WITHDRAWN mark of each device."""
        return {
            record.address: (
                record.status,
                record.extra_info.get('e.name'),
                server_state.WITHDRAWN in record.extra_info,
            )
            for record in objects.PciDeviceList.get_by_compute_node(
                self.context, self.node.id
            )
        }

    def pools(self) -> dict[str | None, int]:
        return {
            pool.get('e.name'): pool['count']
            for pool in self.compute.rt.pci_tracker.stats.pools
        }

    def test_logs_once_what_the_host_offers(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        for _scan in range(2):
            self.scan('01:00.0|10GE', '1f:00.0|gone')
        self.assertEqual(
            1,
            log.output.count('offers 1 of them by [pci_ext] pci_information'),
        )
        self.assertEqual(
            1,
            log.output.count(
                'The entry 1f:00.0|gone matches no device of this host. '
                'Correct the entry'
            ),
        )
        self.scan('02:00.0|10GE', '03:00.0|10GE')
        self.assertIn('offers 2 of them', log.output)
        self.assertNotIn('0|10GE matches no device', log.output)

    def test_scan_adds_removes_and_renames_free_devices(self) -> None:
        self.scan('01:00.0|10GE', '02:00.0|10GE')
        self.assertEqual({'10GE': 2}, self.pools())
        self.scan('02:00.0|25GE', '03:00.0|10GE')
        self.assertEqual({'25GE': 1, '10GE': 1}, self.pools())
        # Nova deletes the record of a removed device at the next scan.
        self.scan('02:00.0|25GE', '03:00.0|10GE')
        self.assertEqual(
            {
                '0000:02:00.0': ('available', '25GE', False),
                '0000:03:00.0': ('available', '10GE', False),
            },
            self.records(),
        )

    def test_device_comes_back_before_its_removal_is_saved(self) -> None:
        self.scan('01:00.0|10GE', '02:00.0|10GE')
        self.scan('02:00.0|10GE', is_saved=False)
        self.scan('01:00.0|25GE', '02:00.0|10GE')
        self.assertEqual(
            {
                '0000:01:00.0': ('available', '25GE', False),
                '0000:02:00.0': ('available', '10GE', False),
            },
            self.records(),
        )
        self.assertEqual({'25GE': 1, '10GE': 1}, self.pools())
        self.assertEqual(2, len(self.compute.rt.pci_tracker.pci_devs))

    def test_withdrawn_device_in_use_remains_until_freed(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        self.scan()
        self.assertEqual(
            {address: ('allocated', None, True)},
            {
                key: value
                for key, value in self.records().items()
                if value[0] != 'removed'
            },
        )
        self.compute.rt.pci_tracker.free_instance(
            self.context, self.instance(server)
        )
        self.scan()
        self.scan()
        self.assertEqual({}, self.records())
        self.assertEqual({}, self.pools())

    def test_withdrawn_device_is_freed_on_record_before_it_is_removed(
        self,
    ) -> None:
        server = self.create_server()
        self.scan()
        tracker = self.compute.rt.pci_tracker
        tracker.free_instance(self.context, self.instance(server))
        tracker.save(self.context)
        self.assertEqual([], list(tracker.pci_devs))
        # Loaded lazily, the devices include deleted rows.
        instance = objects.Instance.get_by_uuid(
            self.context, server, expected_attrs=[]
        )
        self.assertEqual([], list(instance.pci_devices))

    def test_another_model_at_the_address_of_a_device_in_use(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        free = next(each for each in self.ADDRESSES if each != address)
        devices = list(self.devices_of_hypervisor())
        for device in devices:
            if device['address'] in (address, free):
                device['product_id'] = '0002'
        tracker = self.compute.rt.pci_tracker
        tracker.rescan(jsonutils.dumps(devices))
        tracker.save(self.context)
        self.assertEqual(('allocated', None, True), self.records()[address])
        self.assertEqual(('available', None, False), self.records()[free])
        self.assertIn(
            f'PCI device {address} of server {server} was 8086:0001 and is '
            '8086:0002 now',
            self.stdlog.logger.output,
        )
        tracker.free_instance(self.context, self.instance(server))
        tracker.save(self.context)
        self.assertEqual('available', self.records()[address][0])
        tracker.update_devices_from_hypervisor_resources(
            jsonutils.dumps(devices)
        )
        tracker.save(self.context)
        self.assertEqual(('available', None, False), self.records()[address])

    def test_device_offered_again_remains(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        self.scan()
        self.scan(f'{address}|10GE')
        self.assertEqual(('allocated', None, False), self.records()[address])
        self.compute.rt.pci_tracker.free_instance(
            self.context, self.instance(server)
        )
        self.compute.rt.pci_tracker.save(self.context)
        self.assertEqual(('available', '10GE', False), self.records()[address])
        self.assertEqual({'10GE': 1}, self.pools())

    def test_invalid_option_changes_nothing(self) -> None:
        self.scan('01:00.0|10GE')
        self.scan('01:00.0')
        self.assertEqual({'10GE': 1}, self.pools())

    def test_other_threads_see_all_devices_during_a_scan(self) -> None:
        server = self.create_server(devices=2)
        instance = self.instance(server)
        address_of = objects.PciDevice.address
        counts = []

        def read_address(device: objects.PciDevice) -> str:
            # Another thread may do this at any moment of a scan.
            counts.append(
                len(instance_devices.get_devices(self.compute.rt, instance))
            )
            return str(address_of.fget(device))

        with fixtures.MonkeyPatch(
            'nova.objects.PciDevice.address',
            property(read_address, address_of.fset),
        ):
            self.scan(*(f'{address}|10GE' for address in self.ADDRESSES))
        self.assertEqual({2}, set(counts))
        self.assertEqual(
            sorted(self.ADDRESSES),
            [
                device.address
                for device in self.compute.rt.pci_tracker.pci_devs
            ],
        )

    def test_scan_keeps_devices_of_a_server_missed_by_its_query(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        pci_tracker = self.compute.rt.pci_tracker
        for values, expected in (
            # The server arrived or left during the scan.
            ({}, 'allocated'),
            ({'host': 'other', 'task_state': 'migrating'}, 'allocated'),
            ({'host': 'other', 'task_state': None}, 'available'),
        ):
            instance = objects.Instance.get_by_uuid(self.context, server)
            instance.update(values)
            instance.save()
            pci_tracker.clean_usage([], [])
            [status] = [
                device.status
                for device in pci_tracker.pci_devs
                if device.address == address
            ]
            self.assertEqual(expected, status, values)

    def test_scan_keeps_devices_in_the_guest_of_a_server_that_is_gone(
        self,
    ) -> None:
        """Deleted or evacuated while nova-compute was stopped."""
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.runs_here = self.compute.driver.runs_here
        deleted, evacuated = (
            self.instance(self.create_server()) for _ in range(2)
        )
        deleted.destroy()
        evacuated.host = 'other'
        evacuated.save()
        devices = [
            device for device in pci_tracker.pci_devs if device.instance_uuid
        ]
        pci_tracker.clean_usage([], [])
        self.assertEqual(
            ['allocated'] * 2, [device.status for device in devices]
        )
        for gone in deleted, evacuated:
            # Nova does so at its start, or after half an hour.
            self.compute.driver._domains.remove(gone.uuid)
        pci_tracker.clean_usage([], [])
        self.assertEqual(
            ['available'] * 2, [device.status for device in devices]
        )

    def create_incoming_server(self, **values: object) -> objects.Instance:
        """Create a server in a live migration to this host."""
        instance = objects.Instance.get_by_uuid(
            self.context, self.create_server(devices=0)
        )
        instance.update({'host': 'other', 'task_state': 'migrating', **values})
        instance.save()
        return instance

    def claim(self, instance: objects.Instance) -> objects.PciDevice:
        [device] = self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=instance.uuid, requests=[self.request(1)]
            ),
            None,
        )
        return device

    def test_scan_frees_claims_of_abandoned_migrations(self) -> None:
        running: set[str] = set()
        defined: set[str] = set()
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.runs_here = lambda instance: instance.uuid in running
        pci_tracker.has_domain = lambda instance: instance.uuid in defined
        failed = ('live-migration', 'error')
        interrupted = ('migration', 'pre-migrating')
        active: dict[str, str | None] = {'task_state': None}
        for migrations, values, domain, expected in (
            ([failed], {'task_state': 'migrating'}, None, 'claimed'),
            # Its guest has arrived; the record of the server is unchanged.
            ([failed], active, 'running', 'claimed'),
            # It was resized since, and that can be reverted.
            ([failed, ('resize', 'finished')], active, None, 'claimed'),
            # The resize has finished since its migration was read.
            (
                [('resize', 'post-migrating')],
                {'task_state': None, 'vm_state': 'resized'},
                None,
                'claimed',
            ),
            ([interrupted], {'task_state': 'resize_prep'}, None, 'claimed'),
            ([interrupted], active, None, 'available'),
            # It failed before it reached this host.
            ([('resize', 'error')], active, None, 'available'),
            # The other host has the server, and this one its domain.
            ([('resize', 'error')], active, 'defined', 'claimed'),
            ([('evacuation', 'error')], active, 'defined', 'available'),
            ([('live-migration', 'running')], active, None, 'available'),
            ([failed, failed], active, None, 'available'),
        ):
            instance = self.create_incoming_server(**values)
            device = self.claim(instance)
            if domain is not None:
                defined.add(instance.uuid)
            if domain == 'running':
                running.add(instance.uuid)
            pci_tracker.clean_usage(
                [], [self.migration(instance, *each) for each in migrations]
            )
            self.assertEqual(expected, device.status, (migrations, domain))
            instance.destroy()
            defined.clear()
            running.clear()
            pci_tracker.clean_usage([], [])
            self.assertEqual('available', device.status)

    def create_left_device(self) -> tuple[objects.Instance, objects.Migration]:
        """Create a server with a device here after a resize that failed."""
        instance = self.instance(self.create_server())
        self.compute.driver._domains.remove(instance.uuid)
        instance.host = 'other'
        instance.save()
        return instance, self.create_migration(instance, 'resize', 'error')

    def create_migration(
        self, instance: objects.Instance, kind: str, status: str
    ) -> objects.Migration:
        migration = objects.Migration(
            self.context,
            instance_uuid=instance.uuid,
            migration_type=kind,
            status=status,
        )
        migration.create()
        return migration

    def allocated_to(self, instance: objects.Instance) -> int:
        return sum(
            device.instance_uuid == instance.uuid
            for device in self.compute.rt.pci_tracker.pci_devs
        )

    def test_next_migration_ends_the_wait_for_the_administrator(self) -> None:
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.runs_here = self.compute.driver.runs_here
        pci_tracker.has_domain = lambda instance: True
        instance, failed = self.create_left_device()
        pci_tracker.clean_usage([], [failed])
        self.assertEqual(1, self.allocated_to(instance))
        self.create_migration(instance, 'evacuation', 'completed')
        pci_tracker.clean_usage([], [failed])
        self.assertEqual(0, self.allocated_to(instance))

    def test_scan_keeps_claims_if_the_driver_knows_no_guests(self) -> None:
        instance = self.create_incoming_server(task_state=None)
        device = self.claim(instance)
        failed = self.migration(instance, 'live-migration', 'error')
        self.compute.rt.pci_tracker.clean_usage([], [failed])
        self.assertEqual('claimed', device.status)

    def migration(
        self, instance: objects.Instance, kind: str, status: str
    ) -> objects.Migration:
        return objects.Migration(
            id=1,
            instance_uuid=instance.uuid,
            migration_type=kind,
            status=status,
        )

    def test_scan_does_not_allocate_claims_of_a_live_migration(self) -> None:
        instance = self.create_incoming_server()
        device = self.claim(instance)
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.update_pci_for_instance(self.context, instance, 1)
        self.assertEqual('claimed', device.status)
        self.compute.rt.free_pci_device_claims_for_instance(
            self.context, instance
        )
        self.assertEqual('available', device.status)

    def test_scan_allocates_claims_of_a_resize(self) -> None:
        instance = self.create_incoming_server(task_state='resize_prep')
        device = self.claim(instance)
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.update_pci_for_instance(self.context, instance, 1)
        self.assertEqual('allocated', device.status)

    def test_allocates_two_claims_of_a_live_migration(self) -> None:
        instance = self.create_incoming_server()
        devices = [self.claim(instance), self.claim(instance)]
        self.compute.rt.allocate_pci_devices_for_instance(
            self.context, instance
        )
        self.assertEqual(
            ['allocated'] * 2, [device.status for device in devices]
        )


class CardTest(base.HostTestCase):
    """A NIC with two VFs; functions appear, disappear, or are withdrawn."""

    OFFER_PF = '[{"product_id": "1572"}, {}]'
    OFFER_VFS = '[{"product_id": "154c"}, {}]'

    def devices_of_hypervisor(self) -> Iterator[dict[str, Any]]:
        for device in hardware_cards.expand(
            {
                'kind': 'nic',
                'vendor_id': '8086',
                'product_id': '1572',
                'address': PF,
                'vfs': {
                    'count': 2,
                    'product_id': '154c',
                    'offset': 1,
                    'stride': 1,
                },
            },
            '',
        ):
            if device['address'] not in self.missing:
                yield device

    def setUp(self) -> None:
        self.missing: set[str] = set()
        super().setUp()

    def scan(self, *offered: str, missing: set[str] | None = None) -> None:
        """Run the periodic scan.

        :param offered: values of pci_information; none: as before
        :param missing: addresses that the hypervisor does not report
        """
        if offered:
            self.conf.config(group='pci_ext', pci_information=list(offered))
        self.missing = missing or set()
        pci_tracker = self.compute.rt.pci_tracker
        pci_tracker.rescan(jsonutils.dumps(list(self.devices_of_hypervisor())))
        pci_tracker.save(self.context)

    def claim(self, address: str) -> objects.Instance:
        """Claim the free PF, or the only free VF, for a new server."""
        instance = self.instance(self.create_server(devices=0))
        [device] = self.claim_for(instance, address)
        self.assertEqual(address, device.address)
        return instance

    def claim_for(
        self, instance: objects.Instance, address: str
    ) -> list[objects.PciDevice]:
        request = objects.InstancePCIRequest(
            count=1,
            spec=[
                {
                    'product_id': '1572' if address == PF else '154c',
                    'dev_type': 'type-PF' if address == PF else 'type-VF',
                    'pci_flavor': 'nic',
                }
            ],
            alias_name='nic',
            request_id=uuidutils.generate_uuid(),
            numa_policy='legacy',
        )
        requests = objects.InstancePCIRequests(
            instance_uuid=instance.uuid, requests=[request]
        )
        devices: list[objects.PciDevice] = self.compute.rt.claim_pci_devices(
            self.context, requests, None
        )
        instance.pci_requests = requests
        instance.save()
        return devices

    def allocate(self, instance: objects.Instance) -> None:
        self.compute.rt.allocate_pci_devices_for_instance(
            self.context, instance
        )

    def free(self, instance: objects.Instance) -> None:
        self.compute.rt.free_pci_device_claims_for_instance(
            self.context, instance
        )
        self.compute.rt.free_pci_device_allocations_for_instance(
            self.context, self.instance(instance.uuid)
        )

    def assertCard(self, **expected: str) -> None:
        """Check the status of each device, and the pools of free devices."""
        names = {PF: 'pf', VF_1: 'vf_1', VF_2: 'vf_2'}
        pci_tracker = self.compute.rt.pci_tracker
        for devices in (
            pci_tracker.pci_devs,
            objects.PciDeviceList.get_by_compute_node(
                self.context, self.node.id
            ),
        ):
            self.assertEqual(
                expected,
                {names[each.address]: each.status for each in devices},
            )
        self.assertEqual(
            {
                name: 1
                for name, status in expected.items()
                if status == 'available'
            },
            collections.Counter(
                names[device.address]
                for device in pci_tracker.stats.get_free_devs()
            ),
        )

    def test_vfs_reappear_while_the_pf_is_in_use(self) -> None:
        self.scan(self.OFFER_PF, self.OFFER_VFS)
        self.assertCard(pf='available', vf_1='available', vf_2='available')
        server = self.claim(PF)
        self.scan(missing={VF_1, VF_2})
        self.assertCard(pf='claimed')
        self.scan()
        self.assertCard(pf='claimed', vf_1='unclaimable', vf_2='unclaimable')
        self.assertRaises(
            nova_exception.PciDeviceRequestFailed, self.claim, VF_1
        )
        self.allocate(server)
        self.assertCard(pf='allocated', vf_1='unavailable', vf_2='unavailable')
        self.scan(missing={VF_1, VF_2})
        self.assertCard(pf='allocated')
        self.scan()
        self.assertCard(pf='allocated', vf_1='unavailable', vf_2='unavailable')
        self.free(server)
        self.assertCard(pf='available', vf_1='available', vf_2='available')

    def test_pf_is_offered_while_a_vf_is_in_use(self) -> None:
        self.scan(self.OFFER_VFS)
        server = self.claim(VF_2)
        self.scan(self.OFFER_VFS, self.OFFER_PF)
        self.assertCard(pf='unclaimable', vf_1='available', vf_2='claimed')
        self.assertRaises(
            nova_exception.PciDeviceRequestFailed, self.claim, PF
        )
        self.assertCard(pf='unclaimable', vf_1='available', vf_2='claimed')
        self.allocate(server)
        self.assertCard(pf='unavailable', vf_1='available', vf_2='allocated')
        self.free(server)
        self.assertCard(pf='available', vf_1='available', vf_2='available')
        self.claim(PF)

    def test_vf_is_withdrawn_while_in_use(self) -> None:
        self.scan(self.OFFER_VFS, self.OFFER_PF)
        server = self.claim(VF_1)
        self.allocate(server)
        self.scan(self.OFFER_PF)
        self.assertCard(pf='unavailable', vf_1='allocated')
        self.free(server)
        self.assertCard(pf='available')
        self.claim(PF)
        self.assertCard(pf='claimed')

    def test_pf_is_withdrawn_while_in_use(self) -> None:
        self.scan(self.OFFER_VFS, self.OFFER_PF)
        server = self.claim(PF)
        self.allocate(server)
        self.scan(self.OFFER_VFS)
        self.assertCard(pf='allocated', vf_1='unavailable', vf_2='unavailable')
        self.free(server)
        self.assertCard(vf_1='available', vf_2='available')
        self.claim(VF_1)
        self.assertCard(vf_1='claimed', vf_2='available')

    def test_scan_frees_one_vf_and_adds_another(self) -> None:
        self.scan(self.OFFER_VFS, self.OFFER_PF, missing={VF_1})
        server = self.claim(VF_2)
        pci_tracker = self.compute.rt.pci_tracker
        self.missing = set()
        pci_tracker.rescan(jsonutils.dumps(list(self.devices_of_hypervisor())))
        server.destroy()
        pci_tracker.clean_usage([], [])
        pci_tracker.save(self.context)
        self.assertCard(pf='available', vf_1='available', vf_2='available')

    def test_failed_claim_frees_all_devices(self) -> None:
        self.scan(self.OFFER_VFS, self.OFFER_PF)
        instance = self.instance(self.create_server(devices=0))
        self.assertRaises(
            nova_exception.PciDeviceRequestFailed,
            self.compute.rt.claim_pci_devices,
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=instance.uuid,
                requests=[
                    objects.InstancePCIRequest(
                        count=1,
                        spec=[{'product_id': product, 'dev_type': 'type-VF'}],
                        alias_name='vf',
                        request_id=uuidutils.generate_uuid(),
                    )
                    for product in ('154c', 'ffff')
                ],
            ),
            None,
        )
        self.assertCard(pf='available', vf_1='available', vf_2='available')

    def test_start_repairs_inconsistent_records(self) -> None:
        self.scan(self.OFFER_VFS, self.OFFER_PF)
        self.claim(VF_1)
        for device in self.compute.rt.pci_tracker.pci_devs:
            device.status = {
                PF: 'available',
                VF_2: 'unclaimable',
                VF_1: 'claimed',
            }[device.address]
        self.compute.rt.pci_tracker.save(self.context)
        self.start()
        self.assertCard(pf='unavailable', vf_1='allocated', vf_2='available')

    def test_attributes_change_when_the_device_is_freed(self) -> None:
        self.scan('[{"product_id": "154c"}, {"e.old": "1"}]')
        server = self.claim(VF_2)
        self.scan('[{"product_id": "154c"}, {"e.new": "1"}]')
        self.free(server)
        for device in self.compute.rt.pci_tracker.pci_devs:
            self.assertEqual(
                {'e.new'},
                {key for key in device.extra_info if key.startswith('e.')},
            )
