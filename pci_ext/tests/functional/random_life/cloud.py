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

"""An all-in-one whose servers, hosts and faults steps change."""

import time
from typing import Any

import urllib3

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import forked
from pci_ext.tests.functional.random_life import hosts
from pci_ext.tests.functional.random_life import operations
from pci_ext.tests.functional.random_life import state as state_module
from pci_ext.tests.functional.random_life import steps

#: Seconds for an answer of nova-api, and for an evacuation.
TIMEOUT = 60

_SIZES = {'ram': 64, 'disk': 1, 'vcpus': 1}


class Cloud:
    """The all-in-one, its hosts and their faults.

    :param directory: an empty directory
    :param placement: what Placement knows of the devices
    """

    def __init__(self, directory: str, placement: str) -> None:
        self.hosts = hosts.Hosts(directory, placement)
        self.allinone = forked.AllInOne(
            directory, self.hosts.cards, self.hosts.config
        )
        self._reader = state_module.Reader(self.allinone)
        self._http = urllib3.PoolManager(maxsize=8)
        self._flavors: dict[str, str] = {}

    def start(self) -> None:
        """Start the services, and create flavors and PCI flavors."""
        self.allinone.start()
        for name, values in operations.PCI_FLAVORS.items():
            self._create(
                '/os-pci-flavors', 'pci_flavor', {'name': name, **values}
            )
        for name, extra_specs in operations.FLAVORS.items():
            created = self._create(
                '/flavors', 'flavor', {'name': name, **_SIZES}
            )
            self._flavors[name] = created['id']
            if extra_specs:
                self._create(
                    f'/flavors/{created["id"]}/os-extra_specs',
                    'extra_specs',
                    extra_specs,
                )

    def _create(self, path: str, key: str, values: Any) -> dict[str, Any]:
        response = self.request('POST', path, {key: values})
        if response.status >= 300:
            raise AssertionError(
                f'{path}: {response.status} {response.data!r}'
            )
        return dict(response.json()[key])

    def request(
        self, method: str, path: str, body: object = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a request to nova-api as an administrator."""
        return self._http.request(
            method,
            f'{self.allinone.compute_url}{path}',
            json=body,
            headers={
                'OpenStack-API-Version': 'compute 2.96, pci 1.0',
                'X-Auth-Token': self.allinone.token('pci-ext'),
            },
            retries=False,
            timeout=TIMEOUT,
        )

    def state(self) -> state_module.State:
        return self._reader.read()

    def wait_for_change(self, timeout: float) -> None:
        """Wait until the state changes, but not for ever.

        :param timeout: the most seconds to wait
        """
        self._reader.wait_for_change(timeout)

    def find(self, name: str) -> state_module.Server | None:
        """Return the server with a name, if there is one."""
        found = [
            server
            for server in self.state().servers.values()
            if server.name == name
        ]
        return found[0] if found else None

    def operate(self, step: steps.Step) -> urllib3.BaseHTTPResponse | None:
        """Request an operation on a server.

        :returns: None if the server does not exist, or exists already
        """
        server = self.find(step.server)
        if step.name == 'boot':
            return None if server else self._boot(step.server, step.argument)
        if server is None:
            return None
        path = f'/servers/{server.uuid}'
        if step.name == 'delete':
            return self.request('DELETE', path)
        if step.name == 'abort':
            return self._abort(server, path)
        argument = step.argument
        if step.name == 'resize':
            argument = self._flavors[argument]
        if step.name == 'detach':
            body = self._detach_body(server, argument)
        else:
            make_body = operations.SERVER[step.name].body
            assert make_body is not None
            body = make_body(argument)
        return self.request('POST', f'{path}/action', body)

    def _boot(self, name: str, flavor: str) -> urllib3.BaseHTTPResponse:
        server = {
            'name': name,
            'imageRef': stub_services.IMAGE['id'],
            'flavorRef': self._flavors[flavor],
            'networks': 'none',
        }
        return self.request('POST', '/servers', {'server': server})

    def _abort(
        self, server: state_module.Server, path: str
    ) -> urllib3.BaseHTTPResponse:
        """Abort the last migration of a server."""
        ids = [
            each.id
            for each in self.state().migrations
            if each.server == server.uuid
        ]
        return self.request(
            'DELETE', f'{path}/migrations/{max(ids, default=0)}'
        )

    def _detach_body(
        self, server: state_module.Server, numbers: list[int]
    ) -> dict[str, Any]:
        devices = sorted(
            device.address
            for device in self.state().devices_of(server.uuid)
            if device.host == server.host
        )
        # A server without devices is asked for one that it does not have.
        devices = devices or ['0000:00:00.0']
        chosen = {devices[number % len(devices)] for number in numbers}
        dev_ids = [
            'pci_' + each.replace(':', '_').replace('.', '_')
            for each in sorted(chosen)
        ]
        return {'detach_pci': [{'dev_id': each} for each in dev_ids]}

    def evacuate(self, name: str) -> None:
        """Evacuate a server from its host, and restart the services.

        The host counts as failed until then. It destroys its guest of the
        server at the start.
        """
        server = self.find(name)
        if server is None or server.host is None:
            return
        shown = self.request('GET', f'/os-services?host={server.host}')
        [service] = shown.json()['services']
        path = f'/os-services/{service["id"]}'
        self.request('PUT', path, {'forced_down': True})
        response = self.operate(steps.Step('evacuate', name))
        is_accepted = response is not None and response.status < 300
        deadline = time.monotonic() + TIMEOUT
        while is_accepted and time.monotonic() < deadline:
            found = self.find(name)
            # Nova stops an evacuated server, and then records its host.
            if found is None or (
                found.task_state is None
                and (found.host != server.host or found.vm_state == 'error')
            ):
                break
            self.wait_for_change(1)
        self.restart('kill')
        self.request('PUT', path, {'forced_down': False})

    def restart(self, kind: str) -> None:
        """End all services, by SIGKILL or SIGTERM, and start them again."""
        if kind == 'kill':
            self.allinone.kill_and_start()
        else:
            self.allinone.stop()
            self.allinone.start(self.allinone.port)
        self._http.clear()

    def detailed(self) -> dict[str, list[str]]:
        """Return by server the devices in the list of servers."""
        servers = self.request('GET', '/servers/detail').json()['servers']
        return {server['id']: _addresses(server) for server in servers}

    def shown(self, server: str) -> list[str]:
        """Return the devices of a server that is shown."""
        response = self.request('GET', f'/servers/{server}')
        return _addresses(response.json().get('server', {}))

    def listed(self, server: str) -> list[str]:
        """Return the devices in the list of one server."""
        response = self.request('GET', f'/servers/{server}/os-pci-devices')
        return _addresses(response.json())

    def owned(self) -> dict[tuple[str, str], str | None]:
        """Return by host and address the server of each device in the API."""
        response = self.request('GET', '/os-pci-devices')
        return {
            (device['host'], device['address']): device['server_uuid']
            for device in response.json()['pci_devices']
            if device['status'] != 'removed'
        }

    def stop(self) -> None:
        self._reader.close()
        self.allinone.stop()


def _addresses(answer: dict[str, Any]) -> list[str]:
    """Return the addresses in an answer; ``none`` if it is an error.

    While Nova deletes a resized server, the server has no task state for a
    moment.
    """
    if 'pci_devices' not in answer:
        return ['none']
    return sorted(device['address'] for device in answer['pci_devices'])
