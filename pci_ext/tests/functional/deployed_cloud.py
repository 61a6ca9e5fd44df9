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

"""A deployment of real services as the cloud under test.

Each host is a nova-compute with a simulated hypervisor; all other services are
real.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import json
import os
import signal
import time
from typing import Any

from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import simulated
from pci_ext.tests.deployment.cloud import state_directory
from pci_ext.tests.functional import process

#: Seconds for the deletion of leftover servers of tests.
_TIMEOUT = 120


class Deployment:
    """The hosts of one class of tests, in a running deployment.

    :param deployed: directory of the deployment, in which pci_ext is enabled
    :param directory: an empty directory, for the configuration files
    :param hosts: the cards of each host, as in a hardware file
    :param config: the content of a configuration file of Nova
    """

    def __init__(
        self,
        deployed: str,
        directory: str,
        hosts: Mapping[str, Sequence[Mapping[str, Any]]],
        config: str,
    ) -> None:
        found = state_directory.load(deployed)
        if found is None:
            raise process.StartError(f'There is no deployment in {deployed}.')
        self._state = found
        self._cloud = bringup.Cloud(found)
        path = os.path.join(directory, 'hardware.json')
        with open(path, 'w', encoding='utf-8') as stream:
            listed = [
                {'name': name, 'cards': cards} for name, cards in hosts.items()
            ]
            json.dump({'hosts': listed}, stream)
        self._hosts = simulated.Hosts(self._cloud, hosts, path, config)
        self._connections: dict[str, Any] = {}

    @property
    def compute_url(self) -> str:
        return f'{self._state.url("nova-api")}/v2.1'

    @property
    def clouds_yaml(self) -> str:
        return self._state.path('clouds.yaml')

    def start(self) -> None:
        self._hosts.start()

    def stop(self) -> None:
        self._delete_servers()
        self._delete_flavors()
        self._hosts.stop()

    def _delete_servers(self) -> None:
        compute = keystone.connect(self._state).compute
        deadline = time.monotonic() + _TIMEOUT
        while servers := list(compute.servers(all_projects=True)):
            for server in servers:
                compute.delete_server(server, ignore_missing=True)
            if time.monotonic() > deadline:
                raise process.StartError(f'{servers} cannot be deleted.')
            time.sleep(1)

    def _delete_flavors(self) -> None:
        """Delete flavors; the next class may create some of the same name."""
        compute = keystone.connect(self._state).compute
        for flavor in compute.flavors(is_public=None, details=False):
            compute.delete_flavor(flavor)
        response = compute.get('/os-pci-flavors')
        for pci_flavor in response.json()['pci_flavors']:
            if pci_flavor['uuid'] != '0':
                compute.delete(f'/os-pci-flavors/{pci_flavor["uuid"]}')

    @property
    def config_files(self) -> tuple[str, ...]:
        return self._hosts.config_files

    def set_active(self, active: bool) -> None:
        """Restart Nova with or without pci_ext, unless it runs so."""
        self._hosts.set_active(active)

    def kill_and_start(self) -> None:
        """Kill nova-compute on each host, and start it again."""
        names = [computes.service(name) for name in self._hosts.names]
        self._cloud.stop(*names, number=signal.SIGKILL)
        self._cloud.start(*names)

    @property
    def member_project(self) -> str:
        connection = keystone.connect(self._state)
        return str(connection.identity.find_project('demo').id)

    @property
    def other_hosts(self) -> tuple[str, ...]:
        return hypervisors.HOSTS

    @property
    def other_projects(self) -> tuple[str, str]:
        identity = keystone.connect(self._state).identity
        one, two = (
            str(identity.find_project(name).id) for name in ('admin', 'other')
        )
        return one, two

    def token(self, name: str) -> str:
        """Return a token of a user of clouds.yaml."""
        if name not in self._connections:
            self._connections[name] = keystone.connect(self._state, name)
        return str(self._connections[name].auth_token)

    def query(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Query the database of Nova's cell."""
        qualified = statement.replace(' FROM ', ' FROM nova_cell1.')
        return databases.query(self._state, qualified, **values)

    def domains_file(self, host: str) -> str:
        return self._hosts.domains(host)

    def stderr(self) -> str:
        return ''

    @property
    def _logs(self) -> tuple[str, ...]:
        return (*services.NOVA, *map(computes.service, self._hosts.names))

    def log_lines(self, text: str) -> list[str]:
        """Return the log lines of Nova with a text, in order of time."""
        found = []
        for name in self._logs:
            path = self._state.path('log', f'{name}.log')
            with open(path, errors='replace') as stream:
                found += [line for line in stream if text in line]
        # Each line starts with its time.
        return sorted(found)

    def log(self) -> str:
        """Return the ends of the logs of Nova's services."""
        return '\n'.join(f'{name}:\n{self._tail(name)}' for name in self._logs)

    def _tail(self, name: str) -> str:
        path = self._state.path('log', f'{name}.log')
        with open(path, errors='replace') as stream:
            return stream.read()[-process.LOG_TAIL :]
