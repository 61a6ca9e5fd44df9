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

"""Base of the functional tests: real services, the real command."""

from collections.abc import Callable
from collections.abc import Iterator
import itertools
import os
import shutil
import tempfile
import time
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING
import unittest

from oslotest import base
from testtools import content
import urllib3

from pci_ext.matching import addresses
from pci_ext.tests.functional import forked
from pci_ext.tests.functional import process
from pci_ext.tests.functional import shell

if TYPE_CHECKING:
    from pci_ext.tests.functional import deployed_cloud

#: Seconds for a server to reach a status, or for an action to end.
SERVER_TIMEOUT = 180

#: Seconds between the first two requests for the state of a server.
POLL_INTERVAL = 0.1

#: The most seconds between them.
LONGEST_POLL = 0.5

#: A card of a hardware file.
Card = dict[str, Any]

EXTRA_SPEC = 'pci_passthrough:pci_flavor'


def attempts(first: float, longest: float = LONGEST_POLL) -> Iterator[None]:
    """Yield for each request for a state, until SERVER_TIMEOUT has passed.

    The pauses grow: nova-api works at each request for most of the first one.

    :param first: seconds of the first pause
    :param longest: the most seconds of a pause, if the first is not longer
    """
    deadline = time.monotonic() + SERVER_TIMEOUT
    pause = first
    while True:
        yield
        if time.monotonic() >= deadline:
            return
        time.sleep(pause)
        pause = max(first, min(1.5 * pause, longest))


