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

"""The all-in-one as a cloud for tempest, and the configuration for it."""

from typing import Any

import urllib3

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import process
from pci_ext.tests.tempest import configuration

#: A card each, so that pci_ext has devices to offer.
_CARD = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': '0000:3b:00.0',
}

_HOSTS = {'host-1': [_CARD], 'host-2': [_CARD]}

_IMAGES = (
    stub_services.IMAGE['id'],
    '8f4e2c5e-6f0a-4a7c-9a30-2f5c3a3d5c02',
)

#: MiB of memory of the flavors, by id.
_FLAVORS = {'1': 64, '2': 128}

_FIXED_NETWORK = 'private'

_FILTERS = (
    'ComputeFilter',
    'ComputeCapabilitiesFilter',
    'DifferentHostFilter',
    'ImagePropertiesFilter',
    'SameHostFilter',
    'ServerGroupAntiAffinityFilter',
    'ServerGroupAffinityFilter',
)

#: Nova's own quotas, which the all-in-one does not have.
_NOVA_CONF = f"""
[filter_scheduler]
enabled_filters = {','.join(_FILTERS)}

[quota]
instances = 10
cores = 20
ram = 51200
"""


class Cloud(process.AllInOne):
    """An all-in-one with the resources that tempest expects to exist.

    :param directory: an empty directory, for the files of both
    :param with_pci_ext: whether pci_ext is active
    """

    def __init__(self, directory: str, with_pci_ext: bool) -> None:
        super().__init__(directory, _HOSTS, _NOVA_CONF)
        self._with_pci_ext = with_pci_ext
        if not with_pci_ext:
            self.MODULE = 'pci_ext.tests.tempest.without_pci_ext'

    def start(self, port: int = 0) -> None:
        """Start the process, and create the resources.

        :raises StartError: if the process does not start, or has pci_ext
            where it should not, or the other way round
        """
        super().start(port)
        self._check_pci_ext()
        image = {'id': _IMAGES[1], 'name': 'alternative'}
        self._post('image/v2/images', image)
        for flavor_id, ram in _FLAVORS.items():
            flavor = {'id': flavor_id, 'name': f'{ram} MiB', 'ram': ram}
            flavor |= {'vcpus': int(flavor_id), 'disk': 1}
            self._post('compute/v2.1/flavors', {'flavor': flavor})
        shared = {'shared': True, 'port_security_enabled': True}
        self._create_network(_FIXED_NETWORK, '10.1.0.0/16', shared)
        external = {'router:external': True}
        external_id = self._create_network('public', '10.2.0.0/16', external)
        self._write_configuration(external_id)

    def _check_pci_ext(self) -> None:
        response = urllib3.request(
            'GET', f'{self.compute_url}/os-pci-flavors', headers=self._headers
        )
        if response.status != (200 if self._with_pci_ext else 404):
            raise process.StartError(f'GET os-pci-flavors: {response.status}')

    @property
    def _headers(self) -> dict[str, str]:
        return {'X-Auth-Token': self.token('pci-ext')}

    def _create_network(
        self, name: str, cidr: str, values: dict[str, Any]
    ) -> str:
        network: dict[str, Any] = self._post(
            'network/v2.0/networks', {'network': {'name': name, **values}}
        )['network']
        subnet = {'network_id': network['id'], 'cidr': cidr}
        self._post('network/v2.0/subnets', {'subnet': subnet})
        return str(network['id'])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        response = urllib3.request(
            'POST',
            f'{self.url}/{path}',
            json=body,
            headers=self._headers,
        )
        if response.status >= 300:
            raise process.StartError(f'POST {path}: {response.data!r}')
        return response.json()

    def _write_configuration(self, external_network: str) -> None:
        user, project, _ = stub_services.ADMIN
        options = {
            'auth': {
                'admin_username': user,
                'admin_password': 'any',
                'admin_project_name': project,
            },
            'identity': {'uri_v3': f'{self.url}/identity/v3'},
            'network': {
                'public_network_id': external_network,
                'floating_network_name': 'public',
            },
            'compute': {
                'image_ref': _IMAGES[0],
                'image_ref_alt': _IMAGES[1],
                'flavor_ref': min(_FLAVORS),
                'flavor_ref_alt': max(_FLAVORS),
                'fixed_network_name': _FIXED_NETWORK,
                'min_compute_nodes': len(_HOSTS),
            },
            'compute-feature-enabled': {
                'block_migration_for_live_migration': True,
                'change_password': True,
                'scheduler_enabled_filters': ','.join(_FILTERS),
            },
        }
        configuration.write(self.directory, options)
