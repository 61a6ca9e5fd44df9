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

from unittest import mock

from fixtures import FakeLogger
from nova import exception as nova_exception
from nova import objects
from nova.objects import pci_device_pool
from nova.pci import manager
from nova.pci import stats
from nova.pci import whitelist
from oslo_serialization import jsonutils
from oslo_utils.fixture import uuidsentinel as uuids
from oslotest import base

from pci_ext import exception
from pci_ext.claims import grouped_stats
from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests
from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices

EVERYTHING = '[{"vendor_id": "*"}, {}]'
A = {'product_id': '000a'}
B = {'product_id': '000b'}


class StatsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf
        self.offer(EVERYTHING)

    def offer(self, *entries: str, **options: list[str]) -> None:
        self.conf.config(
            group='pci_ext', pci_information=list(entries), **options
        )

    def stats(self, *free: objects.PciDevice) -> stats.PciDeviceStats:
        host = stats.PciDeviceStats(
            objects.NUMATopology(), dev_filter=whitelist.Whitelist([])
        )
        for device in free:
            host.add_device(device)
        return host

    def reported(self, *free: objects.PciDevice) -> stats.PciDeviceStats:
        """Return the pools that the host reports to the scheduler."""
        return self.report_of(self.stats(*free))

    def report_of(self, host: stats.PciDeviceStats) -> stats.PciDeviceStats:
        pools = host.to_device_pools_obj()
        return stats.PciDeviceStats(
            objects.NUMATopology(),
            stats=pci_device_pool.from_pci_stats(
                jsonutils.dumps(pools.obj_to_primitive())
            ),
        )


