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

"""A compute host with Nova's tracker and database, and simulated guests."""

from collections.abc import Callable
from collections.abc import Iterable
import functools
import os
import types
from typing import Any

import fixtures
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import test
from nova.compute import power_state
from nova.compute import resource_tracker
from nova.compute import vm_states
from nova.network import model as network_model
from nova.objects import fields
from nova.pci import manager
from oslo_config import cfg
from oslo_serialization import jsonutils
from oslo_utils import uuidutils
import yaml

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.requests import instance_requests
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.component import databases
from pci_ext.tests.component import flavors
from pci_ext.virt.fake import driver
from pci_ext.virt.fake import hardware_cards

CONF = cfg.CONF

HOST = 'host-1'
GPU = {'vendor_id': '8086', 'product_id': '0001'}


class SynchronousThread:
    """Runs its function in the thread that starts it, with its locks."""

    def __init__(
        self,
        target: Callable[..., None],
        args: tuple[Any, ...] = (),
        daemon: bool = False,
    ) -> None:
        self.start = functools.partial(target, *args)


class HostTestCase(test.TestCase):
    """A host with four devices; the tests create the servers."""

    ADDRESSES = tuple(f'0000:0{bus}:00.0' for bus in range(1, 5))

    def setUp(self) -> None:
        self.useFixture(databases.SharedSetUp())
        super().setUp()
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.compute.workers.threading.Thread', SynchronousThread
            )
        )
        self.conf.config(state_path=self.directory)
        self.conf.config(
            group='pci_ext',
            pci_information=['[{"vendor_id": "8086"}, {}]'],
            pci_flavor_attrs=['vendor_id', 'product_id'],
            fake_faults=os.path.join(self.directory, 'faults.yaml'),
        )
        self.context = nova_context.RequestContext('user', 'project')
        self.deleted_ports: set[str] = set()
        self.node = self.create_node()
        self.start()

    def create_node(self) -> objects.ComputeNode:
        node = objects.ComputeNode(
            self.context,
            host=HOST,
            hypervisor_hostname=HOST,
            uuid=uuidutils.generate_uuid(),
            vcpus=1,
            memory_mb=1,
            local_gb=1,
            vcpus_used=0,
            memory_mb_used=0,
            local_gb_used=0,
            hypervisor_type='fake',
            hypervisor_version=1,
            cpu_info='',
        )
        node.create()
        return node

    def start(self) -> None:
        """Start nova-compute anew, with an empty memory."""
        self.compute = types.SimpleNamespace(
            host=HOST,
            additional_endpoints=[],
            add_periodic_task=lambda task: None,
            _attach_interface=self.attach_interface,
            _detach_interface=self.detach_interface,
            _process_instance_vif_deleted_event=self.process_vif_deleted,
            network_api=types.SimpleNamespace(show_port=self.show_port),
            live_migration_abort=self.live_migration_abort,
        )
        virtapi = types.SimpleNamespace(_compute=self.compute)
        fake_driver = driver.FakeDriver(virtapi)
        self.compute.driver = fake_driver
        self.compute.rt = resource_tracker.ResourceTracker(
            HOST, fake_driver, reportclient=object()
        )
        tracker = manager.PciDevTracker(self.context, self.node)
        tracker.update_devices_from_hypervisor_resources(
            jsonutils.dumps(list(self.devices_of_hypervisor()))
        )
        # Nova does this for every server when nova-compute starts.
        for instance in objects.InstanceList.get_by_host(self.context, HOST):
            tracker.update_pci_for_instance(self.context, instance, 1)
        tracker.save(self.context)
        self.compute.rt.pci_tracker = tracker
        fake_driver.init_host(HOST)
        [self.endpoint] = self.compute.additional_endpoints
        self.manager = fake_driver._pci_manager

    def attach_interface(
        self,
        context: nova_context.RequestContext,
        instance: objects.Instance,
        network_id: str,
        port_id: str,
        requested_ip: str,
        tag: str,
    ) -> None:
        """Record a request of a port, as Nova's compute manager does."""
        instance.pci_requests.requests.append(
            objects.InstancePCIRequest(
                count=1, spec=[], request_id=port_id, requester_id=port_id
            )
        )
        instance.save()

    def detach_interface(
        self,
        context: nova_context.RequestContext,
        instance: objects.Instance,
        port_id: str,
    ) -> None:
        instance.pci_requests.requests = [
            request
            for request in instance.pci_requests.requests
            if request.request_id != port_id
        ]
        instance.save()

    def process_vif_deleted(
        self,
        context: nova_context.RequestContext,
        instance: objects.Instance,
        deleted_vif_id: str,
    ) -> None:
        """Do nothing; Nova's manager removes the interface of the guest."""

    def show_port(
        self, context: nova_context.RequestContext, port_id: str
    ) -> dict[str, Any]:
        if port_id in self.deleted_ports:
            raise nova_exception.PortNotFound(port_id=port_id)
        return {'port': {'id': port_id}}

    def live_migration_abort(
        self,
        context: nova_context.RequestContext,
        instance: objects.Instance,
        migration_id: int,
    ) -> None:
        """Remove a migration from the queue, as Nova's manager does."""
        migration = objects.Migration.get_by_id(context, migration_id)
        migration.status = 'cancelled'
        migration.save()

    def devices_of_hypervisor(self) -> Iterable[dict[str, Any]]:
        for address in self.ADDRESSES:
            yield from hardware_cards.expand(
                {**GPU, 'kind': 'gpu', 'address': address}, ''
            )

    def inject_faults(self, **faults: Any) -> None:
        path = os.path.join(self.directory, 'faults.yaml')
        with open(path, 'w', encoding='utf-8') as stream:
            yaml.safe_dump(faults, stream)

    def request(self, count: int) -> objects.InstancePCIRequest:
        return objects.InstancePCIRequest(
            count=count,
            spec=[{**GPU, 'pci_flavor': 'gpu'}],
            alias_name='gpu',
            request_id=uuidutils.generate_uuid(),
            numa_policy=fields.PCINUMAAffinityPolicy.LEGACY,
        )

    def create_server(self, devices: int = 1) -> str:
        """Create a running server with boot-time devices."""
        uuid = uuidutils.generate_uuid()
        requests = [self.request(devices)] if devices else []
        pci_requests = objects.InstancePCIRequests(
            instance_uuid=uuid, requests=requests
        )
        instance = objects.Instance(
            self.context,
            uuid=uuid,
            project_id='project',
            user_id='user',
            display_name='server',
            hostname='server',
            launch_index=0,
            power_state=power_state.RUNNING,
            host=HOST,
            node=HOST,
            compute_id=self.node.id,
            vm_state=vm_states.ACTIVE,
            image_ref='',
            system_metadata={},
            flavor=flavors.make_flavor(self.context, 'small'),
            pci_requests=pci_requests,
            info_cache=objects.InstanceInfoCache(
                instance_uuid=uuid, network_info=network_model.NetworkInfo()
            ),
        )
        instance.create()
        objects.RequestSpec(
            self.context, instance_uuid=uuid, pci_requests=pci_requests
        ).create()
        self.compute.rt.claim_pci_devices(self.context, pci_requests, None)
        self.compute.rt.allocate_pci_devices_for_instance(
            self.context, instance
        )
        self.compute.driver._start_domain(instance)
        return uuid

    def acquire(self, server: str, task_state: str) -> str:
        """Acquire the server, as nova-api does; return the operation id."""
        self.context.request_id = f'req-{uuidutils.generate_uuid()}'
        instance = self.instance(server)
        instance.task_state = task_state
        instance.system_metadata[server_state.OPERATION] = (
            self.context.request_id
        )
        instance.save(expected_task_state=[None])
        action = task_state.replace('ing_', '_')
        objects.InstanceAction.action_start(
            self.context, server, action, want_result=False
        )
        return str(self.context.request_id)

    def mark_pending(self, server: str, *addresses: str) -> None:
        """Mark devices of a server, as a detach does."""
        instance = self.instance(server)
        server_state.mark_pending_detach(
            instance,
            [
                device
                for device in instance.pci_devices
                if device.address in addresses
            ],
            'req-1',
        )

    def pending(self, server: str) -> set[str]:
        """Return the addresses of all marks of a pending detach."""
        return set(server_state.pending_detaches(self.instance(server)))

    def instance(self, server: str) -> objects.Instance:
        return objects.Instance.get_by_uuid(
            self.context,
            server,
            expected_attrs=['system_metadata', 'pci_requests', 'pci_devices'],
        )

    def devices(self, server: str) -> list[str]:
        """Return the devices of a server, and check that all records agree."""
        instance = self.instance(server)
        self.assertIsNone(instance.task_state)
        self.assertNotIn(server_state.OPERATION, instance.system_metadata)
        self.assertEqual([], instance_devices.incomplete_requests(instance))
        addresses = sorted(dev.address for dev in instance.pci_devices)
        domain = self.compute.driver.attached_pci(instance)
        if domain is not None:
            self.assertEqual(addresses, sorted(domain))
        for request in instance_requests.list_requests(instance):
            of_request = instance.get_pci_devices(
                request_id=request.request_id
            )
            self.assertEqual(request.count, len(of_request))
        spec = objects.RequestSpec.get_by_instance_uuid(self.context, server)
        self.assertEqual(
            instance.pci_requests.to_json(), spec.pci_requests.to_json()
        )
        return addresses

    def assertConsistent(self, *servers: str) -> None:
        """Check that each device is free or allocated to one server."""
        owners: dict[str, str] = {}
        for server in servers:
            for address in self.devices(server):
                self.assertNotIn(address, owners)
                owners[address] = server
        tracker = self.compute.rt.pci_tracker
        in_database = objects.PciDeviceList.get_by_compute_node(
            self.context, self.node.id
        )
        for devices in tracker.pci_devs, in_database:
            self.assertEqual(
                {
                    address: (
                        ('allocated', owners[address])
                        if address in owners
                        else ('available', None)
                    )
                    for address in self.ADDRESSES
                },
                {
                    device.address: (device.status, device.instance_uuid)
                    for device in devices
                },
            )
        free = {device.address for device in tracker.stats.get_free_devs()}
        self.assertEqual(set(self.ADDRESSES) - set(owners), free)
        self.assertEqual({}, dict(tracker.claims))
