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

"""Devices of a server that is moved to another host."""

import contextlib
import json
import os
import sqlite3

import urllib3

from pci_ext.tests import tags
from pci_ext.tests.functional import lifecycle
from pci_ext.tests.functional import process
from pci_ext.tests.functional import test_attach

#: Allocations must survive the periodic tasks during a move.
CONFIG = """
[DEFAULT]
update_resources_interval = 3
periodic_fuzzy_delay = 0
shelved_offload_time = -1
"""


@tags.tag(tags.NOVA33_SHORT)
class TestMoves(lifecycle.LifecycleTestCase):
    MORE_CONFIG = CONFIG

    def setUp(self) -> None:
        super().setUp()
        self.assertNoOtherDevicesInUse()
        self.server = self.boot_and_attach()
        self.source = self.host_of(self.server)
        self.target = self.other_host(self.source)
        self.assertHasDevices(self.server, self.source)

    def test_cold_migration_confirmed(self) -> None:
        self.migrate(self.server)
        self.assertHasDevices(self.server, self.target)
        self.assertEqual(6, len(self.devices_in_use()))
        self.confirm(self.server)
        self.assertHasDevices(self.server, self.target)
        # A second migration uses the requests that the first one saved.
        self.migrate(self.server)
        self.confirm(self.server)
        self.assertHasDevices(self.server, self.source)

    def test_cold_migration_reverted(self) -> None:
        before = self.devices(self.server)
        self.migrate(self.server)
        self.revert(self.server)
        self.assertHasDevices(self.server, self.source)
        self.assertEqual(before, self.devices(self.server))
        for address in before:
            self.assertEqual('Success', self.detach(self.server, address))
        self.assertNoOtherDevicesInUse(self.server)

    def fail_to_detach(self, address: str = '') -> str:
        """Let the detach of a device time out, and return its address."""
        address = address or max(self.devices(self.server))
        self.inject_faults(release_delay={address: 'never'}, timeout=0.2)
        self.assertEqual('Error', self.detach(self.server, address))
        self.inject_faults()
        self.assertIn(f'pci_ext:detach:{address}', self.pending_detaches())
        return address

    def test_migrates_without_a_device_that_is_to_be_detached(self) -> None:
        self.fail_to_detach()
        self.migrate(self.server)
        self.assertEqual(2, len(self.devices(self.server)))
        self.confirm(self.server)
        self.assertEqual(2, len(self.devices(self.server)))
        self.assertEqual(2, len(self.devices_in_use()))

    def test_reverts_without_a_device_that_is_to_be_detached(self) -> None:
        before = self.devices(self.server)
        address = self.fail_to_detach()
        self.migrate(self.server)
        self.revert(self.server)
        self.assertNotIn(address, self.domain(self.server))
        self.wait_until(lambda: not self.pending_detaches())
        del before[address]
        self.assertEqual(before, self.devices(self.server))
        self.assertEqual(2, len(self.devices_in_use()))

    def test_unshelves_without_a_device_that_is_to_be_detached(self) -> None:
        self.fail_to_detach()
        self.act_and_wait(self.server, 'shelve', None, 'SHELVED')
        self.act_and_wait(
            self.server, 'shelveOffload', None, 'SHELVED_OFFLOADED'
        )
        self.act_and_wait(self.server, 'unshelve', None, 'ACTIVE')
        self.assertEqual([], self.pending_detaches())
        self.assertEqual(2, len(self.devices(self.server)))
        self.assertEqual(2, len(self.devices_in_use()))

    def pending_detaches(self) -> list[str]:
        """Return the metadata keys of the devices with a pending detach."""
        rows = self.cloud.query(
            'SELECT meta.key FROM instance_system_metadata AS meta '
            'WHERE deleted = 0 AND instance_uuid = :uuid '
            "AND meta.key LIKE 'pci_ext:detach:%'",
            uuid=self.server,
        )
        return [row[0] for row in rows]

    def test_resize_confirmed(self) -> None:
        self.resize(self.server, self.create_flavor('1:one'))
        domain = self.DOMAINS[self.target]
        expected = {
            lifecycle.CRYPTO.format(domain): ['hot'],
            lifecycle.ONES[0].format(domain): ['boot', 'hot'],
            lifecycle.ONES[1].format(domain): ['boot', 'hot'],
        }
        found = self.devices(self.server)
        self.assertEqual(sorted(expected), sorted(found))
        self.assertEqual(['boot', 'hot', 'hot'], sorted(found.values()))
        self.assertEqual(sorted(found), self.domain(self.server))
        self.confirm(self.server)
        self.assertEqual(found, self.devices(self.server))

    def test_resize_reverted(self) -> None:
        before = self.devices(self.server)
        self.resize(self.server, self.create_flavor('1:one'))
        self.revert(self.server)
        self.assertHasDevices(self.server, self.source)
        self.assertEqual(before, self.devices(self.server))
        self.migrate(self.server)
        self.assertHasDevices(self.server, self.target)

    def test_no_host_for_attached_devices(self) -> None:
        other = self.boot('2:one')
        self.assertEqual(self.target, self.host_of(other))
        # A compute host cannot save them if it has no API database.
        self.clear_pci_requests()
        flavor = self.flavor_id(self.create_flavor_without_devices())
        for action, argument in (
            ('migrate', None),
            ('resize', {'flavorRef': flavor}),
        ):
            response = self.act(self.server, action, argument)
            self.assertEqual(
                'Error', self.action_result(self.server, response)
            )
            self.assertNotIn('compute_prep_resize', self.events(response))
        self.assertHasDevices(self.server, self.source)
        self.assertNoOtherDevicesInUse(self.server, other)

    def events(self, response: urllib3.BaseHTTPResponse) -> list[str]:
        """Return the events of an action."""
        request_id = response.headers['x-openstack-request-id']
        path = f'/servers/{self.server}/os-instance-actions/{request_id}'
        action = self.request('GET', path).json()['instanceAction']
        return [event['event'] for event in action['events']]

    def clear_pci_requests(self) -> None:
        """Remove the PCI requests from the request spec of the server."""
        if not isinstance(self.cloud, process.AllInOne):
            self.skipTest('writes to the database of the all-in-one')
        path = os.path.join(self.cloud.data_dir, 'nova_api.db')
        key = {'server': self.server}
        with contextlib.closing(
            sqlite3.connect(path, timeout=60)
        ) as connection:
            [(text,)] = connection.execute(
                'SELECT spec FROM request_specs WHERE instance_uuid = :server',
                key,
            )
            spec = json.loads(text)
            spec['nova_object.data']['pci_requests'] = None
            with connection:
                connection.execute(
                    'UPDATE request_specs SET spec = :spec '
                    'WHERE instance_uuid = :server',
                    key | {'spec': json.dumps(spec)},
                )

    def test_detached_devices_do_not_return(self) -> None:
        two = lifecycle.TWO.format(self.DOMAINS[self.source])
        self.assertEqual('Success', self.detach(self.server, two))
        self.migrate(self.server)
        self.confirm(self.server)
        self.assertEqual(
            ['hot', 'hot'], list(self.devices(self.server).values())
        )

    def test_shelve_and_unshelve(self) -> None:
        self.act_and_wait(self.server, 'shelve', None, 'SHELVED')
        self.assertNoOtherDevicesInUse(self.server)
        self.act_and_wait(
            self.server, 'shelveOffload', None, 'SHELVED_OFFLOADED'
        )
        self.assertEqual({}, self.devices(self.server))
        self.assertNoOtherDevicesInUse()
        self.act_and_wait(
            self.server,
            'unshelve',
            {'host': self.target},
            'ACTIVE',
        )
        self.assertHasDevices(self.server, self.target)
        self.assertNoOtherDevicesInUse(self.server)

    def evacuate(self) -> None:
        """Evacuate the server from its host, and start it and the host."""
        [service] = self.openstack(
            'compute', 'service', 'list', '--host', self.source
        )
        path = f'/os-services/{service["ID"]}'
        self.addCleanup(self.request, 'PUT', path, {'forced_down': False})
        self.request('PUT', path, {'forced_down': True})
        self.act_and_wait(
            self.server, 'evacuate', {}, 'REBUILD', 'ACTIVE', 'SHUTOFF'
        )
        # The old host destroys its domain of the server at the start.
        self.cloud.kill_and_start()
        # Nova refuses this before that.
        response = self.request('PUT', path, {'forced_down': False})
        self.assertEqual(200, response.status, response.data)
        # Nova refuses a start while recovery has the server.
        self.wait_until(
            lambda: (
                not self.pending_detaches()
                and self.show(self.server)['OS-EXT-STS:task_state'] is None
            )
        )
        self.act_and_wait(self.server, 'os-start', None, 'ACTIVE')

    def test_evacuation(self) -> None:
        self.evacuate()
        self.assertHasDevices(self.server, self.target)
        self.assertNoOtherDevicesInUse(self.server)

    def test_evacuates_without_devices_that_are_to_be_detached(self) -> None:
        for template in lifecycle.TWO, lifecycle.CRYPTO:
            self.fail_to_detach(template.format(self.DOMAINS[self.source]))
        self.evacuate()
        self.assertEqual(self.target, self.host_of(self.server))
        self.assertEqual(['hot'], list(self.devices(self.server).values()))
        self.assertEqual(
            sorted(self.devices(self.server)), self.domain(self.server)
        )
        self.assertNoOtherDevicesInUse(self.server)
        # Its requests are those of its devices.
        self.migrate(self.server)
        self.confirm(self.server)
        self.assertEqual(['hot'], list(self.devices(self.server).values()))


class TestSameHost(lifecycle.LifecycleTestCase):
    """A resize on a single host."""

    DOMAINS = {'host-1': '0001'}
    HOSTS = {'host-1': lifecycle.host('0001')}
    MORE_CONFIG = CONFIG + 'allow_resize_to_same_host = true'

    def test_resize(self) -> None:
        server = self.boot('1:two')
        self.assertEqual('Success', self.attach(server, '1:one'))
        before = self.devices(server)
        [hot] = [each for each, mark in before.items() if mark == 'hot']
        [other] = {each.format('0001') for each in lifecycle.ONES} - {hot}
        crypto = lifecycle.CRYPTO.format('0001')
        alias = self.create_flavor('a1:1', test_attach.ALIAS)
        for end, expected in (
            (self.revert, before),
            (self.confirm, {other: 'hot', crypto: 'boot'}),
        ):
            self.resize(server, alias)
            self.assertEqual(
                {other: 'hot', crypto: 'boot'}, self.devices(server)
            )
            self.assertEqual(sorted((other, crypto)), self.domain(server))
            self.assertEqual(4, len(self.devices_in_use()))
            end(server)
            self.assertEqual(expected, self.devices(server))
            self.assertEqual(sorted(expected), self.domain(server))
