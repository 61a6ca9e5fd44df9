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

"""Attach and detach while nova-api waits for another service.

nova-api has loaded the server by then, and saves it afterwards.
"""

from collections.abc import Iterator
from concurrent import futures
import contextlib
import json
import os
import socket
from typing import Any
from unittest import mock

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import lifecycle
from pci_ext.tests.functional import process
from pci_ext.tests.functional import with_pauses

CONFIG = """
[DEFAULT]
shelved_offload_time = -1
"""

REBUILD = {'imageRef': stub_services.IMAGE['id']}

LIVE_MIGRATE = {'host': None, 'block_migration': 'auto'}


class TestSlowRequests(lifecycle.LifecycleTestCase):
    ALLINONE_ONLY = 'lets nova-api of the all-in-one wait'
    MORE_CONFIG = CONFIG

    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.object(
            process.AllInOne, 'MODULE', with_pauses.__name__
        ):
            super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        for name in 'one', 'two':
            self.shell.run(
                *('pci', 'flavor', 'set', '--live-migration', 'hotplug'), name
            )
        self.server = self.boot('1:two')
        self.assertEqual('Success', self.attach(self.server, '1:one'))

    @contextlib.contextmanager
    def paused(
        self, service: str, action: str, argument: Any
    ) -> Iterator[Any]:
        """Begin an action; nova-api waits before it calls a service.

        :returns: a future of the response
        """
        path = with_pauses.path(self.cloud.directory, service)
        with (
            socket.socket(socket.AF_UNIX) as listener,
            futures.ThreadPoolExecutor(1) as pool,
        ):
            listener.bind(path)
            listener.listen()
            response = pool.submit(self.act, self.server, action, argument)
            listener.settimeout(process.START_TIMEOUT)
            connection, _ = listener.accept()
            os.unlink(path)
            with connection:
                yield response

    def ones(self) -> set[str]:
        """Return the devices of the PCI flavor one that the server has."""
        addresses = {
            each.format(domain)
            for each in lifecycle.ONES
            for domain in self.DOMAINS.values()
        }
        return addresses & set(self.devices(self.server))

    def detach_one(self) -> None:
        [one] = self.ones()
        self.assertEqual('Success', self.detach(self.server, one))

    def attach_one(self) -> None:
        self.assertEqual('Success', self.attach(self.server, '1:one'))

    def wait_for_end(self, response: Any, status: str) -> None:
        self.assertEqual(202, response.status, response.data)
        self.assertEqual('Success', self.action_result(self.server, response))
        shown = self.wait_until(
            lambda: (
                (shown := self.show(self.server))['OS-EXT-STS:task_state']
                is None
                and shown
            )
        )
        self.assertEqual(status, shown['status'])

    def requested(self) -> int:
        """Return the count of devices in the PCI requests of the server."""
        [(text,)] = self.cloud.query(
            'SELECT pci_requests FROM instance_extra '
            'WHERE instance_uuid = :uuid',
            uuid=self.server,
        )
        return sum(request['count'] for request in json.loads(text))

    def assertOnes(self, count: int) -> None:
        """Check the devices of the server, also after a new start."""
        self.assertEqual(count, len(self.ones()))
        self.assertEqual(count + 1, self.requested())
        for restart in False, True:
            if restart:
                self.act_and_wait(self.server, 'os-stop', None, 'SHUTOFF')
                self.act_and_wait(self.server, 'os-start', None, 'ACTIVE')
            addresses = sorted(self.devices(self.server))
            self.assertEqual(count + 1, len(addresses))
            self.assertEqual(addresses, self.domain(self.server))
            self.assertNoOtherDevicesInUse(self.server)

    def test_attach_during_a_rebuild(self) -> None:
        with self.paused('image', 'rebuild', REBUILD) as response:
            self.attach_one()
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertOnes(2)

    def test_detach_during_a_rebuild(self) -> None:
        with self.paused('image', 'rebuild', REBUILD) as response:
            self.detach_one()
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertOnes(0)

    def test_freed_device_is_another_servers_during_a_rebuild(self) -> None:
        with self.paused('image', 'rebuild', REBUILD) as response:
            self.detach_one()
            other = self.boot('2:one')
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertEqual(0, len(self.ones()))
        self.assertEqual(1, self.requested())
        self.assertEqual(2, len(self.domain(other) or ()))

    def resize_argument(self) -> dict[str, str]:
        return {'flavorRef': self.flavor_id(self.create_flavor('1:two'))}

    def finish_move(self, response: Any, ones: int) -> None:
        self.wait_for_end(response, 'VERIFY_RESIZE')
        self.confirm(self.server)
        self.assertOnes(ones)

    def test_attach_during_a_resize(self) -> None:
        with self.paused(
            'network', 'resize', self.resize_argument()
        ) as response:
            self.attach_one()
        self.finish_move(response.result(), 2)

    def test_detach_during_a_resize(self) -> None:
        with self.paused(
            'network', 'resize', self.resize_argument()
        ) as response:
            self.detach_one()
        self.finish_move(response.result(), 0)

    def test_attach_during_a_cold_migration(self) -> None:
        with self.paused('network', 'migrate', None) as response:
            self.attach_one()
        self.finish_move(response.result(), 2)

    def test_detach_during_a_cold_migration(self) -> None:
        with self.paused('network', 'migrate', None) as response:
            self.detach_one()
        self.finish_move(response.result(), 0)

    def test_attach_during_a_live_migration(self) -> None:
        with self.paused(
            'network', 'os-migrateLive', LIVE_MIGRATE
        ) as response:
            self.attach_one()
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertOnes(2)

    def test_detach_during_a_live_migration(self) -> None:
        with self.paused(
            'network', 'os-migrateLive', LIVE_MIGRATE
        ) as response:
            self.detach_one()
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertOnes(0)

    def test_device_is_freed_during_an_unshelve(self) -> None:
        [one] = self.ones()
        self.inject_faults(release_delay={one: 'never'}, timeout=0.2)
        self.assertEqual('Error', self.detach(self.server, one))
        self.act_and_wait(self.server, 'shelve', None, 'SHELVED')
        self.inject_faults()
        with self.paused('network', 'unshelve', None) as response:
            self.wait_until(lambda: not self.ones())
            self.wait_until(
                lambda: self.show(self.server)['OS-EXT-STS:task_state'] is None
            )
        self.wait_for_end(response.result(), 'ACTIVE')
        self.assertOnes(0)
