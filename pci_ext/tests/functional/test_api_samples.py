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

"""The samples of the API reference: real requests and responses.

They are compared with the files that the reference shows. With
PCI_EXT_GENERATE_SAMPLES in the environment the files are written.
"""

import functools
import json
import os
import pathlib
import re
from typing import Any
import uuid

import urllib3

from pci_ext.tests.functional import base

SAMPLES = pathlib.Path(__file__).parents[3] / 'doc/source/api-ref/samples'

GENERATE = 'PCI_EXT_GENERATE_SAMPLES'

INSTRUCTION = (
    f'Run this test with {GENERATE}=1 in the environment and commit the files '
    f'below {SAMPLES.name}, if the change of the API is intended.'
)

UUID = re.compile(r'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')

#: The keys of long responses that samples show.
_EXCERPTS = {
    'servers.create': ('server', ('id', 'links')),
    'servers.show': ('server', ('id', 'name', 'status', 'pci_devices')),
    'servers.detail': ('servers', ('id', 'name', 'status', 'pci_devices')),
    'openapi_document.show': ('paths', ('/os-pci',)),
}

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': ['0000:3b:00.0', '0000:5e:00.0'],
    'numa_node': 0,
}
PROJECT = '5b9a8e04c1f24d3c8a7f6e5d4c3b2a19'


class Uuids:
    """Replaces each uuid by a constant one, in order of appearance."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, match: re.Match[str]) -> str:
        number = str(len(self._known) + 1)
        return self._known.setdefault(
            match[0], str(uuid.uuid5(uuid.NAMESPACE_OID, number))
        )


class TestApiSamples(base.TestCase):
    ALLINONE_ONLY = 'writes the responses of an all-in-one'

    HOSTS = {'compute-1': [GPU], 'compute-2': [GPU | {'vendor_id': '1002'}]}
    CONFIG = """
