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
"""The claim of a VF on a host, against Nova's."""

from __future__ import annotations

from collections.abc import Iterator

from nova import objects
from nova.pci import stats as nova_stats
from oslo_config import cfg
from oslo_utils.fixture import uuidsentinel as uuids

from tools.bench import hosts
from tools.bench import rows

CONF = cfg.CONF

#: VFs and pools of a host, and the ratio to reach.
SIZES = ((64, 1, 1), (512, 8, None), (2_048, 32, 10))
CLAIMS = 50


def devices(number: int, pools: int) -> list[objects.PciDevice]:
    """Return free VFs, as many of each pool; their PFs are not offered."""
    each = number // pools
    found = []
    for index in range(number):
        pool, place = divmod(index, each)
        card = f'0000:{pool:02x}'
        device = objects.PciDevice.create(
            None,
            {
                'compute_node_id': 1,
                'address': f'{card}:{place // 8:02x}.{place % 8}',
                'vendor_id': hosts.VF['vendor_id'],
                'product_id': f'{pool:04x}',
                'dev_type': 'type-VF',
                'dev_id': f'pci_{index}',
                'numa_node': pool % 2,
                'parent_addr': f'{card}:1f.7',
            },
        )
        device.id = index
        found.append(device)
    return found


def hosts_with(
    number: int, pools: int
) -> tuple[nova_stats.PciDeviceStats, ...]:
    """Return the pools of a host with free VFs: ours, and Nova's."""
    ours = nova_stats.PciDeviceStats(None)
    rival = hosts.NovaStats(
        None, dev_filter=hosts.NovaWhitelist(CONF.pci.device_spec)
    )
    for stats in ours, rival:
        for device in devices(number, pools):
            stats.add_device(device)
    return ours, rival


def offer_devices() -> None:
    """Offer the devices of a host, by the options of pci_ext and of Nova."""
    CONF.set_override(
        'pci_information',
        ['[{"vendor_id": "8086"}, {"e.rack": "1"}]'],
        'pci_ext',
    )
    CONF.set_override('device_spec', ['{"vendor_id": "8086"}'], 'pci')


def measure(large: bool) -> Iterator[rows.Row]:
    offer_devices()
    for number, pools, target in SIZES if large else SIZES[:2]:
        ours, rival = hosts_with(number, pools)
        selector = {'vendor_id': '8086', 'product_id': '0000'}
        one, other = rows.in_turns(
            lambda ours=ours, selector=selector: _claims(
                ours, {**selector, 'pci_flavor': 'vf'}
            ),
            lambda rival=rival, selector=selector: _claims(rival, selector),
            20,
        )
        yield rows.Row(
            f'claim of 1 of {number:,} VFs in {pools} pools',
            'µs',
            one,
            other,
            target,
        )


def _claims(stats: nova_stats.PciDeviceStats, spec: dict[str, str]) -> float:
    """Claim and give back; return the microseconds of the fastest claim."""
    requests = [
        objects.InstancePCIRequest(
            count=1, spec=[spec], alias_name='vf', request_id=uuids.vf
        )
    ]
    times = []
    for _ in range(CLAIMS):
        claimed: list[objects.PciDevice] = []
        times.append(
            rows.seconds(
                lambda claimed=claimed: claimed.extend(
                    stats.consume_requests(requests)
                ),
                collect=False,
            )
        )
        for device in claimed:
            stats.add_device(device)
    return min(times) * 1e6
