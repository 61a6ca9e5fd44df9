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

"""Stubs of authentication and glance, as far as trials need them.

The stubs authenticate no request. A token may name a user:
``USER:PROJECT_ID:ROLE,ROLE``; any other token, and none, is an administrator.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import datetime
import json
import os
from typing import Any
import uuid

import webob
import webob.dec
import webob.exc

from pci_ext.cmd.allinone import network
from pci_ext.cmd.allinone import web

ADMIN = ('admin', network.PROJECT_ID, 'admin,member,reader')

IMAGE: dict[str, Any] = {
    'id': '8f4e2c5e-6f0a-4a7c-9a30-2f5c3a3d5c01',
    'name': 'tiny',
    'status': 'active',
    'visibility': 'public',
    'container_format': 'bare',
    'disk_format': 'raw',
    'size': 1024,
    # Nova would add what an image lacks here as a property of its own.
    'checksum': None,
    'min_disk': 0,
    'min_ram': 0,
    'owner': ADMIN[1],
    'tags': [],
    'created_at': '2026-01-01T00:00:00Z',
    'updated_at': '2026-01-01T00:00:00Z',
}


_TIME = '%Y-%m-%dT%H:%M:%SZ'

#: Parameters of the list that are no properties to filter by.
_NOT_FILTERS = frozenset(
    ('limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'updated_at')
)


class Authentication:
    """A stub of keystonemiddleware's auth_token."""

    def __init__(self, application: web.Application) -> None:
        self.application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Any:
        # Nova passes the token on, and does not without one.
        token = environ.setdefault('HTTP_X_AUTH_TOKEN', 'admin')
        parts = tuple(token.split(':'))
        user, project, roles = parts if len(parts) == 3 else ADMIN
        environ['HTTP_X_IDENTITY_STATUS'] = 'Confirmed'
        environ['HTTP_X_USER_ID'] = user
        environ['HTTP_X_PROJECT_ID'] = project
        environ['HTTP_X_ROLES'] = roles
        environ['HTTP_X_SERVICE_CATALOG'] = '[]'
        return self.application(environ, start_response)


def auth_filter_factory(
    global_config: Any, **local_config: str
) -> Callable[[web.Application], Authentication]:
    """Make the filter; called by paste."""
    return Authentication


class Image:
    """A stub of glance: one image, and those that are created.

    :param path: file that keeps the images; those beside it what is in them
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            with open(path, encoding='utf-8') as stream:
                self._images: dict[str, Any] = json.load(stream)
        except FileNotFoundError:
            self._images = {IMAGE['id']: dict(IMAGE)}

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        parts = request.path_info.strip('/').split('/')
        if parts[:2] == ['v2', 'schemas']:
            # Clients ask which properties of an image are its own.
            properties: dict[str, Any] = {name: {} for name in IMAGE}
            return webob.Response(
                json={'name': 'image', 'properties': properties}
            )
        if parts[:2] != ['v2', 'images']:
            return self._versions(request)
        if len(parts) == 2:
            if request.method == 'POST':
                return self._create(request.json)
            return self._list(request.GET)
        if parts[2] not in self._images:
            raise webob.exc.HTTPNotFound()
        if request.method == 'DELETE':
            del self._images[parts[2]]
            self._save()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._content(parts[2]))
        if parts[3:] == ['file']:
            return self._file(request, parts[2])
        if parts[3:] == ['tasks']:
            # An image is stored at once.
            return webob.Response(json={'tasks': []})
        if request.method == 'PATCH':
            return self._update(self._images[parts[2]], request.json)
        if request.method != 'GET':
            return webob.Response(status=204)
        return webob.Response(json=self._images[parts[2]])

    def _content(self, image_id: str) -> str:
        return f'{self._path}.{image_id}'

    def _file(self, request: webob.Request, image_id: str) -> webob.Response:
        path = self._content(image_id)
        if request.method == 'PUT':
            with open(path, 'wb') as stream:
                stream.write(request.body)
            self._images[image_id] |= {'size': len(request.body)}
            self._save()
            return webob.Response(status=204)
        try:
            with open(path, 'rb') as stream:
                # Clients take it for the image by this type only.
                return webob.Response(
                    body=stream.read(),
                    content_type='application/octet-stream',
                )
        except FileNotFoundError:
            return webob.Response(status=204)

    def _versions(self, request: webob.Request) -> webob.Response:
        link = {'rel': 'self', 'href': f'{request.application_url}/v2/'}
        version = {'id': 'v2.9', 'status': 'CURRENT', 'links': [link]}
        return webob.Response(json={'versions': [version]}, status=300)

    def _list(self, wanted: Mapping[str, str]) -> webob.Response:
        filters = {
            key: value
            for key, value in wanted.items()
            if key not in _NOT_FILTERS
        }
        images = [
            image
            for image in list(self._images.values())
            if all(image.get(key) == filters[key] for key in filters)
        ]
        if wanted.get('sort_dir') != 'asc':
            # The newest first, as glance does.
            images.reverse()
        return webob.Response(json={'images': images})

    def _create(self, values: dict[str, Any]) -> webob.Response:
        now = datetime.datetime.now(datetime.UTC).strftime(_TIME)
        times = {'created_at': now, 'updated_at': now}
        image = IMAGE | {'id': str(uuid.uuid4())} | times | values
        self._images[image['id']] = image
        self._save()
        return webob.Response(json=image, status=201)

    def _update(
        self, image: dict[str, Any], changes: Iterable[Mapping[str, Any]]
    ) -> webob.Response:
        """Apply the operations of a JSON patch, each on one property."""
        for change in changes:
            name = change['path'].removeprefix('/')
            if change['op'] == 'remove':
                del image[name]
            else:
                image[name] = change['value']
        self._save()
        return webob.Response(json=image)

    def _save(self) -> None:
        with open(self._path, 'w', encoding='utf-8') as stream:
            json.dump(self._images, stream)
