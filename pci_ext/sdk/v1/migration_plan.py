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

"""The plan of a live migration of a server with devices."""

from openstack import resource


class MigrationPlan(resource.Resource):
    resource_key = 'pci_migration_plan'
    base_path = '/servers/%(server_id)s/os-pci-migration-plan'
    requires_id = False

    # capabilities
    allow_fetch = True

    # Properties
    #: The id of the server.
    server_id = resource.URI('server_id')
    #: The host of the server.
    host = resource.Body('host')
    #: The reason against a live migration, if any.
    reason = resource.Body('reason')
    #: The devices of the server, with their policies. *Type: list*
    devices = resource.Body('devices', type=list)
    #: Ports that the guest keeps while devices are detached. *Type: list*
    failover_ports = resource.Body('failover_ports', type=list)
    #: The other hosts of the cell, with the devices there. *Type: list*
    hosts = resource.Body('hosts', type=list)