class GroupingTest(StatsTest):
    def test_by_the_interface_of_the_physical_function(self) -> None:
        """A port with a guaranteed bandwidth names it in its request."""
        functions = [
            devices.device(
                f'0000:0{bus}:00.1', dev_type='type-VF', parent_ifname=name
            )
            for bus, name in ((1, 'eth1'), (2, 'eth2'))
        ]
        for host in (self.stats(*functions), self.reported(*functions)):
            self.assertEqual(2, len(host.pools))
            for name, fits in (('eth2', True), ('eth3', False)):
                request = devices.request(
                    1, {'dev_type': 'type-VF', 'parent_ifname': name}
                )
                self.assertEqual(fits, host.support_requests([request], None))

    def test_pools_that_the_database_cannot_hold(self) -> None:
        logger = self.useFixture(FakeLogger())
        for slots, logged in ((180, False), (320, True)):
            self.offer(
                *(
                    f'[{{"address": "{slot // 32:02x}:{slot % 32:02x}.0"}},'
                    f' {{"e.name": "{slot}", "e.text": "{"x" * 50}"}}]'
                    for slot in range(slots)
                )
            )
            self.reported(
                *(
                    devices.device(f'0000:{slot // 32:02x}:{slot % 32:02x}.0')
                    for slot in range(slots)
                )
            )
            self.assertEqual(logged, 'cannot be saved' in logger.output)
        self.assertIn('The 320 pools of PCI devices take', logger.output)
        self.assertIn('Attribute e.name has the most values', logger.output)

    def test_special_attribute_that_no_operator_can_give(self) -> None:
        self.assertRaises(
            ValueError,
            self.conf.config,
            group='pci_ext',
            special_attrs=['e.group', 'group'],
        )

    def test_device_for_one_time_use(self) -> None:
        """Nova's tag in [pci] device_spec; Placement guards its use."""
        self.offer()
        self.conf.config(group='pci', report_in_placement=True)
        host = stats.PciDeviceStats(
            objects.NUMATopology(),
            dev_filter=whitelist.Whitelist(
                ['{"vendor_id": "8086", "one_time_use": "true"}']
            ),
        )
        host.add_device(devices.device('0000:01:00.0'))
        self.assertEqual('true', host.pools[0]['one_time_use'])
        self.assertFalse(
            host.support_requests(
                [devices.request(1, {'vendor_id': '8086'})], None
            )
        )
        self.assertTrue(
            host.support_requests([devices.alias(1, vendor_id='8086')], None)
        )

    def test_groups_by_ids_and_attributes_by_default(self) -> None:
        self.offer(
            '[{"address": "0000:01:*.*"}, {"e.group": "gpu"}]', EVERYTHING
        )
        pools = self.stats(
            devices.device('0000:01:00.0'),
            devices.device('0000:01:00.1'),
            devices.device('0000:02:00.0'),
            devices.device('0000:02:00.1', product_id='0002'),
        ).pools
        self.assertEqual(
            [
                ('0001', 'gpu', 2),
                ('0001', 'no group', 1),
                ('0002', 'no group', 1),
            ],
            sorted(
                (
                    pool['product_id'],
                    pool.get('e.group', 'no group'),
                    pool['count'],
                )
                for pool in pools
            ),
        )
        self.assertFalse(any('address' in pool for pool in pools))

    def test_finds_the_pool_that_nova_finds(self) -> None:
        host = self.stats()
        nova = super(grouped_stats.GroupedPciDeviceStats, host)
        keys = {'vendor_id': '8086', 'numa_node': None}
        more = {**keys, 'e.group': 'gpu'}
        host.pools = [
            {**properties, 'count': 1, 'devices': [], **metadata}
            for properties, metadata in (
                (more, {}),
                (keys, {'rp_uuid': 'rp1', 'traits': 'CUSTOM_A'}),
                (keys, {}),
            )
        ]
        for properties, place in (
            (more, 0),
            (keys, 1),
            ({**keys, 'numa_node': 0}, None),
            ({**more, 'e.rack': '1'}, None),
        ):
            found = host._find_pool(properties)
            self.assertIs(None if place is None else host.pools[place], found)
            self.assertIs(nova._find_pool(properties), found)

    def test_groups_only_by_configured_attributes(self) -> None:
        self.offer(
            '[{"vendor_id": "8086"}, {"e.group": "gpu", "e.rack": "7"}]',
            pci_flavor_attrs=['e.group'],
        )
        host = self.reported(
            devices.device('0000:01:00.0'),
            devices.device('0000:01:00.1', product_id='0002'),
        )
        self.assertEqual(1, len(host.pools))
        self.assertEqual(2, host.pools[0]['count'])
        self.assertEqual('gpu', host.pools[0]['e.group'])
        self.assertNotIn('e.rack', host.pools[0])
        # Requests cannot use attributes that the host does not group by.
        self.assertFalse(
            host.support_requests(
                [devices.request(1, {'product_id': '*'})], None
            )
        )

    def test_always_groups_by_the_keys_that_nova_needs(self) -> None:
        self.offer(EVERYTHING, pci_flavor_attrs=['vendor_id'])
        host = self.stats(
            devices.device('0000:01:00.0', numa_node=0),
            devices.device('0000:01:00.1', numa_node=1),
            devices.device('0000:01:00.2', numa_node=1, dev_type='type-VF'),
        )
        self.assertEqual([1, 1, 1], [pool['count'] for pool in host.pools])

    def test_groups_by_address_if_reported_in_placement(self) -> None:
        self.conf.config(group='pci', report_in_placement=True)
        host = self.stats(
            devices.device('0000:01:00.0'), devices.device('0000:01:00.1')
        )
        self.assertEqual(
            ['0000:01:00.0', '0000:01:00.1'],
            sorted(pool['address'] for pool in host.pools),
        )

    def test_groups_devices_of_device_spec_like_nova(self) -> None:
        self.offer()
        self.conf.config(
            group='pci', device_spec=['{"vendor_id": "8086", "rack": "7"}']
        )
        host = stats.PciDeviceStats(objects.NUMATopology())
        host.add_device(devices.device('0000:01:00.0'))
        self.assertEqual('0000:01:00.0', host.pools[0]['address'])
        self.assertEqual('7', host.pools[0]['rack'])
        self.assertTrue(
            host.support_requests([devices.alias(1, rack='7')], None)
        )

    def test_each_pool_tells_that_its_host_has_pci_ext(self) -> None:
        self.offer('[{"product_id": "0001"}, {}]')
        self.conf.config(group='pci', device_spec=['{"vendor_id": "8086"}'])
        host = stats.PciDeviceStats(objects.NUMATopology())
        for number in (1, 2):
            host.add_device(
                devices.device(
                    f'0000:0{number}:00.0', product_id=f'000{number}'
                )
            )
        self.assertEqual(
            ['', ''], [pool['special_attrs'] for pool in host.pools]
        )
        # No entry offers it.
        host.add_device(
            devices.device('0000:03:00.0', vendor_id='10de', product_id='0003')
        )
        self.assertEqual(2, len(host.pools))

    def test_unmatched_device_is_not_offered(self) -> None:
        self.offer('[{"vendor_id": "10de"}, {}]')
        self.assertEqual([], self.stats(devices.device('0000:01:00.0')).pools)

    def test_offers_a_device_when_a_later_report_matches(self) -> None:
        self.offer('[{"class": "0300.."}, {}]')
        device = devices.device('0000:01:00.0')
        host = self.stats(device)
        self.assertEqual([], host.pools)
        device.update_device({'class': '030000'})
        host.update_devices([device], [])
        host.update_devices([device], [])
        self.assertEqual([1], [pool['count'] for pool in host.pools])

    def test_removes_attributes_that_are_no_longer_configured(self) -> None:
        device = devices.device('0000:01:00.0')
        device.update_device({'e.group': 'gpu', 'e.rack': '7'})
        device.obj_reset_changes()
        self.offer('[{"vendor_id": "8086"}, {"e.rack": "7"}]')
        host = self.stats(device)
        host.update_devices([device], [])
        self.assertEqual({'e.rack': '7'}, device.extra_info)
        self.assertEqual({'extra_info'}, device.obj_what_changed())
        device.obj_reset_changes()
        host.update_devices([device], [])
        self.assertEqual(set(), device.obj_what_changed())