class TestCase(base.BaseTestCase):
    """A test of an all-in-one, which all tests of the class share.

    The resources that a test creates with these methods are deleted after it.
    With the directory of a deployment in the environment variable
    PCI_EXT_TEST_DEPLOYMENT, the deployment is tested instead.

    :cvar HOSTS: the cards of each host, as in a hardware file
    :cvar CONFIG: a configuration file of Nova
    :cvar IMAGE: the name of the image of servers
    :cvar POLL: seconds between the first requests for the state of an action
    :cvar ALLINONE: the kind of the all-in-one
    :cvar ALLINONE_ONLY: the reason to skip the tests on a deployment
    """

    HOSTS: ClassVar[dict[str, list[Card]]] = {}
    CONFIG: ClassVar[str] = ''
    IMAGE: ClassVar[str] = 'tiny'
    POLL: ClassVar[float] = 0.05

    ALLINONE: ClassVar[type[process.AllInOne]] = forked.AllInOne
    ALLINONE_ONLY: ClassVar[str] = ''

    allinone: ClassVar[process.AllInOne]
    cloud: ClassVar['process.AllInOne | deployed_cloud.Deployment']
    shell: ClassVar[shell.Shell]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = tempfile.mkdtemp(prefix='pci-ext-functional-')
        cls.addClassCleanup(shutil.rmtree, directory)
        if deployed := os.environ.get('PCI_EXT_TEST_DEPLOYMENT'):
            if cls.ALLINONE_ONLY:
                raise unittest.SkipTest(cls.ALLINONE_ONLY)
            # Its packages are installed for deployments only.
            from pci_ext.tests.functional import deployed_cloud

            cls.cloud = deployed_cloud.Deployment(
                deployed, directory, cls.HOSTS, cls.CONFIG
            )
        else:
            cls.allinone = cls.ALLINONE(directory, cls.HOSTS, cls.CONFIG)
            cls.cloud = cls.allinone
        cls.addClassCleanup(cls.cloud.stop)
        cls.cloud.start()
        cls.shell = shell.Shell(cls.cloud.clouds_yaml)

    def setUp(self) -> None:
        super().setUp()
        self._names = itertools.count(1)
        self.addOnException(self._add_logs)

    def _add_logs(self, exc_info: object) -> None:
        for name in ('stderr', 'log'):
            text = getattr(self.cloud, name)()
            self.addDetail(name, content.text_content(text))

    def openstack(self, *arguments: str, cloud: str = 'pci-ext') -> Any:
        """Run a command that shows or lists resources; parse its JSON."""
        return self.shell.json(*arguments, cloud=cloud)

    def assertRefused(
        self, expected: str, *arguments: str, cloud: str = 'pci-ext'
    ) -> str:
        """Check that a command is refused, and return its output.

        :param expected: a part of the message, such as ``HTTP 400``
        """
        error = self.assertRaises(
            shell.CommandFailed, self.shell.run, *arguments, cloud=cloud
        )
        self.assertIn(expected, str(error))
        return str(error)

    def request(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Send a request to nova-api without the command."""
        return urllib3.request(
            method,
            f'{self.cloud.compute_url}{path}',
            json=body,
            headers={
                'OpenStack-API-Version': 'compute 2.96, pci 1.0',
                'X-Auth-Token': self.cloud.token('pci-ext'),
                **headers,
            },
            retries=False,
            timeout=SERVER_TIMEOUT,
        )

    def unique_name(self, prefix: str) -> str:
        """Return a name that no other resource of this class has."""
        return f'{prefix}-{self._testMethodName}-{next(self._names)}'

    def create_pci_flavor(self, name: str, **specs: str) -> dict[str, Any]:
        """Create a PCI flavor; it is deleted after the test."""
        options = []
        for key, value in specs.items():
            options += ['--property', f'{key}={value}']
        created = self.openstack('pci', 'flavor', 'create', *options, name)
        self.addCleanup(self.shell.run, 'pci', 'flavor', 'delete', name)
        return dict(created)

    def create_flavor(self, value: str, key: str = EXTRA_SPEC) -> str:
        """Create a flavor with an extra spec, and return its name."""
        name = self.unique_name('flavor')
        sizes = ['--ram', '64', '--disk', '1', '--vcpus', '1']
        extra_spec = ['--property', f'{key}={value}']
        self.shell.run('flavor', 'create', *sizes, *extra_spec, name)
        self.addCleanup(self.shell.run, 'flavor', 'delete', name)
        return name

    def create_flavor_without_devices(self) -> str:
        return self.create_flavor('true', key='hw:boot_menu')

    def boot_without_devices(
        self, count: int, *options: str, cloud: str = 'pci-ext'
    ) -> list[str]:
        """Boot servers at the same time, and return their ids.

        :param options: as for create_server
        """
        flavor = self.create_flavor_without_devices()
        servers = [
            self.create_server(flavor, *options, cloud=cloud)
            for _ in range(count)
        ]
        for server in servers:
            self.wait_for(server, 'ACTIVE')
        return servers

    def create_server(
        self,
        flavor: str,
        *options: str,
        name: str | None = None,
        cloud: str = 'pci-ext',
    ) -> str:
        """Create a server, and return its id.

        :param options: more options of the command
        :param name: the name of the server; a unique one by default
        """
        server = self.openstack(
            *('server', 'create', '--flavor', flavor, '--image', self.IMAGE),
            *('--nic', 'none', *options, name or self.unique_name('server')),
            cloud=cloud,
        )
        self.addCleanup(self.delete_server, server['id'])
        return str(server['id'])

    def delete_server(self, server_id: str) -> None:
        """Delete a server if it exists, and wait until it is deleted."""
        self.request('DELETE', f'/servers/{server_id}')
        for _ in attempts(POLL_INTERVAL):
            if self.request('GET', f'/servers/{server_id}').status == 404:
                return
        self.fail('still exists')

    def delete_and_free(self, server_id: str) -> None:
        """Delete a server, and wait until its devices are free.

        Nova frees them shortly after the server is deleted.
        """
        self.delete_server(server_id)
        for _ in attempts(POLL_INTERVAL):
            if not self.allocations(server_id):
                return
        self.fail('still allocated')

    def add_pci(self, server_id: str, request: str) -> None:
        """Attach devices to a server, and wait until they are attached.

        :raises shell.CommandFailed: with the reason, if the attach fails
        """
        self.shell.run(
            *('server', 'add', 'pci', '--wait', server_id),
            *('--pci-flavor', request),
        )

    def remove_pci(self, server_id: str, address: str) -> None:
        """Detach a device from a server, and wait until it is detached.

        :raises shell.CommandFailed: with the reason, if the detach fails
        """
        self.shell.run(
            *('server', 'remove', 'pci', '--wait', server_id),
            addresses.node_device_name(address),
        )

    def wait_for(
        self, server_id: str, status: str, before: str = 'BUILD'
    ) -> dict[str, Any]:
        """Wait until a server has a status, and return the server.

        :param before: the only other status that the server may have
        """
        server: dict[str, Any] = {}
        for _ in attempts(POLL_INTERVAL):
            response = self.request('GET', f'/servers/{server_id}')
            server = response.json()['server']
            if server['status'] != status:
                self.assertEqual(before, server['status'], server)
            # Nova sets the fault just after the status.
            elif status != 'ERROR' or 'fault' in server:
                return server
        self.fail(f'is not {status}: {server}')

    def wait_while_building(self, server_id: str) -> str:
        """Wait until a server is no longer in BUILD, and return its status."""
        for _ in attempts(POLL_INTERVAL):
            status = str(self.show(server_id)['status'])
            if status != 'BUILD':
                return status
        self.fail('still in BUILD')

    def wait_until(self, condition: Callable[[], Any]) -> Any:
        """Wait until a condition returns a true value, and return it."""
        # A condition may be true for a short time only.
        for _ in attempts(self.POLL, longest=0.2):
            if found := condition():
                return found
        self.fail('still false')

    def show(self, server_id: str) -> dict[str, Any]:
        """Return a server as the API shows it."""
        response = self.request('GET', f'/servers/{server_id}')
        return dict(response.json()['server'])

    def host_of(self, server_id: str) -> str:
        return str(self.show(server_id)['OS-EXT-SRV-ATTR:host'])

    def boot(self, value: str) -> str:
        """Boot a server with an extra spec, and return its id."""
        server_id = self.create_server(self.create_flavor(value))
        self.wait_for(server_id, 'ACTIVE')
        return server_id

    def action_result(self, server_id: str, response: Any) -> str:
        """Wait for the end of the action that a request started.

        :returns: ``Success`` or ``Error``
        """
        request_id = response.headers['x-openstack-request-id']
        path = f'/servers/{server_id}/os-instance-actions/{request_id}'
        action: dict[str, Any] = {}
        for _ in attempts(self.POLL):
            action = self.request('GET', path).json()['instanceAction']
            if action['events'] and all(
                event['finish_time'] for event in action['events']
            ):
                return str(action['events'][-1]['result'])
        self.fail(f'has not ended: {action}')

    def assertNoHost(self, value: str) -> None:
        """Check that no host is found for a server with an extra spec."""
        server_id = self.create_server(self.create_flavor(value))
        server = self.wait_for(server_id, 'ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self.assertAllocated(server_id)

    def assertAllocated(self, server_id: str, *addresses: str) -> None:
        """Check the addresses of the devices of a server.

        They are read from the database of Nova, from the server in the API,
        and from ``openstack server pci list``.
        """
        expected = sorted(addresses)
        self.assertEqual(expected, sorted(self.allocations(server_id)))
        shown = self.request('GET', f'/servers/{server_id}').json()
        devices = shown['server']['pci_devices']
        self.assertEqual(expected, sorted(dev['address'] for dev in devices))
        rows = self.openstack('server', 'pci', 'list', server_id)
        self.assertEqual(expected, sorted(row['Address'] for row in rows))

    def allocations(self, server_id: str | None = None) -> list[str]:
        """Return the addresses of allocated devices in Nova's database."""
        statement = (
            "SELECT address FROM pci_devices WHERE status = 'allocated' "
            'AND deleted = 0'
        )
        if server_id:
            statement += ' AND instance_uuid = :uuid'
            rows = self.cloud.query(statement, uuid=server_id)
        else:
            rows = self.cloud.query(statement)
        return [row[0] for row in rows]