[pci_ext]
pci_information = [{"product_id": "20b0"}, {"e.group": "gpu"}]
"""

    def setUp(self) -> None:
        super().setUp()
        self.written: set[str] = set()
        self._uuids = Uuids()

    def sample(
        self,
        name: str,
        method: str,
        path: str,
        body: object = None,
        status: int = 200,
    ) -> Any:
        """Send a request, and compare it and the response with the samples.

        :param name: id of the operation, with a suffix for a further sample
        :returns: the content of the response
        """
        response = self.request(
            *(method, path, body),
            **{'OpenStack-API-Version': 'compute 2.96, pci latest'},
        )
        self.assertEqual(status, response.status, response.data)
        if body is not None:
            self._compare(f'{name}-req', body)
        answer = response.json() if response.data else None
        if answer is not None:
            self._compare(f'{name}-resp', self._excerpt(name, answer))
        self.written.add(name)
        return answer if answer is not None else response

    def _excerpt(self, name: str, answer: Any) -> Any:
        if name not in _EXCERPTS:
            return answer
        key, included = _EXCERPTS[name]
        items = answer[key]
        excerpt = [
            {each: item[each] for each in included}
            for item in (items if isinstance(items, list) else [items])
        ]
        shown = excerpt if isinstance(items, list) else excerpt[0]
        if name == 'openapi_document.show':
            return {
                'openapi': answer['openapi'],
                'info': answer['info'],
                'servers': answer['servers'],
                'paths': shown,
            }
        return {key: shown}

    def _compare(self, name: str, content: object) -> None:
        text = json.dumps(content, indent=4, ensure_ascii=False) + '\n'
        text = UUID.sub(self._uuids, text)
        text = TIME.sub('2026-01-01T12:00:00Z', text)
        text = text.replace(self.allinone.url, 'https://cloud.example.com')
        path = SAMPLES / f'{name}.json'
        if os.environ.get(GENERATE):
            SAMPLES.mkdir(exist_ok=True)
            path.write_text(text, encoding='utf-8')
        known = path.read_text('utf-8') if path.exists() else None
        self.assertEqual(known, text, f'{path.name} differs. {INSTRUCTION}')

    def test_samples(self) -> None:
        self._versions()
        self._flavors()
        self._access()
        self._limits()
        self._inventory()
        self._servers()
        self._ports()
        self._errors()
        self._check_completeness()

    def _versions(self) -> None:
        self.sample('pci_versions.index', 'GET', '/os-pci')
        self.sample('openapi_document.show', 'GET', '/os-pci/openapi.json')

    def _flavors(self) -> None:
        self.sample(
            *('pci_flavors.create', 'POST', '/os-pci-flavors'),
            {
                'pci_flavor': {
                    'name': 'bigGPU',
                    'description': 'A100, or what is as good',
                    'is_public': True,
                    'live_migration': 'forbid',
                    'specs': {'vendor_id': '10de', 'product_id': '20b[0-2]'},
                }
            },
            status=201,
        )
        self.sample(
            *('pci_flavors.create-private', 'POST', '/os-pci-flavors'),
            {
                'pci_flavor': {
                    'name': 'trialGPU',
                    'is_public': False,
                    'projects': [PROJECT],
                    'specs': {'e.group': 'gpu', 'vendor_id': '1002'},
                }
            },
            status=201,
        )
        self.sample('pci_flavors.index', 'GET', '/os-pci-flavors')
        self.sample('pci_flavors.detail', 'GET', '/os-pci-flavors/detail')
        self.sample('pci_flavors.show', 'GET', '/os-pci-flavors/bigGPU')
        self.sample('pci_flavors.show-attributes', 'GET', '/os-pci-flavors/0')
        self.sample(
            *('pci_flavors.update', 'PUT', '/os-pci-flavors/bigGPU'),
            {
                'pci_flavor': {
                    'description': 'A100',
                    'specs': {'product_id': '20b0'},
                }
            },
        )

    def _access(self) -> None:
        path = '/os-pci-flavors/trialGPU/access'
        other = '0c1d2e3f4a5b46978899aabbccddeeff'
        body = {'pci_flavor_access': {'project_id': other}}
        self.sample('pci_flavor_access.create', 'POST', path, body, 201)
        self.sample('pci_flavor_access.index', 'GET', path)
        path = f'{path}/{other}'
        self.sample('pci_flavor_access.delete', 'DELETE', path, None, 204)

    def _limits(self) -> None:
        path = '/os-pci-flavors/bigGPU/limits'
        limits = {'default': 8, 'projects': {PROJECT: -1}}
        body = {'pci_flavor_limits': limits}
        self.sample('pci_flavor_limits.update', 'PUT', path, body)
        self.sample('pci_flavor_limits.index', 'GET', path)
        self.sample('pci_limits.index', 'GET', '/os-pci-limits')

    def _inventory(self) -> None:
        self.sample('pci_pools.index', 'GET', '/os-pci-pools')
        devices = self.sample(
            *('pci_devices.index', 'GET', '/os-pci-devices?limit=2')
        )['pci_devices']
        path = f'/os-pci-devices/{devices[0]["uuid"]}'
        self.sample('pci_devices.show', 'GET', path)
        self.sample(
            *('evaluations.create', 'POST', '/os-pci-flavors/evaluate'),
            {'evaluate': {'request': '2:bigGPU'}},
        )

    def _servers(self) -> None:
        server = self.create_server(
            self.create_flavor('1:bigGPU'), name='trainer'
        )
        self.wait_for(server, 'ACTIVE')
        action = f'/servers/{server}/action'
        response = self.sample(
            *('server_actions.attach_pci', 'POST', action),
            {
                'attach_pci': {
                    'pci_passthrough:pci_flavor': '1:trialGPU,bigGPU'
                }
            },
            status=202,
        )
        self.assertEqual('Success', self.action_result(server, response))
        view = self.sample('servers.show', 'GET', f'/servers/{server}')
        self.sample('servers.detail', 'GET', '/servers/detail')
        path = f'/servers/{server}/os-pci-devices'
        self.sample('server_devices.index', 'GET', path)
        plan = f'/servers/{server}/os-pci-migration-plan'
        self.sample('migration_plans.index', 'GET', plan)
        device = view['server']['pci_devices'][1]['dev_id']
        response = self.sample(
            *('server_actions.detach_pci', 'POST', action),
            {'detach_pci': [{'dev_id': device}]},
            status=202,
        )
        self.assertEqual('Success', self.action_result(server, response))
        self.sample(
            *('server_actions.reattach_pci', 'POST', action),
            {'reattach_pci': None},
            status=409,
        )

    def _ports(self) -> None:
        [flavor] = self.openstack('flavor', 'list')
        [image] = self.openstack('image', 'list')
        url = f'{self.allinone.url}/network/v2.0'
        network = urllib3.request('POST', f'{url}/networks', json={})
        body = {
            'network_id': network.json()['network']['id'],
            'binding:vnic_type': 'direct',
        }
        port = urllib3.request('POST', f'{url}/ports', json={'port': body})
        body = {
            'name': 'router',
            'flavorRef': flavor['ID'],
            'imageRef': image['ID'],
            'networks': [
                {
                    'port': port.json()['port']['id'],
                    'pci_flavor': 'bigGPU,trialGPU',
                }
            ],
        }
        created = self.sample(
            *('servers.create', 'POST', '/servers', {'server': body}, 202)
        )
        self.delete_server(created['server']['id'])

    def _errors(self) -> None:
        create = functools.partial(
            self.sample, method='POST', path='/os-pci-flavors'
        )
        create(
            'error-400',
            body={'pci_flavor': {'name': 'x', 'specs': {'vendor_id': '80['}}},
            status=400,
        )
        create(
            'error-409', body={'pci_flavor': {'name': 'bigGPU'}}, status=409
        )
        path = '/os-pci-flavors/nosuch'
        self.sample('error-404', 'GET', path, status=404)
        self.sample(
            *('pci_flavors.delete', 'DELETE', '/os-pci-flavors/trialGPU'),
            status=204,
        )

    def _check_completeness(self) -> None:
        described = self.request('GET', '/os-pci/openapi.json').json()
        for path, item in described['paths'].items():
            for method, operation in item.items():
                # The actions of servers are one operation there.
                self.assertIn(
                    operation['operationId'],
                    self.written,
                    f'No sample shows {method.upper()} {path}: add a call of '
                    f'sample() to {__name__}. {INSTRUCTION}',
                )
        stored = {path.stem for path in SAMPLES.iterdir()}
        stale = {
            each
            for each in stored
            if re.sub('-(req|resp)$', '', each) not in self.written
        }
        self.assertEqual(set(), stale, 'samples that no test uses')