class AssignmentTest(StatsTest):
    def test_compiles_many_different_requests_once(self) -> None:
        host = self.stats(devices.device('0000:01:00.0'))
        requests = [
            devices.request(1, {'product_id': f'{number:04x}'})
            for number in range(40)
        ]
        self.assertFalse(host.support_requests(requests, None))
        with mock.patch.object(
            compiled_requests, 'compile_request', autospec=True
        ) as compile_request:
            host.support_requests(requests, None)
        compile_request.assert_not_called()

    def test_search_that_is_given_up(self) -> None:
        host = self.stats(devices.device('0000:01:00.0', **A))
        request = devices.request(1, A)
        with mock.patch.object(
            assignment,
            'assign',
            autospec=True,
            side_effect=exception.AssignmentGivenUp,
        ):
            self.assertFalse(host.support_requests([request], None))
            error = self.assertRaises(
                nova_exception.PciDeviceRequestFailed,
                host.consume_requests,
                [request],
            )
        self.assertIsInstance(error.__cause__, exception.AssignmentGivenUp)

    def test_request_order_does_not_matter(self) -> None:
        host = self.stats(
            devices.device('0000:01:00.0', product_id='000a'),
            devices.device('0000:02:00.0', product_id='000b'),
        )
        requests = [
            devices.request(1, A, B, request_id=uuids.either),
            devices.request(1, A, request_id=uuids.one),
        ]
        self.assertTrue(host.support_requests(requests, None))
        consumed = host.consume_requests(requests)
        self.assertEqual(
            {uuids.either: '0000:02:00.0', uuids.one: '0000:01:00.0'},
            {device.request_id: device.address for device in consumed},
        )

    def test_prefers_the_earlier_alternative(self) -> None:
        host = self.stats(
            devices.device('0000:01:00.0', product_id='000a'),
            devices.device('0000:02:00.0', product_id='000b'),
        )
        consumed = host.consume_requests([devices.request(1, B, A)])
        self.assertEqual(['000b'], [device.product_id for device in consumed])

    def test_scheduler_and_claim_agree(self) -> None:
        free = [
            devices.device('0000:01:00.0', product_id='000a'),
            devices.device('0000:02:00.0', product_id='000b'),
        ]
        requests = [devices.request(2, A, B)]
        scheduler = self.reported(*free)
        self.assertTrue(scheduler.support_requests(requests, None))
        scheduler.apply_requests(requests, None)
        self.assertFalse(scheduler.support_requests(requests, None))
        self.assertRaises(
            nova_exception.PciDeviceRequestFailed,
            scheduler.apply_requests,
            requests,
            None,
        )
        self.assertEqual(2, len(self.stats(*free).consume_requests(requests)))

    def test_a_failed_claim_consumes_no_device(self) -> None:
        host = self.stats(devices.device('0000:01:00.0', product_id='000a'))
        requests = [devices.request(1, A), devices.request(1, B)]
        self.assertRaises(
            nova_exception.PciDeviceRequestFailed,
            host.consume_requests,
            requests,
        )
        self.assertEqual([1], [pool['count'] for pool in host.pools])

    def test_alias_and_pci_flavor_in_one_server(self) -> None:
        host = self.stats(
            devices.device('0000:01:00.0', product_id='000a'),
            devices.device('0000:02:00.0', product_id='000b'),
        )
        both = [
            devices.request(1, A, B),
            devices.alias(1, vendor_id='8086', product_id='000a'),
        ]
        consumed = host.consume_requests(both)
        self.assertEqual(
            [(uuids.alias, '000a'), (uuids.request, '000b')],
            sorted(
                (
                    (device.request_id, device.product_id)
                    for device in consumed
                ),
                key=lambda item: item[1],
            ),
        )

    def test_nova_without_the_plugin_finds_no_host(self) -> None:
        pools = self.reported(
            devices.device('0000:01:00.0', product_id='000a')
        ).pools
        plain = stats.PciDeviceStats.__mro__[1](objects.NUMATopology())
        plain.pools = pools
        self.assertFalse(plain.support_requests([devices.request(1, A)], None))

    def test_special_attribute_has_to_be_named(self) -> None:
        self.offer(
            '[{"address": "0000:01:00.0"}, {"e.group": "grp1"}]',
            EVERYTHING,
            special_attrs=['e.group'],
        )
        free = [
            devices.device('0000:01:00.0'),
            devices.device('0000:01:00.1', product_id='0002'),
        ]
        for host in (self.stats(*free), self.reported(*free)):
            by_vendor = [devices.request(1, {'vendor_id': '8086'})]
            self.assertTrue(host.support_requests(by_vendor, None))
            by_vendor[0].count = 2
            self.assertFalse(host.support_requests(by_vendor, None))
            self.assertTrue(
                host.support_requests(
                    [devices.request(1, {'e.group': 'grp1'})], None
                )
            )
            self.assertFalse(
                host.support_requests(
                    [devices.alias(1, vendor_id='8086', product_id='0001')],
                    None,
                )
            )

    def test_a_physical_function_has_to_be_requested_by_dev_type(self) -> None:
        host = self.stats(devices.device('0000:01:00.0', dev_type='type-PF'))
        self.assertFalse(
            host.support_requests(
                [devices.request(1, {'vendor_id': '8086'})], None
            )
        )
        self.assertTrue(
            host.support_requests(
                [
                    devices.request(
                        1, {'vendor_id': '8086', 'dev_type': 'type-PF'}
                    )
                ],
                None,
            )
        )


