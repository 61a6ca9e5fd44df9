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

"""A stub of keystone: every project and user exists, with any password.

They have their names as ids. A token says all that it stands
for: ``USER:PROJECT_ID:ROLE,ROLE``.
"""

from collections.abc import Collection
import datetime
from typing import Any

import webob
import webob.dec
import webob.exc

#: Each role implies the roles after it, as those of a new keystone do.
ROLES = ('admin', 'manager', 'member', 'reader')

DOMAIN = {'id': 'default', 'name': 'Default', 'enabled': True}

#: The services of the catalog: type, and path below the URL of all services.
_CATALOG = {
    'compute': 'compute/v2.1',
    'identity': 'identity',
    'image': 'image',
    'network': 'network',
    'placement': 'placement',
}


class Identity:
    """A stub of keystone.

    It keeps the assigned roles in memory.

    :param admin: user, project and roles of the administrator
    """

    def __init__(self, admin: tuple[str, str, str]) -> None:
        user, project, roles = admin
        # By user and project.
        self._roles = {(user, project): set(roles.split(','))}

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        """Answer a request."""
        parts = [part for part in request.path_info.split('/') if part]
        match parts:
            case ['v3', 'auth', 'tokens'] if request.method == 'POST':
                return self._issue(request)
            case ['v3', 'projects', project, 'users', user, 'roles', role]:
                return self._assign(request.method, user, project, role)
            case ['v3', 'projects' | 'users' | 'domains' | 'roles', *_]:
                return _resource(request, *parts[1:])
        return _versions(request)

    def _issue(self, request: webob.Request) -> webob.Response:
        auth = request.json['auth']
        user = _name(auth['identity']['password']['user'])
        project = _name(auth['scope']['project'])
        roles = _with_implied(self._roles.get((user, project), set()))
        if not roles:
            raise webob.exc.HTTPUnauthorized()
        now = datetime.datetime.now(datetime.UTC)
        token = {
            'methods': ['password'],
            'user': _named(user),
            'project': _named(project),
            'roles': [{'id': role, 'name': role} for role in roles],
            'catalog': _catalog(request.host_url),
            'issued_at': _time(now),
            'expires_at': _time(now + datetime.timedelta(days=1)),
        }
        return webob.Response(
            json={'token': token},
            status=201,
            headers={
                'Content-Type': 'application/json',
                'X-Subject-Token': f'{user}:{project}:{",".join(roles)}',
            },
        )

    def _assign(
        self, method: str, user: str, project: str, role: str
    ) -> webob.Response:
        roles = self._roles.setdefault((user, project), set())
        if method == 'DELETE':
            roles.discard(role)
        else:
            roles.add(role)
        return webob.Response(status=204)


def _with_implied(assigned: Collection[str]) -> list[str]:
    for index, role in enumerate(ROLES):
        if role in assigned:
            return list(ROLES[index:])
    return []


def _name(reference: dict[str, str]) -> str:
    return reference.get('id') or reference['name']


def _named(name: str) -> dict[str, Any]:
    return {
        'id': name,
        'name': name,
        'enabled': True,
        'domain': {'id': DOMAIN['id'], 'name': DOMAIN['name']},
        'domain_id': DOMAIN['id'],
    }


def _time(moment: datetime.datetime) -> str:
    return moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def _catalog(url: str) -> list[dict[str, Any]]:
    return [
        {
            'id': service,
            'name': service,
            'type': service,
            'endpoints': [
                {
                    'id': f'{service}-{interface}',
                    'interface': interface,
                    'region': 'RegionOne',
                    'region_id': 'RegionOne',
                    'url': f'{url}/{path}',
                }
                for interface in ('public', 'internal', 'admin')
            ],
        }
        for service, path in _CATALOG.items()
    ]


def _resource(
    request: webob.Request, kind: str, name: str = '', *_: str
) -> webob.Response:
    if request.method == 'POST':
        created = _named(request.json[kind[:-1]]['name'])
        return webob.Response(json={kind[:-1]: created}, status=201)
    if request.method == 'DELETE':
        return webob.Response(status=204)
    if name:
        return webob.Response(json={kind[:-1]: _named(name)})
    listed: dict[str, list[dict[str, Any]]] = {
        'domains': [DOMAIN],
        'roles': [_named(role) for role in (*ROLES, 'service')],
    }
    return webob.Response(json={kind: listed.get(kind, [])})


def _versions(request: webob.Request) -> webob.Response:
    link = {'rel': 'self', 'href': f'{request.application_url}/v3/'}
    version = {'id': 'v3.14', 'status': 'stable', 'links': [link]}
    if request.path_info.startswith('/v3'):
        return webob.Response(json={'version': version})
    return webob.Response(json={'versions': {'values': [version]}}, status=300)
