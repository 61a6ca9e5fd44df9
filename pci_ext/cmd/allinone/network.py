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
"""A stub of neutron: networks and ports, as requests describe them."""

from collections.abc import Collection
from collections.abc import Mapping
import json
import os
import threading
from typing import Any
import uuid

import webob
import webob.dec
import webob.exc

from pci_ext.cmd.allinone import fixed_ips
from pci_ext.cmd.allinone import network_resources
from pci_ext.cmd.allinone import port_bindings
from pci_ext.cmd.allinone import security_groups

#: Project of requests whose token names no user.
PROJECT_ID = 'aa9e46e0a1b14c5bb1b1c5e6a3c2c1ad'

#: Parameters of lists that are not attributes to filter by.
_NOT_FILTERS = frozenset(('fields', 'limit', 'marker', 'sort_key', 'sort_dir'))


class Network:
    """A stub of neutron.

    A port is bound to any host that it is asked to be bound to.

    :param path: file that keeps networks and ports
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {
            **{collection: {} for collection in network_resources.DEFAULTS},
            # By port, and by host.
            'inactive_bindings': {},
        }
        if os.path.exists(path):
            with open(path, encoding='utf-8') as stream:
                self._kept |= json.load(stream)

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        # No two requests may take one address.
        with self._lock:
            return self._answer(request)

    def _answer(self, request: webob.Request) -> webob.Response:
        path = request.path_info.strip('/').removeprefix('v2.0').strip('/')
        if not path:
            return _versions(request)
        if path == 'extensions':
            return webob.Response(
                json={'extensions': [port_bindings.EXTENSION]}
            )
        collection, id, rest = [*path.split('/', maxsplit=2), '', ''][:3]
        if collection == 'quotas':
            return webob.Response(json={'quota': network_resources.QUOTA})
        if collection not in network_resources.DEFAULTS:
            if request.method != 'GET':
                raise webob.exc.HTTPNotFound()
            return webob.Response(json={collection.replace('-', '_'): []})
        return self._answer_for_resources(request, collection, id, rest)

    def _answer_for_resources(
        self, request: webob.Request, collection: str, id: str, rest: str
    ) -> webob.Response:
        items = self._kept[collection]
        plural = collection.replace('-', '_')
        singular = plural[:-1]
        project = _project_of(request)
        security_groups.default(self._kept, project)
        if request.method == 'POST' and not id:
            if plural in request.json:
                created = [
                    self._create(collection, values, project)
                    for values in request.json[plural]
                ]
                return webob.Response(json={plural: created}, status=201)
            item = self._create(
                collection, request.json.get(singular, {}), project
            )
            return webob.Response(json={singular: item}, status=201)
        if not id:
            found = _filter(items, request.GET)
            shown = [self._show(collection, item) for item in found]
            return webob.Response(json={plural: shown})
        if id not in items:
            return _not_found(singular, id)
        if rest:
            return self._answer_for_bindings(request, items[id], rest)
        if request.method == 'DELETE':
            self._delete(collection, items[id], _is_admin(request))
            return webob.Response(status=204)
        if request.method == 'PUT':
            self._update(collection, items[id], request.json[singular])
        return webob.Response(
            json={singular: self._show(collection, items[id])}
        )

    def _show(self, collection: str, item: dict[str, Any]) -> dict[str, Any]:
        if collection == 'security-groups':
            return security_groups.with_rules(self._kept, item)
        return item

    def _create(
        self, collection: str, values: dict[str, Any], project_id: str
    ) -> dict[str, Any]:
        id = str(uuid.uuid4())
        item: dict[str, Any] = {
            'id': id,
            'project_id': project_id,
            'tenant_id': project_id,
            **network_resources.DEFAULTS[collection],
            **values,
        }
        match collection:
            case 'ports':
                self._complete_port(item)
            case 'subnets':
                fixed_ips.complete(item)
                network = self._kept['networks'][item['network_id']]
                network['subnets'] = [*network['subnets'], id]
            case 'security-group-rules':
                security_groups.check_rule(self._kept, item)
            case 'floatingips':
                (address,) = fixed_ips.of_network(
                    self._kept, item['floating_network_id']
                )
                item['floating_ip_address'] = address['ip_address']
        self._kept[collection][id] = item
        self._update(collection, item, {})
        return self._show(collection, item)

    def _complete_port(self, port: dict[str, Any]) -> None:
        """Give a new port its addresses and its security group."""
        octets = (port['id'][index : index + 2] for index in (0, 2, 4))
        port.setdefault('mac_address', ':'.join(('fa:16:3e', *octets)))
        network = self._kept['networks'][port['network_id']]
        port['fixed_ips'] = fixed_ips.of_network(
            self._kept, network['id'], port['fixed_ips']
        )
        if port['fixed_ips']:
            port['ip_allocation'] = 'immediate'
        if network['port_security_enabled'] and not port['security_groups']:
            project_id = port['tenant_id']
            group_id = security_groups.default(self._kept, project_id)
            port['security_groups'] = [group_id]

    def _delete(
        self, collection: str, item: dict[str, Any], is_admin: bool
    ) -> None:
        if collection == 'security-groups':
            security_groups.delete_rules(self._kept, item, is_admin)
        id = item['id']
        del self._kept[collection][id]
        if collection == 'subnets':
            network = self._kept['networks'][item['network_id']]
            network['subnets'] = [
                other for other in network['subnets'] if other != id
            ]
        self._kept['inactive_bindings'].pop(id, None)
        self._save()

    def _update(
        self, collection: str, item: dict[str, Any], values: dict[str, Any]
    ) -> None:
        item.update(values)
        if collection == 'ports':
            _bind(item, self._kept['networks'][item['network_id']])
        elif collection == 'floatingips':
            fixed_ips.associate(self._kept, item)
        self._save()

    def _answer_for_bindings(
        self, request: webob.Request, port: dict[str, Any], path: str
    ) -> webob.Response:
        bindings = port_bindings.PortBindings(
            port,
            self._kept['networks'][port['network_id']],
            self._kept['inactive_bindings'].setdefault(port['id'], {}),
        )
        response = bindings.answer(request, path)
        if request.method != 'GET':
            self._save()
        return response

    def _save(self) -> None:
        with open(self._path, 'w', encoding='utf-8') as stream:
            json.dump(self._kept, stream)


def _not_found(singular: str, id: str) -> webob.Response:
    kind = singular.title().replace('_', '')
    error = {
        # By which Neutron's client knows the error.
        'type': f'{kind}NotFound',
        'message': f'{kind} {id} could not be found.',
        'detail': '',
    }
    return webob.Response(json={'NeutronError': error}, status=404)


def _project_of(request: webob.Request) -> str:
    parts = request.headers.get('X-Auth-Token', '').split(':')
    return parts[1] if len(parts) == 3 else PROJECT_ID


def _is_admin(request: webob.Request) -> bool:
    parts = request.headers.get('X-Auth-Token', '').split(':')
    return len(parts) != 3 or 'admin' in parts[2].split(',')


def _versions(request: webob.Request) -> webob.Response:
    link = {'rel': 'self', 'href': f'{request.application_url}/v2.0/'}
    version = {'id': 'v2.0', 'status': 'CURRENT', 'links': [link]}
    return webob.Response(json={'versions': [version]})


def _bind(port: dict[str, Any], network: Mapping[str, Any]) -> None:
    binding = {'vif_type': 'unbound', 'vif_details': {}}
    if port['binding:host_id']:
        binding = port_bindings.plugged(network, port['binding:vnic_type'])
    port.update({f'binding:{name}': binding[name] for name in binding})


def _filter(items: Mapping[str, Any], wanted: Any) -> list[Any]:
    keys = {key for key in wanted if key not in _NOT_FILTERS}
    return [
        item
        for item in list(items.values())
        if all(_matches(item, key, wanted.getall(key)) for key in keys)
    ]


def _matches(
    item: Mapping[str, Any], key: str, values: Collection[str]
) -> bool:
    if key == 'fixed_ips':
        return any(
            f'{name}={value}' in values
            for address in item[key]
            for name, value in address.items()
        )
    return key not in item or str(item[key]) in values
