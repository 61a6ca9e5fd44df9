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

"""Pages of devices, cut by the database of a cell.

Nova's databases have case-insensitive collations on MariaDB, and often those
of a language on PostgreSQL; pages are in the order of Python.
"""

import collections
from collections.abc import Iterator
import itertools
import json
from types import SimpleNamespace
from typing import Any

from nova.db.main import models
from oslo_utils import uuidutils
from sqlalchemy import orm

from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import first_devices
from pci_ext.db import api
from pci_ext.tests.component.db import base

_HOSTS = ('b', '\xe4', 'a_', 'Z', '_a')
_REQUEST_IDS = (None, 'x', 'X', 'x ', '\xdf', 'ss')
_NUMA_NODES = (None, 0, 1)


class DevicePagesTestCase(base.DatabaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        engine = api.get_engine()
        models.BASE.metadata.create_all(
            engine,
            tables=[models.ComputeNode.__table__, models.PciDevice.__table__],
        )
        session = orm.Session(engine)
        self.addCleanup(session.close)
        self.context: Any = SimpleNamespace(session=session)
        for host in _HOSTS:
            session.add(self.node(host))
        session.flush()
        nodes = session.query(models.ComputeNode).all()
        places = itertools.product(nodes, _REQUEST_IDS, _NUMA_NODES)
        for number, (node, request_id, numa_node) in enumerate(places):
            session.add(
                models.PciDevice(
                    uuid=uuidutils.generate_uuid(),
                    compute_node_id=node.id,
                    address=f'0000:{number:02x}:00.0',
                    vendor_id='10de',
                    product_id='20b0',
                    dev_type='type-PCI',
                    dev_id='pci',
                    label='label',
                    status='available',
                    request_id=request_id,
                    numa_node=numa_node,
                )
            )
        session.commit()
        self.hosts = {node.id: node.host for node in nodes}
        self.devices = session.query(models.PciDevice).all()

    def node(self, host: str) -> models.ComputeNode:
        numbers = ('vcpus', 'memory_mb', 'local_gb', 'vcpus_used')
        numbers += ('memory_mb_used', 'local_gb_used', 'hypervisor_version')
        return models.ComputeNode(
            uuid=uuidutils.generate_uuid(),
            host=host,
            hypervisor_hostname=host,
            hypervisor_type='QEMU',
            cpu_info='',
            mapped=0,
            deleted=0,
            **dict.fromkeys(numbers, 0),
        )

    def value(self, device: models.PciDevice, key: str) -> Any:
        if key == 'host':
            return self.hosts[device.compute_node_id]
        return getattr(device, key)

    def expected(
        self, order: tuple[tuple[str, bool], ...]
    ) -> list[models.PciDevice]:
        found = sorted(self.devices, key=lambda device: device.uuid)
        for key, descending in reversed(order):

            def place(device: models.PciDevice, key: str = key) -> Any:
                value = self.value(device, key)
                return (value is not None, '' if value is None else value)

            # Equal ones keep their order, also if it descends.
            found.sort(key=place, reverse=descending)
        return found

    def pages(
        self, order: tuple[tuple[str, bool], ...], limit: int
    ) -> Iterator[set[int]]:
        """Walk through all devices, a page at a time."""
        by_id = {device.id: device for device in self.devices}
        after = None
        # With a wrong order it would not end.
        for _ in self.devices:
            cut = first_devices.Cut(order, after, limit)
            ids = first_devices.narrow(
                self.context, cell_queries.DeviceFilter(), cut
            ).ids
            assert ids is not None
            if not ids:
                return
            yield set(ids)
            page = [by_id[number] for number in ids]
            last = [each for each in self.expected(order) if each in page][-1]
            after = (
                *(self.value(last, key) for key, _ in order),
                last.uuid,
            )

    def test_pages_are_in_the_order_of_python(self) -> None:
        keys = ('host', 'request_id', 'numa_node')
        for first, second in itertools.permutations(keys, 2):
            for directions in itertools.product((False, True), repeat=2):
                order = tuple(zip((first, second), directions, strict=True))
                ids = [device.id for device in self.expected(order)]
                self.assertEqual(
                    [set(ids[at : at + 25]) for at in range(0, len(ids), 25)],
                    list(self.pages(order, 25)),
                    order,
                )

    def test_alike_but_for_an_ignored_property(self) -> None:
        texts = (
            None,
            '',
            '{"ignored": {"number": 1}}',
            '{"ignored": 2, "e.group": "gpu"}',
            '{"e.group": "GPU", "ignored": 3}',
            '{"e.group": "gpu", "ignored": "4"}',
        )
        for device in self.devices:
            device.extra_info = texts[_REQUEST_IDS.index(device.request_id)]
        self.context.session.commit()
        groups = cell_queries.device_groups(
            self.context, cell_queries.DeviceFilter(), False, ('ignored',)
        )
        found = collections.Counter(
            (
                group.extra_info and json.dumps(json.loads(group.extra_info)),
                group.number,
            )
            for group in groups
        )
        places = len(_HOSTS) * len(_NUMA_NODES)
        self.assertEqual(
            {
                (None, 2): places,
                ('{}', 1): places,
                ('{"e.group": "gpu"}', 2): places,
                ('{"e.group": "GPU"}', 1): places,
            },
            found,
        )

    def test_filter_takes_no_other_text_for_equal(self) -> None:
        cut = first_devices.Cut((), None, len(self.devices))
        address = '0000:0a:00.0'
        # MariaDB takes all of them for equal.
        for found, given in (
            (1, address),
            (0, address.upper()),
            (0, f'{address} '),
        ):
            ids = first_devices.narrow(
                self.context, cell_queries.DeviceFilter(address=given), cut
            ).ids
            self.assertEqual(found, len(ids or ()), given)
