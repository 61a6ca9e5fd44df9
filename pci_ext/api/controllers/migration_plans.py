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

"""Plans: the effect of a live migration on the devices of a server."""

from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.api import validation
from nova.api.openstack import wsgi
from nova.compute import api as compute
from nova.network import model as network_model
import webob.exc

from pci_ext.api import live_migration_check
from pci_ext.api import policy
from pci_ext.api.controllers import evaluations
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.api.inventory import server_devices
from pci_ext.api.schemas import migration_plans as schema
from pci_ext.policies import pci_devices as policies
from pci_ext.requests import compiler
from pci_ext.requests import teaming

View = dict[str, Any]

#: The name, pools and devices of each host.
_Destinations = list[tuple[str, list[model.Pool], list[model.DeviceGroup]]]


@validation.validated
class MigrationPlansController(wsgi.Controller):
    def __init__(self) -> None:
        super().__init__()
        self._compute_api = compute.API()

    @wsgi.expected_errors((400, 404, 503))
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request, server_id: str) -> View:
        """Plan the live migration of a server, to one host or any host."""
        context = req.environ['nova.context']
        instance = server_devices.find_server(
            self._compute_api, context, server_id
        )
        policy.authorize(
            context,
            policies.MIGRATION_PLAN,
            target={'project_id': instance.project_id},
        )
        return {'pci_migration_plan': _plan(instance, req.GET.get('host'))}


def _plan(instance: 'objects.Instance', host: str | None) -> View:
    devices = server_devices.list_server_devices(instance)
    return {
        'host': instance.host,
        'reason': live_migration_check.refusal_reason(instance, devices),
        'devices': [
            {
                'address': each.device.row.address,
                'dev_id': each.device.row.dev_id,
                'pci_flavor': each.pci_flavor,
                'live_migration': each.live_migration,
            }
            for each in devices
        ],
        'failover_ports': _failover_ports(instance),
        'hosts': _hosts(instance, _destinations(instance, host)),
    }


def _failover_ports(instance: 'objects.Instance') -> list[View]:
    replaces = {
        failover: port for port, failover in teaming.pairs(instance).items()
    }
    return [
        {
            'port_id': vif['id'],
            'mac_address': vif['address'],
            'vnic_type': vif['vnic_type'],
            'replaces': replaces.get(vif['id']),
        }
        for vif in instance.get_network_info()
        if vif['vnic_type'] not in network_model.VNIC_TYPES_SRIOV
    ]


def _destinations(
    instance: 'objects.Instance', host: str | None
) -> _Destinations:
    """Read the hosts that a server can be migrated to, or one of them.

    All are in its cell: Nova migrates no server live into another cell.

    :raises webob.exc.HTTPBadRequest: if the host is none of them
    """
    # A server without a host may not be in a cell yet, and does not migrate.
    if not instance.host:
        return []
    # The same text as of the live migration in Nova.
    if host == instance.host:
        raise webob.exc.HTTPBadRequest(
            explanation=nova_exception.UnableToMigrateToSelf(
                instance_id=instance.uuid, host=host
            ).format_message()
        )
    nodes, groups = reader.pools_and_groups_in_cell(instance._context, host)
    if host is not None and not nodes:
        raise webob.exc.HTTPBadRequest(
            explanation=nova_exception.ComputeHostNotFound(
                host=host
            ).format_message()
        )
    groups_of = evaluations.by_host(groups)
    return [
        (name, pools, groups_of[name])
        for name, pools in nodes.values()
        if name != instance.host
    ]


def _hosts(
    instance: 'objects.Instance', destinations: _Destinations
) -> list[View]:
    """Evaluate hosts as destinations, by their devices alone."""
    compiled = compiler.compile_request_spec(instance)
    if compiled is None:
        return []
    evaluator = evaluations.Evaluator(compiled, compiler.list_names(instance))
    return [
        evaluator.evaluate(host, pools, groups)
        for host, pools, groups in sorted(
            destinations, key=lambda node: node[0]
        )
    ]
