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

"""Nova's databases with two cells, and helpers that fill them.

The helpers create compute hosts, servers and PCI devices.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import re
from typing import Any

import fixtures
from nova import context
from nova import objects
from nova import test
from nova import utils
from nova.api import openstack
from nova.api.openstack import wsgi
from nova.compute import power_state
from nova.compute import vm_states
from nova.db.main import api as db_api
from nova.network import model as network_model
from nova.objects import fields
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_serialization import jsonutils
from oslo_utils import timeutils
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel
import requests
import sqlalchemy as sa
import webob

from pci_ext import conf
from pci_ext.api import router
from pci_ext.conf import database
from pci_ext.db import api as pci_ext_db_api
from pci_ext.matching import grouping
from pci_ext.tests.component import databases
from pci_ext.tests.component import flavors
from pci_ext.tests.component.db import base as db_base

OWN_PROJECT = 'd2b25c3ebf6847e2b1a5a0d4fc09e2ae'
OTHER_PROJECT = '6f70656e737461636b20342065766572'


class Database(fixtures.Fixture):
    """A new database of PCI flavors, and its option in the configuration."""

    def _setUp(self) -> None:
        connection = self.useFixture(db_base.Database()).connection
        conf.register_opts(cfg.CONF)
        self.useFixture(config_fixture.Config(cfg.CONF)).config(
            group=database.GROUP, connection=connection
        )
        pci_ext_db_api.configure(cfg.CONF)
        self.addCleanup(pci_ext_db_api.get_engine().dispose)


class BrokenCell(fixtures.Fixture):
    """A cell whose database a function cannot reach."""

    def __init__(
        self, module: Any, function: str, cell: objects.CellMapping
    ) -> None:
        self.module = module
        self.function = function
        self.cell = cell

    def _setUp(self) -> None:
        original = getattr(self.module, self.function)

        def call(cell_context: context.RequestContext, *args: Any) -> Any:
            if cell_context.cell_uuid == self.cell.uuid:
                raise OSError('no route to the database')
            return original(cell_context, *args)

        self.useFixture(
            fixtures.MockPatchObject(self.module, self.function, call)
        )


class Projects(fixtures.Fixture):
    """Keystone with the given projects and no others."""

    def __init__(self, *project_ids: str) -> None:
        self.project_ids = project_ids

    def _setUp(self) -> None:
        self.useFixture(
            fixtures.MockPatchObject(
                utils, 'get_ksa_adapter', return_value=self
            )
        )

    def get(self, path: str) -> requests.Response:
        response = requests.Response()
        known = path.removeprefix('/projects/') in self.project_ids
        response.status_code = 200 if known else 404
        return response


@contextlib.contextmanager
def statements(table: str) -> Iterator[list[str]]:
    """Record the SQL statements that read a table, on every database."""
    recorded: list[str] = []

    def record(
        connection: Any,
        cursor: Any,
        statement: str,
        parameters: Any,
        execution_context: Any,
        executemany: bool,
    ) -> None:
        if f'FROM {table}' in statement:
            recorded.append(statement)

    sa.event.listen(sa.Engine, 'before_cursor_execute', record)
    try:
        yield recorded
    finally:
        sa.event.remove(sa.Engine, 'before_cursor_execute', record)


class CellsTestCase(test.TestCase):
    NUMBER_OF_CELLS = 2

    def setUp(self) -> None:
        self.useFixture(databases.SharedSetUp())
        super().setUp()
        self.context = self.context_of('admin', 'member', 'reader')

    @staticmethod
    def context_of(
        *roles: str, project_id: str = OWN_PROJECT
    ) -> context.RequestContext:
        return context.RequestContext(
            user_id='user', project_id=project_id, roles=list(roles)
        )

    def create_host(
        self,
        cell: str,
        host: str,
        *pools: Mapping[str, Any],
        hypervisor_hostname: str | None = None,
        has_pci_ext: bool = True,
    ) -> objects.ComputeNode:
        """Create a compute host that reports pools, each as a dict.

        :param hypervisor_hostname: by default the name of the host
        """
        mark = {grouping.SPECIAL_ATTRS: ''} if has_pci_ext else {}
        with context.target_cell(
            self.context, self.cell_mappings[cell]
        ) as cell_context:
            node = objects.ComputeNode(
                cell_context,
                host=host,
                hypervisor_hostname=hypervisor_hostname or host,
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
                pci_device_pools=objects.PciDevicePoolList(
                    objects=[
                        objects.PciDevicePool.from_dict({**mark, **pool})
                        for pool in pools
                    ]
                ),
            )
            node.create()
        return node

    def create_server(
        self,
        cell: str | None,
        name: str,
        node: objects.ComputeNode | None = None,
        extra_specs: dict[str, str] | None = None,
        project_id: str = OWN_PROJECT,
    ) -> str:
        """Create a server.

        :param cell: None: the server is not in a cell yet
        :param node: None: the server has no host
        :returns: the uuid of the server
        """
        uuid: str = getattr(uuidsentinel, name)
        mapping = objects.InstanceMapping(
            self.context,
            instance_uuid=uuid,
            project_id=project_id,
            user_id='user',
            cell_mapping=cell and self.cell_mappings[cell],
        )
        mapping.create()
        if cell is None:
            return uuid
        with context.target_cell(
            self.context, self.cell_mappings[cell]
        ) as cell_context:
            objects.Instance(
                cell_context,
                uuid=uuid,
                launched_at=timeutils.utcnow(),
                project_id=project_id,
                user_id='user',
                display_name=name,
                hostname=name,
                launch_index=0,
                progress=0,
                power_state=power_state.RUNNING,
                config_drive='',
                reservation_id='r-00000001',
                root_device_name='/dev/vda',
                kernel_id='',
                ramdisk_id='',
                host=node and node.host,
                node=node and node.hypervisor_hostname,
                compute_id=node and node.id,
                vm_state=vm_states.ACTIVE,
                image_ref='',
                flavor=flavors.make_flavor(
                    cell_context, 'pci.small', extra_specs=extra_specs
                ),
                info_cache=objects.InstanceInfoCache(
                    instance_uuid=uuid,
                    network_info=network_model.NetworkInfo(),
                ),
            ).create()
        return uuid

    def create_device(
        self,
        cell: str,
        node: objects.ComputeNode,
        address: str,
        server_uuid: str | None = None,
        attributes: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        """Record a device.

        :param server_uuid: the server that the device is allocated to
        :param attributes: the extra_info of the device
        :param values: fields of the record that replace the defaults
        """
        with context.target_cell(
            self.context, self.cell_mappings[cell]
        ) as cell_context:
            db_api.pci_device_update(
                cell_context,
                node.id,
                address,
                {
                    'uuid': uuidutils.generate_uuid(),
                    'address': address,
                    'compute_node_id': node.id,
                    'dev_id': 'pci_' + re.sub('[:.]', '_', address),
                    'vendor_id': '8086',
                    'product_id': '10c9',
                    'dev_type': fields.PciDeviceType.STANDARD,
                    'status': (
                        fields.PciDeviceStatus.ALLOCATED
                        if server_uuid
                        else fields.PciDeviceStatus.AVAILABLE
                    ),
                    'label': 'label_8086_10c9',
                    'instance_uuid': server_uuid,
                    'extra_info': jsonutils.dumps(attributes or {}),
                    **values,
                },
            )


class RouterTestCase(CellsTestCase):
    """The API without the middleware of the paste file."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(Database())
        self.app = openstack.FaultWrapper(
            router.APIRouter(router.load_routes())
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        context: context.RequestContext | None = None,
        version: str = '2.1',
        legacy_v2: bool = False,
        pci_version: str | None = None,
    ) -> webob.Response:
        """Send a request.

        :param body: sent as JSON; bytes are sent without a change
        :param context: the user of the request; None: the administrator
        :param pci_version: the version of the PCI API, if the client knows it
        """
        request = wsgi.Request.blank(
            path, method=method, base_url='http://localhost/v2.1'
        )
        request.environ['nova.context'] = context or self.context
        versions = [f'compute {version}']
        if pci_version:
            versions.append(f'pci {pci_version}')
        request.headers['OpenStack-API-Version'] = ', '.join(versions)
        if legacy_v2:
            request.set_legacy_v2()
        if body is not None:
            request.content_type = 'application/json'
            request.body = (
                body
                if isinstance(body, bytes)
                else jsonutils.dump_as_bytes(body)
            )
        return request.get_response(self.app)
