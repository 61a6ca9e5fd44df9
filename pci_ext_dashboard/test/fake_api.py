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

"""An API of PCI flavors and devices that answers from memory.

It checks the policies of pci_ext, and its answers by the schemas of the real
API.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import re
from typing import Any
import uuid

import jsonschema
from nova.policies import base as nova_rules
from oslo_config import cfg
from oslo_policy import policy

from pci_ext import policies
from pci_ext.api.schemas import evaluations
from pci_ext.api.schemas import migration_plans
from pci_ext.api.schemas import pci_devices as pci_device_schemas
from pci_ext.api.schemas import pci_flavor_access as access_schemas
from pci_ext.api.schemas import pci_flavor_limits as limits_schemas
from pci_ext.api.schemas import pci_flavors as pci_flavor_schemas
from pci_ext.api.schemas import pci_limits
from pci_ext.api.schemas import pci_pools as pci_pool_schemas
from pci_ext.api.schemas import server_actions
from pci_ext.api.schemas import server_devices
from pci_ext.policies import pci_devices
from pci_ext.policies import pci_flavor_access
from pci_ext.policies import pci_flavor_limits
from pci_ext.policies import pci_flavors
from pci_ext.policies import pci_pools

Json = dict[str, Any]

SELF = 'https://cloud.example.com/compute/v2.1'


@dataclasses.dataclass
class Call:
    """A request.

    :ivar query: the parameters, of which one may be there more than once
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Json | None

    def get(self, key: str) -> str | None:
        """Return the value of a parameter."""
        return dict(self.query).get(key)


