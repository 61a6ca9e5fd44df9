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

"""The routes of the API: all paths, and all controllers of Nova replaced."""

from collections.abc import Mapping

from nova.api.openstack import wsgi
from nova.api.openstack.compute import attach_interfaces
from nova.api.openstack.compute import evacuate
from nova.api.openstack.compute import migrate_server
from nova.api.openstack.compute import servers as nova_servers
from nova.api.openstack.compute import shelve
from nova.api.openstack.compute import volumes_boot

from pci_ext.api.controllers import evaluations
from pci_ext.api.controllers import migration_plans
from pci_ext.api.controllers import nova_controllers
from pci_ext.api.controllers import openapi_document
from pci_ext.api.controllers import pci_devices
from pci_ext.api.controllers import pci_flavor_access
from pci_ext.api.controllers import pci_flavor_limits
from pci_ext.api.controllers import pci_flavors
from pci_ext.api.controllers import pci_limits
from pci_ext.api.controllers import pci_pools
from pci_ext.api.controllers import pci_versions
from pci_ext.api.controllers import server_actions
from pci_ext.api.controllers import server_devices
from pci_ext.api.controllers import servers

Controller = type[wsgi.Controller]

#: A path, and by HTTP method the controller and the name of its action.
Route = tuple[str, Mapping[str, tuple[Controller, str]]]

#: All paths that Nova does not have. Of two that match, the first serves.
ROUTES: tuple[Route, ...] = (
    ('/os-pci', {'GET': (pci_versions.PciVersionsController, 'index')}),
    (
        '/os-pci/openapi.json',
        {'GET': (openapi_document.DescriptionsController, 'show')},
    ),
    (
        '/os-pci-devices',
        {'GET': (pci_devices.PciDevicesController, 'index')},
    ),
    (
        '/os-pci-devices/{id}',
        {'GET': (pci_devices.PciDevicesController, 'show')},
    ),
    (
        '/os-pci-flavors',
        {
            'GET': (pci_flavors.PciFlavorsController, 'index'),
            'POST': (pci_flavors.PciFlavorsController, 'create'),
        },
    ),
    (
        '/os-pci-flavors/detail',
        {'GET': (pci_flavors.PciFlavorsController, 'detail')},
    ),
    (
        '/os-pci-flavors/evaluate',
        {'POST': (evaluations.EvaluationsController, 'create')},
    ),
    (
        '/os-pci-flavors/{id}',
        {
            'GET': (pci_flavors.PciFlavorsController, 'show'),
            'PUT': (pci_flavors.PciFlavorsController, 'update'),
            'DELETE': (pci_flavors.PciFlavorsController, 'delete'),
        },
    ),
    # Nova has the variable project_id already, at the start of a path.
    (
        '/os-pci-flavors/{pci_flavor_id}/access',
        {
            'GET': (pci_flavor_access.PciFlavorAccessController, 'index'),
            'POST': (pci_flavor_access.PciFlavorAccessController, 'create'),
        },
    ),
    (
        '/os-pci-flavors/{pci_flavor_id}/access/{id}',
        {'DELETE': (pci_flavor_access.PciFlavorAccessController, 'delete')},
    ),
    (
        '/os-pci-flavors/{pci_flavor_id}/limits',
        {
            'GET': (pci_flavor_limits.PciFlavorLimitsController, 'index'),
            'PUT': (pci_flavor_limits.PciFlavorLimitsController, 'update'),
        },
    ),
    ('/os-pci-limits', {'GET': (pci_limits.PciLimitsController, 'index')}),
    ('/os-pci-pools', {'GET': (pci_pools.PciPoolsController, 'index')}),
    (
        '/servers/{server_id}/os-pci-devices',
        {'GET': (server_devices.ServerDevicesController, 'index')},
    ),
    (
        '/servers/{server_id}/os-pci-migration-plan',
        {'GET': (migration_plans.MigrationPlansController, 'index')},
    ),
)

#: Controllers of Nova, and their subclasses that serve in their place.
REPLACED: Mapping[Controller, Controller] = {
    attach_interfaces.InterfaceAttachmentController: (
        nova_controllers.InterfaceAttachmentController
    ),
    evacuate.EvacuateController: nova_controllers.EvacuateController,
    migrate_server.MigrateServerController: (
        nova_controllers.MigrateServerController
    ),
    nova_servers.ServersController: servers.ServersController,
    shelve.ShelveController: nova_controllers.ShelveController,
    volumes_boot.VolumesBootController: (
        nova_controllers.VolumesBootController
    ),
}

#: Controllers that add actions to those of Nova, by the controller they join.
ACTIONS: Mapping[Controller, tuple[Controller, ...]] = {
    nova_servers.ServersController: (server_actions.ServerActionsController,),
}
