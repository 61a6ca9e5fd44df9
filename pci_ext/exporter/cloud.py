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

"""The answers of the cloud that metrics are made of."""

from collections.abc import Iterable
import dataclasses
import datetime
from typing import Any

from keystoneauth1 import adapter as ks_adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

from pci_ext.conf import exporter as exporter_conf

Item = dict[str, Any]

# The first with changes-since and pages of migrations.
_MIGRATIONS_VERSION = '2.59'


@dataclasses.dataclass(frozen=True)
class Pools:
    """The pools of all hosts.

    :ivar cells_down: uuids of the cells that did not answer
    """

    items: list[Item]
    cells_down: frozenset[str]


class Cloud:
    """Reads from the compute and the identity service.

    Each method raises keystoneauth1's ClientException if a service does not
    answer, or refuses.
    """

    def __init__(
        self, compute: ks_adapter.Adapter, identity: ks_adapter.Adapter
    ) -> None:
        self._compute = compute
        self._identity = identity

    def list_pools(self) -> Pools:
        """List the pools, each with the usage of its devices."""
        items: list[Item] = []
        cells_down: set[str] = set()
        for page in self._pages('/os-pci-pools', 'pci_pools'):
            items += page['pci_pools']
            cells_down.update(page['cells_down'])
        return Pools(items, frozenset(cells_down))

    def list_flavors(self) -> list[Item]:
        """List the PCI flavors, each with the usage in the whole cloud."""
        return [
            flavor
            for page in self._pages('/os-pci-flavors/detail', 'pci_flavors')
            for flavor in page['pci_flavors']
        ]

    def list_hosts(self) -> list[Item]:
        """List the services nova-compute, one for each host."""
        answer = self._compute.get('/os-services?binary=nova-compute')
        services: list[Item] = answer.json()['services']
        return services

    def list_migrations(self, since: datetime.datetime) -> list[Item]:
        """List the migrations that changed since a time."""
        return [
            migration
            for page in self._pages(
                '/os-migrations',
                'migrations',
                _MIGRATIONS_VERSION,
                **{'changes-since': since.isoformat()},
            )
            for migration in page['migrations']
        ]

    def list_server_devices(self, uuid: str) -> list[Item]:
        """List the devices of a server; none if it does not exist."""
        try:
            answer = self._compute.get(f'/servers/{uuid}/os-pci-devices')
        except ks_exceptions.NotFound:
            return []
        devices: list[Item] = answer.json()['pci_devices']
        return devices

    def list_projects(self) -> list[Item]:
        answer = self._identity.get('/projects?enabled=true')
        projects: list[Item] = answer.json()['projects']
        return projects

    def list_limits(self, project_id: str) -> list[Item]:
        """List the limits and the use of a project; none if it is gone."""
        try:
            answer = self._compute.get(
                '/os-pci-limits', params={'project_id': project_id}
            )
        except ks_exceptions.BadRequest:
            return []
        limits: list[Item] = answer.json()['pci_limits']
        return limits

    def _pages(
        self,
        path: str,
        name: str,
        microversion: str | None = None,
        **parameters: str,
    ) -> Iterable[Item]:
        """Read the pages of a list.

        :param name: of the list in the answer
        :param microversion: of the compute API; None for the oldest
        """
        while True:
            answer = self._compute.get(
                path, params=parameters, microversion=microversion
            )
            page: Item = answer.json()
            yield page
            if not page.get(f'{name}_links'):
                return
            parameters['marker'] = page[name][-1]['uuid']


def connect(conf: cfg.ConfigOpts) -> Cloud:
    """Return the cloud of a configuration; sends nothing yet.

    :raises oslo_config.cfg.Error: if there is no user in the configuration
    :raises keystoneauth1.exceptions.ClientException: if the plugin of the
        user does not exist, or lacks an option
    """
    auth = ks_loading.load_auth_from_conf_options(
        conf, exporter_conf.AUTH_GROUP
    )
    if auth is None:
        raise cfg.RequiredOptError(
            'auth_type', cfg.OptGroup(exporter_conf.AUTH_GROUP)
        )
    session = ks_loading.load_session_from_conf_options(
        conf, exporter_conf.AUTH_GROUP, auth=auth
    )
    compute = ks_loading.load_adapter_from_conf_options(
        conf, exporter_conf.COMPUTE_GROUP, session=session
    )
    # Catalogs have the endpoint with a version or without.
    identity = ks_loading.load_adapter_from_conf_options(
        conf,
        exporter_conf.IDENTITY_GROUP,
        session=session,
        min_version='3',
        max_version='3.latest',
    )
    return Cloud(compute, identity)