class Refused(Exception):
    """The answer is an error.

    :ivar status: of HTTP
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def make_enforcer() -> policy.Enforcer:
    """Return the policies of pci_ext and the rules of Nova below them."""
    conf = cfg.ConfigOpts()
    conf([])
    rules = [*nova_rules.list_rules(), *policies.list_rules()]
    return policy.Enforcer(
        conf,
        rules=policy.Rules({rule.name: rule.check for rule in rules}),
        use_conf=False,
    )


class FakeApi:
    """The state of a cloud, and the requests that were answered.

    :ivar roles: of the user with the token
    :ivar project_id: of the user
    :ivar server_devices: by the id of the server
    :ivar refusals: the error of a request, by its method and path
    """

    def __init__(self, project_id: str) -> None:
        self.roles: list[str] = []
        self.project_id = project_id
        self.flavors: list[Json] = []
        self.access: dict[str, list[str]] = {}
        self.limits: dict[str, Json] = {}
        self.project_limits: list[Json] = []
        self.devices: list[Json] = []
        self.pools: list[Json] = []
        self.hosts: list[Json] = []
        self.server_devices: dict[str, list[Json]] = {}
        self.plan: Json = {}
        self.events: list[Json] = []
        self.calls: list[Call] = []
        self.refusals: dict[tuple[str, str], tuple[int, str]] = {}
        self._enforcer = make_enforcer()

    def made(self, method: str) -> list[Call]:
        """Return the requests with a method."""
        return [call for call in self.calls if call.method == method]

    def answer(self, call: Call) -> tuple[int, Json | None]:
        """Return the status and the body of the answer."""
        self.calls.append(call)
        try:
            return self._answer(call)
        except Refused as refused:
            kind = {403: 'forbidden', 404: 'itemNotFound'}
            return refused.status, {
                kind.get(refused.status, 'badRequest'): {
                    'code': refused.status,
                    'message': str(refused),
                }
            }

    def _answer(self, call: Call) -> tuple[int, Json | None]:
        if (call.method, call.path) in self.refusals:
            raise Refused(*self.refusals[call.method, call.path])
        for method, pattern, rule, status, schema, serve in _ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                self._authorize(rule)
                body = serve(self, call, *found.groups())
                if schema is not None:
                    jsonschema.validate(body, schema)
                return status, body
        raise Refused(404, f'{call.method} {call.path} is unknown')

    def _authorize(self, rule: str) -> None:
        if not self.allows(rule):
            raise Refused(403, f'Policy does not allow {rule}.')

    def allows(self, rule: str) -> bool:
        """Tell whether the user passes a policy."""
        return bool(
            self._enforcer.enforce(
                rule,
                {'project_id': self.project_id},
                {
                    'roles': self.roles,
                    'project_id': self.project_id,
                    'is_admin': 'admin' in self.roles,
                },
            )
        )

    def find_flavor(self, name_or_uuid: str) -> Json:
        for flavor in self.flavors:
            if name_or_uuid in (flavor['name'], flavor['uuid']):
                return flavor
        raise Refused(404, f'PCI flavor {name_or_uuid} could not be found.')

    def _list_flavors(self, call: Call) -> Json:
        return _page('pci_flavors', self.flavors, call)

    def _create_flavor(self, call: Call) -> Json:
        assert call.body is not None
        jsonschema.validate(call.body, pci_flavor_schemas.create)
        values = dict(call.body['pci_flavor'])
        self.access[values['name']] = values.pop('projects', [])
        flavor = make_flavor(**values)
        self.flavors.append(flavor)
        return {'pci_flavor': _without_usage(flavor)}

    def _show_flavor(self, call: Call, name_or_uuid: str) -> Json:
        if name_or_uuid == '0':
            keys = ('vendor_id', 'product_id', 'e.group')
            return {
                'pci_flavor': {
                    'uuid': '0',
                    'name': '_flavor_attrs',
                    'description': 'Available attributes for PCI flavors',
                    'specs': dict.fromkeys(keys, 'True'),
                }
            }
        flavor = dict(self.find_flavor(name_or_uuid))
        if not flavor['is_public'] and self.allows(pci_flavor_access.INDEX):
            flavor['projects'] = self.access.get(flavor['name'], [])
        return {'pci_flavor': flavor}

    def _update_flavor(self, call: Call, name_or_uuid: str) -> Json:
        assert call.body is not None
        jsonschema.validate(call.body, pci_flavor_schemas.update)
        flavor = self.find_flavor(name_or_uuid)
        values = dict(call.body['pci_flavor'])
        for key, pattern in values.pop('specs', {}).items():
            if pattern is None:
                del flavor['specs'][key]
            else:
                flavor['specs'][key] = pattern
        flavor.update(values)
        return {'pci_flavor': _without_usage(flavor)}

    def _delete_flavor(self, call: Call, name_or_uuid: str) -> None:
        self.flavors.remove(self.find_flavor(name_or_uuid))

    def _list_access(self, call: Call, name_or_uuid: str) -> Json:
        flavor = self.find_flavor(name_or_uuid)
        return {
            'pci_flavor_access': [
                {'project_id': project_id}
                for project_id in self.access.get(flavor['name'], [])
            ]
        }

    def _add_access(self, call: Call, name_or_uuid: str) -> Json:
        assert call.body is not None
        flavor = self.find_flavor(name_or_uuid)
        self.access.setdefault(flavor['name'], []).append(
            call.body['pci_flavor_access']['project_id']
        )
        return self._list_access(call, name_or_uuid)

    def _remove_access(
        self, call: Call, name_or_uuid: str, project_id: str
    ) -> None:
        flavor = self.find_flavor(name_or_uuid)
        self.access[flavor['name']].remove(project_id)

    def _show_limits(self, call: Call, name_or_uuid: str) -> Json:
        flavor = self.find_flavor(name_or_uuid)
        limits = self.limits.setdefault(
            flavor['name'], {'default': None, 'projects': {}}
        )
        return {'pci_flavor_limits': limits}

    def _update_limits(self, call: Call, name_or_uuid: str) -> Json:
        assert call.body is not None
        jsonschema.validate(call.body, limits_schemas.update)
        limits = self._show_limits(call, name_or_uuid)['pci_flavor_limits']
        changes = call.body['pci_flavor_limits']
        if 'default' in changes:
            limits['default'] = changes['default']
        for project_id, limit in changes.get('projects', {}).items():
            if limit is None:
                limits['projects'].pop(project_id, None)
            else:
                limits['projects'][project_id] = limit
        return {'pci_flavor_limits': limits}

    def _list_project_limits(self, call: Call) -> Json:
        return {'pci_limits': self.project_limits}

    def _list_pools(self, call: Call) -> Json:
        return _page(
            'pci_pools',
            [
                pool
                for pool in self.pools
                if _is_listed(pool, pool['properties'], call)
            ],
            call,
        )

    def _list_devices(self, call: Call) -> Json:
        return _page(
            'pci_devices',
            [
                device
                for device in self.devices
                if _is_listed(device, {**device, **device['attributes']}, call)
            ],
            call,
        )

    def _evaluate(self, call: Call) -> Json:
        assert call.body is not None
        jsonschema.validate(call.body, evaluations.create)
        request = call.body['evaluate']['request']
        return {
            'evaluation': {
                'request': request,
                'hosts': self.hosts,
                'cells_down': [],
            }
        }

    def _list_server_devices(self, call: Call, server_id: str) -> Json:
        return {'pci_devices': self.server_devices.get(server_id, [])}

    def _plan_migration(self, call: Call, server_id: str) -> Json:
        return {'pci_migration_plan': self.plan}

    def _show_action(
        self, call: Call, server_id: str, request_id: str
    ) -> Json:
        return {'instanceAction': {'events': self.events}}

    def _act(self, call: Call, server_id: str) -> None:
        assert call.body is not None
        [action] = call.body
        rule, schema = {
            'attach_pci': (pci_devices.ATTACH, server_actions.attach_pci),
            'detach_pci': (pci_devices.DETACH, server_actions.detach_pci),
            'reattach_pci': (
                pci_devices.REATTACH,
                server_actions.reattach_pci,
            ),
        }[action]
        self._authorize(rule)
        jsonschema.validate(call.body, schema)


_FLAVOR = '/os-pci-flavors/([^/]+)'
_SERVER = '/servers/([^/]+)'

_Route = tuple[str, str, str, int, Json | None, Callable[..., Json | None]]

_ROUTES: Iterable[_Route] = (
    (
        *('GET', '/os-pci-flavors/detail', pci_flavors.DETAIL, 200),
        *(pci_flavor_schemas.detail_response, FakeApi._list_flavors),
    ),
    (
        *('POST', '/os-pci-flavors', pci_flavors.CREATE, 201),
        *(pci_flavor_schemas.create_response, FakeApi._create_flavor),
    ),
    (
        *('POST', '/os-pci-flavors/evaluate', pci_flavors.EVALUATE, 200),
        *(evaluations.create_response, FakeApi._evaluate),
    ),
    (
        *('GET', _FLAVOR, pci_flavors.SHOW, 200),
        *(pci_flavor_schemas.show_response, FakeApi._show_flavor),
    ),
    (
        *('PUT', _FLAVOR, pci_flavors.UPDATE, 200),
        *(pci_flavor_schemas.update_response, FakeApi._update_flavor),
    ),
    (
        *('DELETE', _FLAVOR, pci_flavors.DELETE, 204),
        *(None, FakeApi._delete_flavor),
    ),
    (
        *('GET', f'{_FLAVOR}/access', pci_flavor_access.INDEX, 200),
        *(access_schemas.index_response, FakeApi._list_access),
    ),
    (
        *('POST', f'{_FLAVOR}/access', pci_flavor_access.CREATE, 200),
        *(access_schemas.index_response, FakeApi._add_access),
    ),
    (
        *('DELETE', f'{_FLAVOR}/access/([^/]+)', pci_flavor_access.DELETE),
        *(204, None, FakeApi._remove_access),
    ),
    (
        *('GET', f'{_FLAVOR}/limits', pci_flavor_limits.INDEX, 200),
        *(limits_schemas.index_response, FakeApi._show_limits),
    ),
    (
        *('PUT', f'{_FLAVOR}/limits', pci_flavor_limits.UPDATE, 200),
        *(limits_schemas.update_response, FakeApi._update_limits),
    ),
    (
        *('GET', '/os-pci-limits', pci_flavor_limits.PROJECT, 200),
        *(pci_limits.index_response, FakeApi._list_project_limits),
    ),
    (
        *('GET', '/os-pci-pools', pci_pools.INDEX, 200),
        *(pci_pool_schemas.index_response, FakeApi._list_pools),
    ),
    (
        *('GET', '/os-pci-devices', pci_devices.INDEX, 200),
        *(pci_device_schemas.index_response, FakeApi._list_devices),
    ),
    (
        *('GET', f'{_SERVER}/os-pci-devices', pci_devices.SERVER, 200),
        *(server_devices.index_response, FakeApi._list_server_devices),
    ),
    (
        'GET',
        f'{_SERVER}/os-pci-migration-plan',
        *(pci_devices.MIGRATION_PLAN, 200),
        *(migration_plans.index_response, FakeApi._plan_migration),
    ),
    (
        'GET',
        f'{_SERVER}/os-instance-actions/([^/]+)',
        *(pci_devices.SERVER, 200, None, FakeApi._show_action),
    ),
    (
        *('POST', f'{_SERVER}/action', pci_devices.SERVER, 202),
        *(None, FakeApi._act),
    ),
)

_PAGE_PARAMETERS = ('limit', 'marker', 'sort_key', 'sort_dir')


def _page(name: str, items: list[Json], call: Call) -> Json:
    """Sort items and return the page of them that a request asks for."""
    keys = [value for key, value in call.query if key == 'sort_key']
    ordered = sorted(
        items,
        key=lambda item: [str(item[key]) for key in keys],
        reverse=call.get('sort_dir') == 'desc',
    )
    marker = call.get('marker')
    if marker is not None:
        uuids = [item['uuid'] for item in ordered]
        if marker not in uuids:
            raise Refused(400, f'Marker {marker} could not be found.')
        ordered = ordered[uuids.index(marker) + 1 :]
    limit = int(call.get('limit') or 1000)
    page: Json = {name: ordered[:limit]}
    if len(ordered) > limit:
        page[f'{name}_links'] = [{'rel': 'next', 'href': SELF}]
    if name != 'pci_flavors':
        page['cells_down'] = []
    return page


def _is_listed(item: Json, attributes: Json, call: Call) -> bool:
    for key, value in call.query:
        if key in _PAGE_PARAMETERS:
            continue
        if key == 'flavor':
            if value not in item['pci_flavors']:
                return False
        elif not re.fullmatch(
            value, str(item.get(key, attributes.get(key, '')))
        ):
            return False
    return True


def _without_usage(flavor: Json) -> Json:
    return {key: value for key, value in flavor.items() if key != 'usage'}


def _links() -> list[Json]:
    return [{'rel': 'self', 'href': SELF}, {'rel': 'bookmark', 'href': SELF}]


def make_flavor(name: str, **values: Any) -> Json:
    """Return a PCI flavor as the API shows it."""
    return {
        'uuid': str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        'name': name,
        'description': None,
        'links': _links(),
        'is_public': True,
        'live_migration': 'forbid',
        'specs': {},
        'created_at': '2026-01-01T12:00:00Z',
        'updated_at': None,
        'usage': {'total': 4, 'available': 3, 'allocated': 1},
        **values,
    }


def make_device(host: str, address: str, **values: Any) -> Json:
    """Return a device as the API shows it."""
    return {
        'uuid': str(uuid.uuid5(uuid.NAMESPACE_OID, f'{host} {address}')),
        'host': host,
        'address': address,
        'dev_id': 'pci_' + re.sub('[:.]', '_', address),
        'vendor_id': '10de',
        'product_id': '20b0',
        'dev_type': 'type-PCI',
        'numa_node': 0,
        'parent_addr': None,
        'status': 'available',
        'server_uuid': None,
        'withdrawn': False,
        'attributes': {},
        'pci_flavors': [],
        'links': _links(),
        **values,
    }


def make_pool(host: str, count: int, **values: Any) -> Json:
    """Return a pool as the API shows it."""
    properties = values.pop(
        'properties', {'vendor_id': '10de', 'product_id': '20b0'}
    )
    return {
        'uuid': str(uuid.uuid5(uuid.NAMESPACE_OID, f'{host} {properties}')),
        'host': host,
        'properties': properties,
        'count': count,
        'usage': {'total': 4, 'available': count, 'allocated': 4 - count},
        'pci_flavors': ['bigGPU'],
        **values,
    }


def make_server_device(address: str, **values: Any) -> Json:
    """Return a device of a server as the API shows it."""
    return {
        'address': address,
        'dev_id': 'pci_' + re.sub('[:.]', '_', address),
        'vendor_id': '10de',
        'product_id': '20b0',
        'pci_flavor': 'bigGPU',
        'alternatives': ['bigGPU'],
        'pci_name': None,
        'status': 'allocated',
        'attached': 'hot',
        'state': 'attached',
        'last_error': None,
        'port_id': None,
        'failover_port_id': None,
        **values,
    }
