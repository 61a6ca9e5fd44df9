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

"""The API of pci_ext over HTTP."""

import dataclasses
from typing import Any
from urllib import parse

from keystoneauth1 import adapter as ksa_adapter
from osc_lib import exceptions

_FLAVORS = '/os-pci-flavors'

_VERSION_HEADER = 'OpenStack-API-Version'

#: The id under which the API shows the available attributes.
_AVAILABLE_ATTRIBUTES = '0'

#: The API accepts none of them as the name of a PCI flavor: the first two are
#: removed from a path on the way, the third is the detailed list.
_UNROUTABLE = frozenset(('.', '..', 'detail'))

Body = dict[str, Any]

#: Parameters of a request, which can have a name more than once.
Query = list[tuple[str, str]]


@dataclasses.dataclass
class Page:
    """The items of a list.

    :ivar cells_down: the cells of the cloud that did not answer
    """

    items: list[Body]
    cells_down: list[str]


class PciClient:
    """Calls the API; every method raises CommandError with its message."""

    def __init__(
        self, compute: ksa_adapter.Adapter, version: str | None = None
    ) -> None:
        """Use an adapter for the compute service.

        :param version: of the PCI API; None for the oldest
        """
        self._compute = compute
        self._version = version

    def create_flavor(self, values: Body) -> Body:
        flavor: Body = self._call('POST', _FLAVORS, {'pci_flavor': values})[
            'pci_flavor'
        ]
        return flavor

    def list_flavors(
        self, detailed: bool, query: Query, limit: int | None
    ) -> Page:
        below = '/detail' if detailed else ''
        return self._list('pci_flavors', query, limit, below)

    def show_flavor(self, name_or_uuid: str) -> Body:
        flavor: Body = self._call('GET', self._path(name_or_uuid))[
            'pci_flavor'
        ]
        return flavor

    def update_flavor(self, name_or_uuid: str, values: Body) -> None:
        self._call('PUT', self._path(name_or_uuid), {'pci_flavor': values})

    def delete_flavor(self, name_or_uuid: str) -> None:
        self._call('DELETE', self._path(name_or_uuid))

    def list_access(self, name_or_uuid: str) -> list[str]:
        """List the ids of the projects with access to a PCI flavor."""
        accesses = self._call('GET', f'{self._path(name_or_uuid)}/access')
        return [
            access['project_id'] for access in accesses['pci_flavor_access']
        ]

    def add_access(self, name_or_uuid: str, project_id: str) -> None:
        self._call(
            'POST',
            f'{self._path(name_or_uuid)}/access',
            {'pci_flavor_access': {'project_id': project_id}},
        )

    def remove_access(self, name_or_uuid: str, project_id: str) -> None:
        project = _quote(project_id, 'project')
        self._call('DELETE', f'{self._path(name_or_uuid)}/access/{project}')

    def show_limits(self, name_or_uuid: str) -> Body:
        """Show the limits of a PCI flavor."""
        path = f'{self._path(name_or_uuid)}/limits'
        answer = self._call('GET', path)
        limits: Body = answer['pci_flavor_limits']
        return limits

    def update_limits(self, name_or_uuid: str, values: Body) -> None:
        path = f'{self._path(name_or_uuid)}/limits'
        body = {'pci_flavor_limits': values}
        self._call('PUT', path, body)

    def list_project_limits(self, project_id: str | None) -> list[Body]:
        """List the limits and the usage of a project.

        :param project_id: if None the project of the user
        """
        query = (
            f'?{parse.urlencode({"project_id": project_id})}'
            if project_id is not None
            else ''
        )
        limits: list[Body] = self._call('GET', f'/os-pci-limits{query}')[
            'pci_limits'
        ]
        return limits

    def list_attributes(self) -> list[str]:
        """List the attributes that PCI flavors may use."""
        return sorted(self.show_flavor(_AVAILABLE_ATTRIBUTES)['specs'])

    def list_pools(self, query: Query, limit: int | None) -> Page:
        return self._list('pci_pools', query, limit)

    def list_devices(self, query: Query, limit: int | None) -> Page:
        return self._list('pci_devices', query, limit)

    def show_device(self, uuid: str) -> Body:
        path = f'/os-pci-devices/{_quote(uuid, "PCI device")}'
        device: Body = self._call('GET', path)['pci_device']
        return device

    def evaluate(self, request: str) -> Page:
        """Evaluate a request on all hosts."""
        body = self._call(
            'POST', f'{_FLAVORS}/evaluate', {'evaluate': {'request': request}}
        )['evaluation']
        return Page(body['hosts'], body['cells_down'])

    def list_server_devices(self, uuid: str) -> list[Body]:
        """List the devices of a server, each with its request."""
        path = f'/servers/{uuid}/os-pci-devices'
        devices: list[Body] = self._call('GET', path)['pci_devices']
        return devices

    def plan_migration(self, uuid: str, host: str | None) -> Body:
        """Plan the live migration of a server with devices.

        :param host: the only host to look at
        """
        query = f'?{parse.urlencode({"host": host})}' if host else ''
        path = f'/servers/{uuid}/os-pci-migration-plan{query}'
        answer = self._call('GET', path)
        plan: Body = answer['pci_migration_plan']
        return plan

    def act_on_server(self, uuid: str, action: Body) -> str:
        """Begin an action of a server, and return the id of the request."""
        response = self._request('POST', f'/servers/{uuid}/action', action)
        return str(response.headers['x-openstack-request-id'])

    def show_server_action(self, uuid: str, request_id: str) -> list[Body]:
        """List the events of the action of a request."""
        path = f'/servers/{uuid}/os-instance-actions/{request_id}'
        # With events for all users, and with their details for some.
        answer = self._call('GET', path, version='compute 2.84')
        action: Body = answer['instanceAction']
        return list(action['events'])

    def _list(
        self, name: str, query: Query, limit: int | None, below: str = ''
    ) -> Page:
        """List items, from more than one page if necessary.

        :param limit: maximum number of items, all if None
        :param below: the path of the list, below that of the resource
        """
        path = f'/os-{name.replace("_", "-")}{below}'
        items: list[Body] = []
        cells_down: set[str] = set()
        while limit is None or len(items) < limit:
            parameters = [*query]
            if items:
                parameters = [
                    item for item in query if item[0] != 'marker'
                ] + [('marker', items[-1]['uuid'])]
            if limit is not None:
                parameters.append(('limit', str(limit - len(items))))
            text = parse.urlencode(parameters)
            body = self._call('GET', f'{path}?{text}' if text else path)
            items += body[name]
            cells_down.update(body.get('cells_down', ()))
            if f'{name}_links' not in body:
                break
        return Page(items, sorted(cells_down))

    @staticmethod
    def _path(name_or_uuid: str) -> str:
        if name_or_uuid in _UNROUTABLE or '/' in name_or_uuid:
            raise exceptions.CommandError(
                f'PCI flavor {name_or_uuid} could not be found.'
            )
        return f'{_FLAVORS}/{_quote(name_or_uuid, "PCI flavor")}'

    def _call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        version: str | None = None,
    ) -> Any:
        return _content_of(self._request(method, path, body, version))

    def _request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        version: str | None = None,
    ) -> Any:
        """Send a request.

        :param version: microversion of Nova, as in the header; if None the
            one that the user has chosen
        """
        response = self._compute.request(
            path,
            method,
            json=body,
            headers=self._headers(version),
            raise_exc=False,
        )
        if response.status_code >= 400:
            message = _message_of(
                _content_of(response)
            ) or _message_without_reason(response.status_code)
            request_id = response.headers.get('x-openstack-request-id')
            if response.status_code == 500 and request_id:
                # The reason is in the log of nova-api only.
                message += f' (Request-ID: {request_id})'
            raise exceptions.CommandError(message)
        return response

    def _headers(self, version: str | None) -> dict[str, str] | None:
        if self._version is None:
            return {_VERSION_HEADER: version} if version else None
        chosen = self._compute.default_microversion
        if version is None and chosen:
            version = f'compute {chosen}'
        versions = [version] if version else []
        return {
            _VERSION_HEADER: ', '.join([*versions, f'pci {self._version}'])
        }


def _quote(name_or_id: str, resource: str) -> str:
    """Quote a name or id for a path.

    :raises CommandError: if it is empty, as unset variables of a shell are:
        the path would be that of another resource
    """
    if not name_or_id:
        raise exceptions.CommandError(
            f'The name or ID of the {resource} is empty.'
        )
    return parse.quote(name_or_id, safe='')


def _content_of(response: Any) -> Any:
    try:
        return response.json() if response.content else None
    except ValueError:
        return None


def _message_of(content: Any) -> str | None:
    """Find the message in a fault: {'itemNotFound': {'message': ...}}."""
    if isinstance(content, dict):
        for fault in content.values():
            if isinstance(fault, dict) and fault.get('message'):
                return str(fault['message'])
    return None


def _message_without_reason(status: int) -> str:
    if status == 404:
        return (
            'The compute service does not know the request (HTTP 404): it '
            'seems to be without PCI flavors. For its administrator: '
            '"pci-ext-status upgrade check" on the host of nova-api says what '
            'is missing in its configuration.'
        )
    return f'The compute service refused the request (HTTP {status}).'
