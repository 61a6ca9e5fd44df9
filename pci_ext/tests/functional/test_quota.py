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

"""Quota: the limits on the devices of a PCI flavor for each project."""

from concurrent import futures
import threading
from typing import Any

from pci_ext.tests.functional import base
from pci_ext.tests.functional import shell

MEMBER = 'pci-ext-member'

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': [f'0000:0{bus}:00.0' for bus in range(1, 5)],
}
CRYPTO = {
    'kind': 'crypto',
    'vendor_id': '8086',
    'product_id': '0443',
    'address': ['0000:0a:00.0', '0000:0b:00.0'],
}


class TestQuota(base.TestCase):
    HOSTS = {'host-1': [GPU, CRYPTO], 'host-2': [GPU]}
    # The periodic tasks must not run during the test.
    CONFIG = """
[DEFAULT]
update_resources_interval = 600
[pci]
alias = {"name": "old", "vendor_id": "10de", "product_id": "20b0"}
"""

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('gpu', vendor_id='10de')
        self.create_pci_flavor('crypto', vendor_id='8086')

    def limit(self, action: str, *arguments: str) -> None:
        self.shell.run('pci', 'flavor', 'limit', action, *arguments)

    def create_as_member(self, value: str, *options: str) -> str:
        """Create a server as the member, and return its id."""
        flavor = self.create_flavor(value)
        return self.create_server(flavor, *options, cloud=MEMBER)

    def boot(self, value: str) -> str:
        server = self.create_as_member(value)
        self.wait_for(server, 'ACTIVE')
        return server

    def assertOverQuota(self, name: str, numbers: str, call: Any) -> None:
        """Check that a call fails because it exceeds the quota."""
        error = str(self.assertRaises(shell.CommandFailed, call))
        self.assertIn(
            f'Quota exceeded for PCI flavor {name}: {numbers}', error
        )

    def act(self, server: str, *command: str) -> None:
        self.shell.run('server', *command, server, cloud=MEMBER)

    def attach(self, server: str, value: str) -> None:
        self.shell.run(
            *('server', 'add', 'pci', '--wait', server),
            *('--pci-flavor', value),
            cloud=MEMBER,
        )

    def test_sets_and_unsets_limits(self) -> None:
        self.limit('set', 'gpu', '4')
        member = self.cloud.member_project
        other, _ = self.cloud.other_projects
        self.limit('set', '--project', member, 'gpu', '2')
        self.limit('set', '--project', other, 'gpu', 'unlimited')
        listed = self.openstack('pci', 'flavor', 'limit', 'list', 'gpu')
        limits = {'': 4, member: 2, other: -1}
        self.assertEqual(
            [
                {'Project ID': project, 'Limit': limits[project]}
                for project in sorted(limits)
            ],
            listed,
        )
        self.limit('unset', 'gpu')
        self.limit('unset', '--project', other, 'gpu')
        listed = self.openstack('pci', 'flavor', 'limit', 'list', 'gpu')
        self.assertEqual([member], [row['Project ID'] for row in listed])

    def test_refuses_members(self) -> None:
        for command in (('list', 'gpu'), ('set', 'gpu', '1')):
            self.assertRefused(
                *("Policy doesn't allow", 'pci', 'flavor', 'limit'),
                *command,
                cloud=MEMBER,
            )

    def test_boot_obeys_the_limit(self) -> None:
        self.limit('set', 'gpu', '2')
        server = self.boot('2:gpu')
        self.assertOverQuota(
            'gpu',
            'requested 1, but already used 2 of 2 devices.',
            lambda: self.create_as_member('1:gpu'),
        )
        # The refused server is not created.
        listed = self.openstack('server', 'list', cloud=MEMBER)
        self.assertEqual([server], [row['ID'] for row in listed])
        self.delete_server(server)
        self.boot('1:gpu')

    def test_limits_one_project_only(self) -> None:
        self.limit('set', '--project', self.cloud.member_project, 'gpu', '0')
        self.assertOverQuota(
            'gpu',
            'requested 1, but already used 0 of 0 devices.',
            lambda: self.create_as_member('1:gpu'),
        )
        super().boot('1:gpu')

    def test_creates_fewer_servers_than_requested(self) -> None:
        self.limit('set', 'gpu', '2')
        self.create_as_member('1:gpu', '--min', '1', '--max', '4')
        listed = self.openstack('server', 'list', cloud=MEMBER)
        self.assertEqual(2, len(listed))
        for row in listed:
            self.addCleanup(self.delete_server, row['ID'])
            self.wait_for(row['ID'], 'ACTIVE')

    def test_charges_the_allocated_alternative(self) -> None:
        self.limit('set', 'gpu', '2')
        self.limit('set', 'crypto', '1')
        # One device of each is charged until a GPU is allocated.
        self.boot('1:gpu,crypto')
        self.boot('1:crypto')
        self.assertOverQuota(
            'crypto',
            'requested 1, but already used 1 of 1 devices.',
            lambda: self.create_as_member('1:gpu,crypto'),
        )
        self.boot('1:gpu')

    def test_attach_obeys_the_limit(self) -> None:
        self.limit('set', 'gpu', '2')
        server = self.boot('1:gpu')
        self.assertOverQuota(
            'gpu',
            'requested 2, but already used 1 of 2 devices.',
            lambda: self.attach(server, '2:gpu'),
        )
        response = self.request(
            *('POST', f'/servers/{server}/action'),
            {'attach_pci': {base.EXTRA_SPEC: '2:gpu'}},
        )
        self.assertEqual(403, response.status, response.data)
        self.attach(server, '1:gpu')
        self.assertOverQuota(
            'gpu',
            'requested 1, but already used 2 of 2 devices.',
            lambda: self.attach(server, '1:gpu'),
        )
        rows = self.openstack('server', 'pci', 'list', server)
        self.shell.run(
            *('server', 'remove', 'pci', '--wait', server),
            rows[0]['Device ID'],
            cloud=MEMBER,
        )
        self.attach(server, '1:gpu')

    def test_limits_devices_of_an_alias(self) -> None:
        self.limit('set', 'gpu', '2')
        flavor = self.create_flavor('old:1', key='pci_passthrough:alias')
        server = self.create_server(flavor, cloud=MEMBER)
        self.wait_for(server, 'ACTIVE')
        self.attach(server, '1:gpu')
        listed = self.openstack('pci', 'limit', 'list', cloud=MEMBER)
        self.assertEqual(
            {'crypto': 0, 'gpu': 2},
            {row['PCI Flavor']: row['Used'] for row in listed},
        )
        text = 'requested 1, but already used 2 of 2 devices.'
        self.assertOverQuota(
            *('gpu', text),
            lambda: self.create_server(flavor, cloud=MEMBER),
        )
        # By an administrator, for a server of the member.
        self.assertOverQuota(
            *('gpu', text),
            lambda: self.shell.run(
                *('server', 'add', 'pci', '--alias', 'old:1', server)
            ),
        )

    def test_resize_obeys_the_limit(self) -> None:
        self.limit('set', 'gpu', '2')
        server = self.boot('1:gpu')
        bigger = self.create_flavor('3:gpu')
        self.assertOverQuota(
            'gpu',
            'requested 2, but already used 1 of 2 devices.',
            lambda: self.act(server, 'resize', '--flavor', bigger),
        )
        self.wait_for(server, 'ACTIVE')
        self.act(server, 'resize', '--flavor', self.create_flavor('2:gpu'))
        self.wait_for(server, 'VERIFY_RESIZE', 'RESIZE')
        self.act(server, 'resize', 'confirm')
        self.wait_for(server, 'ACTIVE', 'VERIFY_RESIZE')
        self.assertOverQuota(
            'gpu',
            'requested 1, but already used 2 of 2 devices.',
            lambda: self.attach(server, '1:gpu'),
        )
        # The devices of a moved server are freed at once.
        self.delete_and_free(server)

    def test_resize_of_a_server_with_attached_devices(self) -> None:
        self.limit('set', 'gpu', '2')
        server = self.boot('1:gpu')
        self.attach(server, '1:gpu')
        self.act(server, 'resize', '--flavor', self.create_flavor('1:gpu'))
        self.wait_for(server, 'VERIFY_RESIZE', 'RESIZE')
        self.act(server, 'resize', 'confirm')
        self.wait_for(server, 'ACTIVE', 'VERIFY_RESIZE')
        rows = self.openstack('server', 'pci', 'list', server)
        self.assertEqual(2, len(rows))

    def act_concurrently(
        self, servers: list[str], action: dict[str, Any]
    ) -> dict[str, Any]:
        """Send the same action to several servers at once.

        :returns: the response by server; each status is 202 or 403
        """
        barrier = threading.Barrier(len(servers))

        def act(server: str) -> Any:
            barrier.wait()
            return self.request('POST', f'/servers/{server}/action', action)

        with futures.ThreadPoolExecutor(len(servers)) as pool:
            found = dict(zip(servers, pool.map(act, servers), strict=True))
        for response in found.values():
            self.assertIn(response.status, (202, 403), response.data)
        return found

    def assertIdle(self, server: str) -> None:
        shown = self.request('GET', f'/servers/{server}').json()['server']
        self.assertEqual('ACTIVE', shown['status'])
        self.assertIsNone(shown['OS-EXT-STS:task_state'])
        self.assertEqual([], shown['pci_devices'])

    def test_concurrent_attaches_obey_the_limit(self) -> None:
        servers = self.boot_without_devices(4, cloud=MEMBER)
        self.limit('set', 'gpu', '2')
        found = self.act_concurrently(
            servers, {'attach_pci': {base.EXTRA_SPEC: '1:gpu'}}
        )
        for server, response in found.items():
            if response.status == 202:
                self.assertEqual(
                    'Success', self.action_result(server, response)
                )
            else:
                self.assertIn(b'Quota exceeded', response.data)
                self.assertIdle(server)
        self.assertLessEqual(len(self.allocations()), 2)
        # The refused requests are not charged.
        for server in servers[len(self.allocations()) :]:
            free = [each for each in servers if not self.allocations(each)]
            if len(self.allocations()) < 2:
                self.attach(free[0], '1:gpu')
            else:
                self.assertOverQuota(
                    'gpu',
                    'requested 1, but already used 2 of 2 devices.',
                    lambda server=free[0]: self.attach(server, '1:gpu'),
                )

    def test_concurrent_resizes_obey_the_limit(self) -> None:
        servers = self.boot_without_devices(3, cloud=MEMBER)
        self.limit('set', 'gpu', '1')
        flavor = self.openstack('flavor', 'show', self.create_flavor('1:gpu'))
        found = self.act_concurrently(
            servers, {'resize': {'flavorRef': flavor['id']}}
        )
        for server, response in found.items():
            if response.status == 202:
                self.wait_for(server, 'VERIFY_RESIZE', 'RESIZE')
            else:
                self.assertIn(b'Quota exceeded', response.data)
                self.assertIdle(server)
        self.assertLessEqual(len(self.allocations()), 1)

    def test_unshelve_obeys_the_limit(self) -> None:
        self.limit('set', 'gpu', '1')
        server = self.boot('1:gpu')
        [other] = self.boot_without_devices(1, cloud=MEMBER)
        self.act(server, 'shelve', '--wait')
        # Nova offloads the server at once.
        self.wait_for(server, 'SHELVED_OFFLOADED', 'SHELVED')
        # Its devices are free just after it shows this status.
        self.wait_until(lambda: not self.allocations(server))
        self.attach(other, '1:gpu')
        self.assertOverQuota(
            'gpu',
            'requested 1, but already used 1 of 1 devices.',
            lambda: self.act(server, 'unshelve'),
        )
        self.wait_for(server, 'SHELVED_OFFLOADED')
        self.delete_and_free(other)
        self.act(server, 'unshelve')
        self.wait_for(server, 'ACTIVE', 'SHELVED_OFFLOADED')
        self.assertEqual(1, len(self.allocations(server)))
