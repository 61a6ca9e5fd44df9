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

"""Metrics of devices: by PCI flavor, by host and by pool."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping

from prometheus_client import core

from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import sources

# Labels of a pool; all other properties are in one label.
_PROPERTIES = ('vendor_id', 'product_id', 'dev_type', 'numa_node')


def read_flavors(cloud: cloud_api.Cloud) -> sources.Families:
    """Count devices by PCI flavor, in the whole cloud."""
    devices = core.GaugeMetricFamily(
        'pci_ext_flavor_devices',
        'Devices of the cloud that match a PCI flavor, by status.',
        labels=('pci_flavor', 'status'),
    )
    for flavor in cloud.list_flavors():
        # Missing if a policy hides it.
        for status, number in _by_status(flavor.get('usage')):
            devices.add_metric((flavor['name'], status), number)
    return [devices]


def read_pools(cloud: cloud_api.Cloud) -> sources.Families:
    """Count devices by host and PCI flavor, and by pool."""
    devices = core.GaugeMetricFamily(
        'pci_ext_pool_devices',
        'Devices of a pool, by status.',
        labels=('host', 'pool', 'status'),
    )
    info = core.InfoMetricFamily(
        'pci_ext_pool',
        'Properties that the devices of a pool share.',
        labels=('host', 'pool'),
    )
    of_hosts = core.GaugeMetricFamily(
        'pci_ext_host_devices',
        'Devices of a host that match a PCI flavor, by status.',
        labels=('host', 'pci_flavor', 'status'),
    )
    cells_down = core.GaugeMetricFamily(
        'pci_ext_cells_down',
        'Cells that do not answer; their hosts and devices are missing.',
    )
    counted: Counter[tuple[str, str, str]] = Counter()
    found = cloud.list_pools()
    for pool in found.items:
        key = (pool['host'], pool['uuid'])
        info.add_metric(key, _describe(pool['properties']))
        for status, number in _by_status(pool['usage']):
            devices.add_metric((*key, status), number)
            for name in pool['pci_flavors']:
                counted[pool['host'], name, status] += number
    for labels, number in counted.items():
        of_hosts.add_metric(labels, number)
    cells_down.add_metric((), len(found.cells_down))
    return [devices, info, of_hosts, cells_down]


def _by_status(
    usage: Mapping[str, int] | None,
) -> Iterator[tuple[str, int]]:
    """List the numbers of devices in each status."""
    if usage is not None:
        available, allocated = usage['available'], usage['allocated']
        yield 'available', available
        yield 'allocated', allocated
        yield 'unavailable', usage['total'] - available - allocated


def _describe(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a pool as labels: all pools have the same."""
    labels = {key: properties.get(key, '') for key in _PROPERTIES}
    labels['attributes'] = ','.join(
        f'{key}={value}'
        for key, value in sorted(properties.items())
        if key not in labels
    )
    return labels
