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

"""The usage of projects: servers in two cells, in each state."""

from collections.abc import Sequence
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.objects import fields
from oslo_utils.fixture import uuidsentinel

from pci_ext import server_state
from pci_ext.api.quota import counted_flavors
from pci_ext.api.quota import usage
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

INTEL = {'vendor_id': '8086', 'product_id': '0001', 'numa_node': None}
NVIDIA = INTEL | {'vendor_id': '10de'}
#: The requester_id of a request that the host records for an attach.
ATTACHING = 'pci_ext:attaching:req'

POOL = {'dev_type': 'type-PCI', 'count': 1}

#: Uuids of PCI flavors.
INTEL_GPU, NV_GPU = uuidsentinel.IntelGPU, uuidsentinel.NvGPU

FIRST = {
    'vendor_id': '8086',
    'pci_flavor': 'IntelGPU',
    'pci_flavor_uuid': INTEL_GPU,
}
SECOND = {
    'vendor_id': '10de',
    'pci_flavor': 'NvGPU',
    'pci_flavor_uuid': NV_GPU,
}

#: Requests that name no PCI flavor, and PCI flavors that match their devices.
ALIAS = {'vendor_id': '8086', 'product_id': '0001', 'dev_type': 'type-PCI'}
NAME = {'pci_name': '10GE', 'e.name': '10GE'}
ANY_GPU = uuidsentinel.AnyGPU
INTEL_FLAVOR = pci_flavor.PciFlavor(
    uuid=INTEL_GPU, name='IntelGPU', specs={'vendor_id': '8086'}
)
ANY_FLAVOR = pci_flavor.PciFlavor(
    uuid=ANY_GPU, name='AnyGPU', specs={'product_id': '0001'}
)


def request(
    name: str, count: int, *spec: dict[str, str], **values: Any
) -> objects.InstancePCIRequest:
    return objects.InstancePCIRequest(
        count=count,
        spec=list(spec),
        alias_name='name',
        request_id=getattr(uuidsentinel, name),
        numa_policy=fields.PCINUMAAffinityPolicy.LEGACY,
        **values,
    )


def requests(
    *items: objects.InstancePCIRequest,
) -> objects.InstancePCIRequests:
    return objects.InstancePCIRequests(requests=list(items))


class ProjectTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hosts = {
            cell: self.create_host(
                cell, f'{cell}-host', {**INTEL, **POOL}, {**NVIDIA, **POOL}
            )
            for cell in ('cell1', 'cell2')
        }

    def instance(self, cell: str, server: str) -> objects.Instance:
        context = self.context_of('admin')
        nova_context.set_target_cell(context, self.cell_mappings[cell])
        return objects.Instance.get_by_uuid(
            context, server, expected_attrs=['pci_requests']
        )

    def create(
        self,
        name: str,
        *items: objects.InstancePCIRequest,
        cell: str = 'cell1',
        project_id: str = base.OWN_PROJECT,
        **values: Any,
    ) -> str:
        """Create a server with requests."""
        server = self.create_server(
            cell, name, self.hosts[cell], project_id=project_id
        )
        instance = self.instance(cell, server)
        instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=server, requests=list(items)
        )
        for key, value in values.items():
            setattr(instance, key, value)
        instance.save()
        return server

    def add_device(
        self,
        server: str,
        slot: int,
        request: str,
        cell: str = 'cell1',
        **values: Any,
    ) -> None:
        """Allocate a device to a server for a request."""
        self.create_device(
            cell,
            self.hosts[cell],
            f'0000:{slot:02x}:00.0',
            server,
            request_id=getattr(uuidsentinel, request),
            **values,
        )

    def request_server(
        self, name: str, *items: objects.InstancePCIRequest
    ) -> str:
        """Create the build request of a server without a cell."""
        server: str = getattr(uuidsentinel, name)
        objects.BuildRequest(
            self.context,
            instance_uuid=server,
            project_id=base.OWN_PROJECT,
            instance=objects.Instance(
                uuid=server,
                project_id=base.OWN_PROJECT,
                pci_requests=objects.InstancePCIRequests(
                    instance_uuid=server, requests=list(items)
                ),
            ),
            block_device_mappings=objects.BlockDeviceMappingList(),
            tags=objects.TagList(),
        ).create()
        return server