class PlacementTest(StatsTest):
    """Placement chooses the devices of aliases."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.config(group='pci', report_in_placement=True)

    def host(self) -> stats.PciDeviceStats:
        """Make a host with three alike devices on providers rp1 to rp3."""
        return self.stats(
            *(
                devices.device(f'0000:0{bus}:00.0', rp_uuid=f'rp{bus}')
                for bus in (1, 2, 3)
            )
        )

    def alias(self, **spec: str) -> objects.InstancePCIRequest:
        return devices.alias(1, vendor_id='8086', product_id='0001', **spec)

    def test_pci_flavors_leave_the_devices_that_it_chose(self) -> None:
        host = self.host()
        host.populate_pools_metadata_from_assigned_devices()
        reported = self.report_of(host)
        alias = self.alias()
        for provider in ('rp1', 'rp2', 'rp3'):
            mapping = {f'{alias.request_id}-0': [provider]}
            for count, fits in ((2, True), (3, False)):
                requests = [devices.request(count, {'vendor_id': '8086'})]
                self.assertEqual(
                    fits,
                    reported.support_requests([*requests, alias], mapping),
                )
                self.assertEqual(
                    fits,
                    reported.support_requests([alias, *requests], mapping),
                )
            self.assertFalse(
                reported.support_requests(
                    [devices.request(1, {'vendor_id': '8086'}), alias],
                    {f'{alias.request_id}-0': ['other']},
                )
            )

    def test_scheduler_consumes_the_devices_that_it_chose(self) -> None:
        host = self.host()
        host.populate_pools_metadata_from_assigned_devices()
        reported = self.report_of(host)
        alias = self.alias()
        reported.apply_requests(
            [devices.request(1, {'vendor_id': '8086'}), alias],
            {f'{alias.request_id}-0': ['rp3']},
        )
        self.assertEqual(['rp2'], [pool['rp_uuid'] for pool in reported.pools])

    def test_claims_the_devices_that_it_chose(self) -> None:
        for provider in ('rp1', 'rp2', 'rp3'):
            host = self.host()
            claimed = host.consume_requests(
                [
                    devices.request(1, {'vendor_id': '8086'}),
                    self.alias(rp_uuids=provider),
                ]
            )
            self.assertEqual(
                [provider],
                [
                    device.extra_info['rp_uuid']
                    for device in claimed
                    if device.request_id == uuids.alias
                ],
            )
            self.assertEqual(2, len({device.address for device in claimed}))

    def test_claims_several_devices_of_an_alias(self) -> None:
        host = self.host()
        alias = self.alias(rp_uuids='rp3,rp1')
        alias.count = 2
        claimed = host.consume_requests(
            [devices.request(1, {'vendor_id': '8086'}), alias]
        )
        self.assertEqual(
            {'rp1': uuids.alias, 'rp2': uuids.request, 'rp3': uuids.alias},
            {
                device.extra_info['rp_uuid']: device.request_id
                for device in claimed
            },
        )

    def test_claims_no_more_than_a_pending_detach_leaves(self) -> None:
        """The request of the scheduler has its device, too."""
        host = self.host()
        alias = self.alias(rp_uuids='rp3,rp1')
        claimed = host.consume_requests(
            [devices.request(1, {'vendor_id': '8086'}), alias]
        )
        self.assertEqual(
            {'rp1': uuids.request, 'rp3': uuids.alias},
            {
                device.extra_info['rp_uuid']: device.request_id
                for device in claimed
            },
        )


class NumaTest(StatsTest):
    CELLS = (
        objects.NUMACell(id=0, socket=0),
        objects.NUMACell(id=1, socket=0),
        objects.NUMACell(id=2, socket=1),
    )

    def supports(
        self,
        policy: str,
        *nodes: int | None,
        cells: tuple[objects.NUMACell, ...] = CELLS,
    ) -> bool:
        host = self.stats(
            *(
                devices.device(f'0000:01:00.{index}', numa_node=node)
                for index, node in enumerate(nodes)
            )
        )
        host.numa_topology = objects.NUMATopology(cells=list(cells))
        return host.support_requests(
            [devices.request(1, {'vendor_id': '8086'}, numa_policy=policy)],
            None,
            devices.cells(0),
        )

    def test_required_policy_allows_only_the_same_node(self) -> None:
        self.assertTrue(self.supports('required', 0))
        self.assertFalse(self.supports('required', 1, None))

    def test_legacy_policy_allows_devices_without_a_node(self) -> None:
        self.assertTrue(self.supports('legacy', None))
        self.assertFalse(self.supports('legacy', 1))

    def test_preferred_policy_allows_any_node(self) -> None:
        self.assertTrue(self.supports('preferred', 2))

    def test_socket_policy_allows_only_the_same_socket(self) -> None:
        self.assertTrue(self.supports('socket', 1))
        self.assertFalse(self.supports('socket', 2, None))

    def test_socket_of_a_host_that_does_not_report_sockets(self) -> None:
        cells = tuple(
            objects.NUMACell(id=node, socket=None) for node in range(2)
        )
        self.assertTrue(self.supports('socket', 0, cells=cells))
        self.assertFalse(self.supports('socket', 1, cells=cells))

    def test_preferred_policy_consumes_near_devices_first(self) -> None:
        host = self.stats(
            devices.device('0000:01:00.0', numa_node=1),
            devices.device('0000:02:00.0', numa_node=None),
            devices.device('0000:03:00.0', numa_node=0),
        )
        request = devices.request(
            1, {'vendor_id': '8086'}, numa_policy='preferred'
        )
        consumed = [
            host.consume_requests([request], devices.cells(0))[0].numa_node
            for _ in range(3)
        ]
        self.assertEqual([0, None, 1], consumed)

    def test_prefers_an_earlier_alternative_to_numa_affinity(self) -> None:
        host = self.stats(
            devices.device('0000:01:00.0', product_id='000a', numa_node=1),
            devices.device('0000:02:00.0', product_id='000b', numa_node=0),
        )
        consumed = host.consume_requests(
            [devices.request(1, A, B, numa_policy='preferred')],
            devices.cells(0),
        )
        self.assertEqual(['000a'], [device.product_id for device in consumed])


class CardTest(StatsTest):
    """Cards that are offered as a PF and as its VFs."""

    PF = {'vendor_id': '8086', 'dev_type': 'type-PF'}
    VF = {'vendor_id': '8086', 'dev_type': 'type-VF'}

    def cards(self, number: int, functions: int) -> list[objects.PciDevice]:
        found = []
        for card in range(number):
            address = f'0000:0{card}:00.0'
            found.append(devices.device(address, dev_type='type-PF'))
            found += [
                devices.device(
                    f'0000:0{card}:00.{index}',
                    dev_type='type-VF',
                    parent_addr=address,
                )
                for index in range(1, functions + 1)
            ]
        manager.PciDevTracker._build_device_tree(
            objects.PciDeviceList(objects=found)
        )
        return found

    def test_scheduler_and_claim_agree_on_cards(self) -> None:
        pf_and_vfs = [
            devices.request(1, self.PF, request_id=uuids.pf),
            devices.request(2, self.VF, request_id=uuids.vfs),
        ]
        for number, fits in ((1, False), (2, True)):
            free = self.cards(number, 2)
            self.assertEqual(
                fits,
                self.reported(*free).support_requests(pf_and_vfs, None),
            )
            host = self.stats(*free)
            self.assertEqual(fits, host.support_requests(pf_and_vfs, None))
        consumed = host.consume_requests(pf_and_vfs)
        for device in consumed:
            device.claim(uuids.server)
        cards = {
            request: {
                device.parent_addr or device.address
                for device in consumed
                if device.request_id == request
            }
            for request in (uuids.pf, uuids.vfs)
        }
        self.assertEqual(1, len(cards[uuids.vfs]))
        self.assertEqual(set(), cards[uuids.pf] & cards[uuids.vfs])
        self.assertEqual([], host.get_free_devs())

    def test_requests_that_share_a_card_consume_different_devices(
        self,
    ) -> None:
        _, *functions = devices_of_card = self.cards(1, 3)
        consumed = self.stats(*devices_of_card).consume_requests(
            [
                devices.request(1, {'dev_type': 'type-VF'}),
                devices.request(1, {'dev_type': 'type-V.'}),
                devices.request(1, {'dev_type': '.*VF'}),
            ]
        )
        self.assertEqual(
            sorted(function.address for function in functions),
            sorted(device.address for device in consumed),
        )

    def test_scheduler_consumes_dependent_functions(self) -> None:
        for used, dependent in ((self.PF, self.VF), (self.VF, self.PF)):
            host = self.reported(*self.cards(1, 2))
            host.apply_requests([devices.request(1, used)], None)
            self.assertFalse(
                host.support_requests([devices.request(1, dependent)], None)
            )

    def test_virtual_functions_without_their_pf_are_one_pool(self) -> None:
        self.offer('[{"dev_type": "type-VF"}, {}]')
        host = self.reported(
            *(
                device
                for device in self.cards(2, 2)
                if device.dev_type == 'type-VF'
            )
        )
        self.assertEqual([4], [pool['count'] for pool in host.pools])
        self.assertNotIn('address', host.pools[0])

    def test_consuming_a_vf_removes_its_pf(self) -> None:
        host = self.stats(*self.cards(1, 2))
        host.consume_requests([devices.request(2, self.VF)])
        self.assertEqual([], host.get_free_devs())
