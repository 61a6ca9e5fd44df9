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

"""The methods of ``conn.pci``."""

from collections.abc import Generator
from collections.abc import Iterable
from typing import Any
from typing import ClassVar
from typing import Literal

from openstack import exceptions
from openstack import proxy
from openstack import resource
from openstack import utils
from openstack.compute.v2 import server as _server
from openstack.compute.v2 import server_action as _server_action

from pci_ext.sdk.v1 import device as _device
from pci_ext.sdk.v1 import evaluation as _evaluation
from pci_ext.sdk.v1 import flavor as _flavor
from pci_ext.sdk.v1 import flavor_access as _flavor_access
from pci_ext.sdk.v1 import flavor_limits as _flavor_limits
from pci_ext.sdk.v1 import limit as _limit
from pci_ext.sdk.v1 import migration_plan as _migration_plan
from pci_ext.sdk.v1 import pool as _pool
from pci_ext.sdk.v1 import server_device as _server_device

_Flavor = str | _flavor.Flavor
_Server = str | _server.Server


class Proxy(proxy.Proxy):
    """Calls the PCI API.

    The methods raise the exceptions of openstacksdk: an
    :class:`~openstack.exceptions.HttpException` with the message of the API,
    and :class:`~openstack.exceptions.NotFoundException` for a resource that
    does not exist or that the project may not see.
    """

    api_version: ClassVar[Literal['1']] = '1'

    _resource_registry = {
        'device': _device.Device,
        'flavor': _flavor.Flavor,
        'flavor_access': _flavor_access.FlavorAccess,
        'flavor_limits': _flavor_limits.FlavorLimits,
        'limit': _limit.Limit,
        'migration_plan': _migration_plan.MigrationPlan,
        'pool': _pool.Pool,
        'server_device': _server_device.ServerDevice,
    }

    # ========== PCI flavors ==========

    def flavors(
        self, details: bool = True, **query: Any
    ) -> Generator[_flavor.Flavor, None, None]:
        """Return a generator of the PCI flavors that the project sees.

        :param details: whether they have all properties, or only the id, the
            name and the description
        :param query: ``name``, ``is_public``, ``sort_key``, ``sort_dir``,
            ``limit`` or ``marker``
        """
        base_path = '/os-pci-flavors/detail' if details else None
        return self._list(_flavor.Flavor, base_path=base_path, **query)

    def find_flavor(
        self, name_or_id: str, ignore_missing: bool = True
    ) -> _flavor.Flavor | None:
        """Find a PCI flavor.

        :param name_or_id: its name or uuid
        :param ignore_missing: whether the result is None, if there is none,
            or :class:`~openstack.exceptions.NotFoundException` is raised
        """
        return self._find(
            _flavor.Flavor, name_or_id, ignore_missing=ignore_missing
        )

    def get_flavor(self, flavor: _Flavor) -> _flavor.Flavor:
        """Get a PCI flavor.

        :param flavor: the PCI flavor or its uuid; ``0`` for the attributes
            that PCI flavors can select by, as ``specs``
        """
        return self._get(_flavor.Flavor, flavor)

    def create_flavor(self, **attrs: Any) -> _flavor.Flavor:
        """Create a PCI flavor.

        :param attrs: the ``name``, and other properties of
            :class:`~pci_ext.sdk.v1.flavor.Flavor`
        """
        return self._create(_flavor.Flavor, **attrs)

    def update_flavor(self, flavor: _Flavor, **attrs: Any) -> _flavor.Flavor:
        """Change a PCI flavor.

        :param flavor: the PCI flavor or its uuid
        :param attrs: the properties to change; a pattern None in ``specs``
            removes the one of its attribute, others that are not named stay
        """
        return self._update(_flavor.Flavor, flavor, **attrs)

    def delete_flavor(
        self, flavor: _Flavor, ignore_missing: bool = True
    ) -> None:
        """Delete a PCI flavor. Servers that have devices of it keep them.

        :param flavor: the PCI flavor or its uuid
        :param ignore_missing: whether to raise no error, if it does not exist
        """
        self._delete(_flavor.Flavor, flavor, ignore_missing=ignore_missing)

    def evaluate(self, request: str) -> _evaluation.Evaluation:
        """Evaluate a request on all hosts.

        :param request: as in the extra spec ``pci_passthrough:pci_flavor``
        """
        evaluation = self._get_resource(
            _evaluation.Evaluation, None, request=request
        )
        return evaluation.create(self, resource_request_key='evaluate')

    # ========== Access ==========

    def flavor_access(
        self, flavor: _Flavor
    ) -> Generator[_flavor_access.FlavorAccess, None, None]:
        """Return a generator of the projects with access to a PCI flavor.

        :param flavor: a private PCI flavor or its uuid
        """
        return self._list(
            _flavor_access.FlavorAccess,
            paginated=False,
            flavor_id=resource.Resource._get_id(flavor),
        )

    def add_flavor_access(
        self, flavor: _Flavor, project_id: str
    ) -> _flavor_access.FlavorAccess:
        """Give a project access to a private PCI flavor."""
        return self._create(
            _flavor_access.FlavorAccess,
            flavor_id=resource.Resource._get_id(flavor),
            project_id=project_id,
        )

    def remove_flavor_access(
        self, flavor: _Flavor, project_id: str, ignore_missing: bool = True
    ) -> None:
        """Take the access to a private PCI flavor from a project.

        :param ignore_missing: whether to raise no error, if the project has
            none
        """
        self._delete(
            _flavor_access.FlavorAccess,
            project_id,
            ignore_missing=ignore_missing,
            flavor_id=resource.Resource._get_id(flavor),
        )

    # ========== Limits ==========

    def get_flavor_limits(
        self, flavor: _Flavor
    ) -> _flavor_limits.FlavorLimits:
        """Get the limits of a PCI flavor."""
        return self._get(
            _flavor_limits.FlavorLimits,
            requires_id=False,
            flavor_id=resource.Resource._get_id(flavor),
        )

    def update_flavor_limits(
        self, flavor: _Flavor, **attrs: Any
    ) -> _flavor_limits.FlavorLimits:
        """Change the limits of a PCI flavor.

        :param attrs: ``default``, and ``projects``, limits by the ids of
            projects; -1 is unlimited, None removes a limit
        """
        return self._update(
            _flavor_limits.FlavorLimits,
            None,
            flavor_id=resource.Resource._get_id(flavor),
            **attrs,
        )

    def limits(
        self, project_id: str | None = None
    ) -> Generator[_limit.Limit, None, None]:
        """Return a generator of the limits and the usage of a project.

        There is one for each PCI flavor.

        :param project_id: if None, the project of the user
        """
        query = {} if project_id is None else {'project_id': project_id}
        return self._list(_limit.Limit, paginated=False, **query)

    # ========== Inventory ==========

    def pools(self, **query: Any) -> Generator[_pool.Pool, None, None]:
        """Return a generator of the pools of all hosts.

        Pools of cells that do not answer are missing.

        :param query: ``host``, ``flavor``, ``sort_key``, ``sort_dir``,
            ``limit``, ``marker``; any other is a pattern of the attribute of
            that name
        """
        return self._list(_pool.Pool, **query)

    def devices(self, **query: Any) -> Generator[_device.Device, None, None]:
        """Return a generator of the devices of all hosts.

        Devices of cells that do not answer are missing.

        :param query: as of :meth:`pools`, and ``address``, ``id``,
            ``server_id`` and ``status``
        """
        return self._list(_device.Device, **query)

    def get_device(self, device: str | _device.Device) -> _device.Device:
        """Get a device.

        :param device: the device or its uuid
        """
        return self._get(_device.Device, device)

    # ========== Servers ==========

    def server_devices(
        self, server: _Server
    ) -> Generator[_server_device.ServerDevice, None, None]:
        """Return a generator of the devices of a server.

        :param server: the server or its id
        """
        return self._list(
            _server_device.ServerDevice,
            paginated=False,
            server_id=resource.Resource._get_id(server),
        )

    def get_server_migration_plan(
        self, server: _Server, host: str | None = None
    ) -> _migration_plan.MigrationPlan:
        """Get the plan of a live migration of a server.

        :param host: the only destination to look at, if not None
        """
        plan = self._get_resource(
            _migration_plan.MigrationPlan,
            None,
            server_id=resource.Resource._get_id(server),
        )
        return plan.fetch(self, requires_id=False, host=host)

    def attach_devices(
        self,
        server: _Server,
        pci_flavor: str | None = None,
        *,
        alias: str | None = None,
        name: str | None = None,
    ) -> _server_action.ServerAction:
        """Begin to attach devices to a server: all, or none.

        :param pci_flavor: requests by PCI flavor, such as ``1:bigGPU``
        :param alias: requests by alias, such as ``a1:1``
        :param name: names of devices, separated by commas
        :returns: the action, for :meth:`wait_for_action`
        """
        requests = {
            'pci_passthrough:pci_flavor': pci_flavor,
            'pci_passthrough:alias': alias,
            'pci_passthrough:pci_name': name,
        }
        return self._act(
            server,
            {
                'attach_pci': {
                    key: value
                    for key, value in requests.items()
                    if value is not None
                }
            },
        )

    def detach_devices(
        self,
        server: _Server,
        devices: Iterable[str | _server_device.ServerDevice],
    ) -> _server_action.ServerAction:
        """Begin to detach devices from a server: all, or none.

        :param devices: the devices of the server, or their ``dev_id``
        :returns: the action, for :meth:`wait_for_action`
        """
        return self._act(
            server,
            {
                'detach_pci': [
                    {'dev_id': resource.Resource._get_id(each)}
                    for each in devices
                ]
            },
        )

    def reattach_devices(self, server: _Server) -> _server_action.ServerAction:
        """Begin to attach devices that a live migration left ``failed``.

        :returns: the action, for :meth:`wait_for_action`
        """
        return self._act(server, {'reattach_pci': None})

    def is_action_complete(self, action: _server_action.ServerAction) -> bool:
        """Tell whether an action of a server has ended.

        :raises: :class:`~openstack.exceptions.ResourceFailure` if it has
            failed, with the reason if the user may see it
        """
        action.fetch(self, skip_cache=True)
        if not action.events or not all(
            event.finish_time for event in action.events
        ):
            return False
        for event in action.events:
            if event.result != 'Success':
                reason = event.details or 'an administrator can see why'
                raise exceptions.ResourceFailure(
                    f'{action.action} failed: {reason} '
                    f'(Request-ID: {action.id})'
                )
        return True

    def wait_for_action(
        self,
        action: _server_action.ServerAction,
        interval: float = 2,
        wait: float = 120,
    ) -> _server_action.ServerAction:
        """Wait until an action of a server has ended.

        :param interval: seconds between two requests
        :param wait: the most seconds to wait
        :raises: :class:`~openstack.exceptions.ResourceTimeout` if it has not
            ended by then
        :raises: :class:`~openstack.exceptions.ResourceFailure` if it has
            failed, with the reason if the user may see it
        """
        for _ in utils.iterate_timeout(
            wait, f'Timeout waiting for {action.id} to end', interval
        ):
            if self.is_action_complete(action):
                break
        return action

    def _act(
        self, server: _Server, body: dict[str, Any]
    ) -> _server_action.ServerAction:
        server_id = resource.Resource._get_id(server)
        response = self.post(f'/servers/{server_id}/action', json=body)
        exceptions.raise_from_response(response)
        return _server_action.ServerAction.existing(
            connection=self._get_connection(),
            server_id=server_id,
            request_id=response.headers['x-openstack-request-id'],
        )
