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
import random

from hypothesis import given
from hypothesis import strategies as st
from nova import exception as nova_exception
from nova import objects
from nova.pci import manager
from nova.pci import stats
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

from pci_ext.tests.unit.claims import devices
from pci_ext.tests.unit.claims import test_stats

SELECTORS = (
    {'dev_type': '*'},
    {'dev_type': 'type-VF'},
    {'dev_type': 'type-PF'},
    {'product_id': '0010'},
    {'product_id': '00.*', 'dev_type': '*'},
    {'class': '0300..', 'dev_type': '*'},
)


def link(made: list[objects.PciDevice]) -> None:
    """Link physical and virtual functions, as the tracker does."""
    manager.PciDevTracker._build_device_tree(
        objects.PciDeviceList(objects=made)
    )


def make_devices(chooser: random.Random) -> list[objects.PciDevice]:
    """Make devices, some of them parts of cards that are offered too."""
    made = []
    for bus in range(1, chooser.randint(2, 5)):
        pf = f'0000:{bus:02x}:00.0'
        product_id = chooser.choice(('0010', '0011'))
        kinds = chooser.choice((('PF', 'VF'), ('PF', 'VF'), ('PF',), ('VF',)))
        if 'PF' in kinds:
            made.append(
                devices.device(pf, dev_type='type-PF', product_id=product_id)
            )
        for function in range(
            1, chooser.randint(2, 4) if 'VF' in kinds else 0
        ):
            made.append(
                devices.device(
                    f'0000:{bus:02x}:00.{function}',
                    dev_type='type-VF',
                    parent_addr=pf,
                    product_id=chooser.choice((product_id, '0020')),
                    **chooser.choice(({}, {'class': '030000'})),
                )
            )
    for bus in range(32, chooser.randint(32, 35)):
        made.append(
            devices.device(
                f'0000:{bus:02x}:00.0',
                product_id=chooser.choice(('0010', '0030')),
            )
        )
    chooser.shuffle(made)
    link(made)
    return made


def make_requests(
    chooser: random.Random,
) -> list[objects.InstancePCIRequest]:
    return [
        devices.request(
            chooser.randint(1, 2),
            *(
                dict(chooser.choice(SELECTORS))
                for _ in range(chooser.randint(1, 2))
            ),
            request_id=uuidutils.generate_uuid(),
        )
        for _ in range(chooser.randint(1, 2))
    ]


def claim(
    host: stats.PciDeviceStats, requests: list[objects.InstancePCIRequest]
) -> None:
    for device in host.consume_requests(requests):
        device.claim('server')


def count_by_kind(pools: stats.PciDeviceStats) -> dict[str, int]:
    """Count the free devices of each kind, on all cards together."""
    counts: dict[str, int] = collections.Counter()
    for pool in pools:
        kind = {
            key: value
            for key, value in pool.items()
            if key not in ('count', 'address')
        }
        counts[jsonutils.dumps(kind, sort_keys=True)] += pool['count']
    return {kind: count for kind, count in counts.items() if count}


class SameChoicesTest(test_stats.StatsTest):
    """Scheduler and host choose among devices that cost the same."""

    @given(st.randoms(use_true_random=False))
    def test_host_takes_what_the_scheduler_expects(
        self, chooser: random.Random
    ) -> None:
        self.offer(
            test_stats.EVERYTHING,
            pci_flavor_attrs=['vendor_id', 'product_id', 'class'],
        )
        host = self.stats(*make_devices(chooser))
        for _ in range(chooser.randint(0, 2)):
            try:
                claim(host, make_requests(chooser))
            except nova_exception.PciDeviceRequestFailed:
                continue
        expected = self.report_of(host)
        # Servers that are scheduled before the host reports again.
        for _ in range(4):
            requests = make_requests(chooser)
            if expected.support_requests(requests, None):
                expected.apply_requests(requests, None)
                claim(host, requests)
                self.assertEqual(count_by_kind(host), count_by_kind(expected))

    def test_virtual_functions_of_cards_in_use_come_first(self) -> None:
        self.offer(test_stats.EVERYTHING, pci_flavor_attrs=['class'])
        cards = [
            devices.device(
                f'0000:0{bus}:00.{function}',
                dev_type='type-VF' if function else 'type-PF',
                parent_addr=f'0000:0{bus}:00.0' if function else None,
                **({'class': '030000'} if (bus, function) == (3, 1) else {}),
            )
            for bus in (1, 2, 3)
            for function in (0, 1, 2)
        ]
        link(cards)
        host = self.stats(*cards)
        expected = self.report_of(host)
        for count, selector in (
            (1, {'dev_type': 'type-VF'}),
            (1, {'class': '0300..'}),
            (2, {'dev_type': 'type-VF'}),
        ):
            requests = [devices.request(count, selector)]
            expected.apply_requests(requests, None)
            claim(host, requests)
            self.assertEqual(count_by_kind(host), count_by_kind(expected))
        for pools in (host, expected):
            # The second card is whole.
            self.assertTrue(
                pools.support_requests(
                    [devices.request(1, {'dev_type': 'type-PF'})], None
                )
            )