class UsageTestCase(ProjectTestCase):
    def charged(
        self,
        project_id: str = base.OWN_PROJECT,
        flavors: Sequence[pci_flavor.PciFlavor] = (),
    ) -> dict[str, int]:
        """Return the usage of a project.

        :param flavors: compared with devices whose requests name none
        """
        counted = counted_flavors.CountedFlavors(flavors)
        return dict(usage.count_project(self.context, project_id, counted))

    def test_server_without_requests_uses_nothing(self) -> None:
        self.create_server('cell1', 'server', self.hosts['cell1'])
        self.assertEqual({}, self.charged())

    def test_counts_allocated_devices_by_alternative(self) -> None:
        server = self.create('server', request('both', 2, FIRST, SECOND))
        self.add_device(server, 1, 'both', **INTEL)
        self.add_device(server, 2, 'both', status='claimed', **NVIDIA)
        other = self.create('other', request('one', 1, SECOND), cell='cell2')
        self.add_device(other, 1, 'one', 'cell2', **NVIDIA)
        self.assertEqual({INTEL_GPU: 1, NV_GPU: 2}, self.charged())

    def test_counts_devices_of_the_project_only(self) -> None:
        server = self.create(
            'server',
            request('one', 1, FIRST),
            project_id=base.OTHER_PROJECT,
        )
        self.add_device(server, 1, 'one', **INTEL)
        self.assertEqual({}, self.charged())
        self.assertEqual({INTEL_GPU: 1}, self.charged(base.OTHER_PROJECT))

    def test_counts_devices_of_other_requests_by_selector(self) -> None:
        port = request('port', 1, {'physical_network': 'red'})
        port.alias_name = None
        server = self.create(
            'server',
            request('alias', 2, ALIAS),
            request('name', 1, NAME),
            port,
        )
        for slot, name in enumerate(('alias', 'name', 'port', 'unknown')):
            self.add_device(server, slot, name, **INTEL)
        self.add_device(server, 4, 'alias', **NVIDIA)
        self.assertEqual({}, self.charged())
        self.assertEqual({INTEL_GPU: 4}, self.charged(flavors=[INTEL_FLAVOR]))
        # All that match, not the first only.
        self.assertEqual(
            {INTEL_GPU: 4, ANY_GPU: 5},
            self.charged(flavors=[INTEL_FLAVOR, ANY_FLAVOR]),
        )

    def test_alternative_counts_under_no_other_pci_flavor(self) -> None:
        server = self.create('server', request('both', 2, FIRST, SECOND))
        self.add_device(server, 1, 'both', **INTEL)
        self.assertEqual({INTEL_GPU: 1}, self.charged(flavors=[ANY_FLAVOR]))

    def add_free_device(self, cell: str, slot: int, **values: Any) -> None:
        self.create_device(
            cell, self.hosts[cell], f'0000:{slot:02x}:00.0', **values
        )

    def test_counts_requests_of_an_alias_by_devices_to_be_given(self) -> None:
        item = request('alias', 2, ALIAS)
        self.request_server('server', item)
        self.add_free_device('cell2', 1, **NVIDIA)
        self.assertEqual({}, self.charged(flavors=[INTEL_FLAVOR]))
        self.add_free_device('cell2', 2, **INTEL)
        self.assertEqual({INTEL_GPU: 2}, self.charged(flavors=[INTEL_FLAVOR]))
        # In a cell a server is given devices of this cell only.
        server = self.create('server', item, vm_state=vm_states.BUILDING)
        self.assertEqual({}, self.charged(flavors=[INTEL_FLAVOR]))
        self.add_device(server, 1, 'alias', status='claimed', **INTEL)
        self.assertEqual({INTEL_GPU: 2}, self.charged(flavors=[INTEL_FLAVOR]))

    def test_counts_requests_by_name_by_devices_to_be_given(self) -> None:
        self.request_server('server', request('name', 1, NAME))
        self.add_free_device('cell1', 1, **INTEL)
        self.assertEqual({}, self.charged(flavors=[INTEL_FLAVOR]))
        attributes = {'e.name': '10GE'}
        host = self.create_host(
            'cell1', 'named', {**INTEL, **POOL, **attributes}
        )
        self.create_device(
            'cell1', host, '0000:02:00.0', attributes=attributes, **INTEL
        )
        self.assertEqual({INTEL_GPU: 1}, self.charged(flavors=[INTEL_FLAVOR]))

    def test_counts_a_server_without_a_cell(self) -> None:
        self.request_server('server', request('both', 2, FIRST, SECOND))
        self.assertEqual({INTEL_GPU: 2, NV_GPU: 2}, self.charged())
        self.assertEqual({}, self.charged(base.OTHER_PROJECT))

    def test_counts_a_server_with_a_build_request_once(self) -> None:
        item = request('both', 2, FIRST, SECOND)
        self.request_server('server', item)
        server = self.create('server', item, vm_state=vm_states.BUILDING)
        self.assertEqual({INTEL_GPU: 2, NV_GPU: 2}, self.charged())
        self.add_device(server, 1, 'both', status='claimed', **NVIDIA)
        self.assertEqual({INTEL_GPU: 1, NV_GPU: 2}, self.charged())

    def test_does_not_count_a_failed_server_without_devices(self) -> None:
        self.create(
            'server', request('one', 1, FIRST), vm_state=vm_states.ERROR
        )
        self.assertEqual({}, self.charged())

    def test_counts_a_recorded_attach(self) -> None:
        server = self.create(
            'server',
            request('one', 1, FIRST),
            request('hot', 1, FIRST, SECOND, requester_id='pci_ext:x'),
            task_state=server_state.ATTACHING_PCI,
        )
        self.add_device(server, 1, 'one', **INTEL)
        self.assertEqual({INTEL_GPU: 2, NV_GPU: 1}, self.charged())
        self.add_device(server, 2, 'hot', status='claimed', **NVIDIA)
        self.assertEqual({INTEL_GPU: 1, NV_GPU: 1}, self.charged())

    def reserve(
        self, server: str, task_state: str | None, devices: dict[str, int]
    ) -> None:
        instance = self.instance('cell1', server)
        instance.task_state = task_state
        server_state.reserve(instance, devices)
        instance.save()

    def test_counts_a_reserved_attach(self) -> None:
        server = self.create_server('cell1', 'server', self.hosts['cell1'])
        self.reserve(
            server, server_state.ATTACHING_PCI, {INTEL_GPU: 2, NV_GPU: 1}
        )
        self.assertEqual({INTEL_GPU: 2, NV_GPU: 1}, self.charged())
        # The host records the request.
        self.save_requests(
            server, request('hot', 2, FIRST, requester_id=ATTACHING)
        )
        self.assertEqual({INTEL_GPU: 2}, self.charged())
        self.add_device(server, 1, 'hot', status='claimed', **INTEL)
        self.assertEqual({INTEL_GPU: 2}, self.charged())

    def test_does_not_count_an_outdated_reservation(self) -> None:
        server = self.create('server', request('one', 1, FIRST))
        self.add_device(server, 1, 'one', **INTEL)
        for task_state in None, 'deleting':
            self.reserve(server, task_state, {INTEL_GPU: 2, NV_GPU: 1})
            self.assertEqual({INTEL_GPU: 1}, self.charged())

    def test_counts_a_reserved_resize(self) -> None:
        old, new = request('old', 1, FIRST), request('new', 2, FIRST)
        server = self.create('server', old)
        self.add_device(server, 1, 'old', **INTEL)
        self.reserve(server, task_states.RESIZE_PREP, {INTEL_GPU: 1})
        self.assertEqual({INTEL_GPU: 2}, self.charged())
        # The host claims: first the requests are on record, then the devices.
        instance = self.instance('cell1', server)
        instance.migration_context = objects.MigrationContext(
            instance_uuid=server,
            migration_id=1,
            old_pci_requests=requests(old),
            new_pci_requests=requests(new),
        )
        instance.save()
        self.assertEqual({INTEL_GPU: 3}, self.charged())
        for slot in 2, 3:
            self.add_device(server, slot, 'new', status='claimed', **INTEL)
            self.assertEqual({INTEL_GPU: 3}, self.charged())

    def test_counts_a_server_in_unshelving(self) -> None:
        server = self.create(
            'server',
            request('one', 1, FIRST),
            vm_state=vm_states.SHELVED_OFFLOADED,
        )
        self.assertEqual({}, self.charged())
        instance = self.instance('cell1', server)
        instance.task_state = task_states.UNSHELVING
        instance.save()
        self.assertEqual({INTEL_GPU: 1}, self.charged())

    def save_requests(
        self, server: str, *items: objects.InstancePCIRequest
    ) -> None:
        instance = self.instance('cell1', server)
        instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=server, requests=list(items)
        )
        instance.save()

    def test_counts_a_moving_server_on_both_hosts(self) -> None:
        old = request('old', 1, FIRST)
        new = request('new', 1, SECOND)
        for current in (old, new):
            server = self.create(current.spec[0]['pci_flavor'], current)
            instance = self.instance('cell1', server)
            instance.migration_context = objects.MigrationContext(
                instance_uuid=server,
                migration_id=1,
                old_pci_requests=requests(old),
                new_pci_requests=requests(new),
            )
            instance.save()
            slot = 2 * (current is new)
            self.add_device(server, slot + 1, 'old', **INTEL)
            self.add_device(server, slot + 2, 'new', **NVIDIA)
        self.assertEqual({INTEL_GPU: 2, NV_GPU: 2}, self.charged())

    def test_unknown_alternative_counts_as_each_alternative(self) -> None:
        server = self.create('server', request('both', 1, FIRST, SECOND))
        self.add_device(server, 1, 'both', **INTEL | {'vendor_id': '1234'})
        self.assertEqual({INTEL_GPU: 1, NV_GPU: 1}, self.charged())

    def test_ignores_an_unreachable_cell(self) -> None:
        for cell in ('cell1', 'cell2'):
            server = self.create(cell, request(cell, 1, FIRST), cell=cell)
            self.add_device(server, 1, cell, cell, **INTEL)
        self.useFixture(
            base.BrokenCell(usage, '_in_cell', self.cell_mappings['cell1'])
        )
        self.assertEqual({INTEL_GPU: 1}, self.charged())

    def test_counts_boot_time_devices(self) -> None:
        port = request('port', 1, FIRST)
        port.alias_name = None
        server = self.create(
            'server',
            request('boot', 1, FIRST, SECOND),
            request('hot', 1, FIRST, requester_id='pci_ext:hot'),
            port,
        )
        self.add_device(server, 1, 'boot', **NVIDIA)
        self.add_device(server, 2, 'hot', **INTEL)
        self.add_device(server, 3, 'port', **INTEL)
        self.assertEqual(
            {NV_GPU: 1},
            usage.count_boot_devices(
                self.instance('cell1', server),
                counted_flavors.CountedFlavors([INTEL_FLAVOR]),
            ),
        )

    def test_queries_do_not_grow_with_servers(self) -> None:
        for number in range(1, 6):
            server = self.create(
                f'server{number}', request(f'r{number}', 1, FIRST)
            )
            self.add_device(server, number, f'r{number}', **INTEL)
        with (
            base.statements('pci_devices') as devices,
            base.statements('instances') as instances,
        ):
            self.assertEqual({INTEL_GPU: 5}, self.charged())
        # In each of two cells.
        self.assertEqual(3 * 2, len(devices), devices)
        self.assertEqual(5 * 2, len(instances), instances)
