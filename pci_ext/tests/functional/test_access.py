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

"""Private PCI flavors: access to them and to their devices."""

import urllib3

from pci_ext.tests.functional import base

MEMBER = 'pci-ext-member'

NOT_FOUND = 'PCI flavor private could not be found.'


class TestAccess(base.TestCase):
    HOSTS = {
        'host-1': [
            {
                'kind': 'gpu',
                'vendor_id': '10de',
                'product_id': '20b0',
                'address': ['0000:3b:00.0', '0000:5e:00.0'],
            }
        ]
    }

    def setUp(self) -> None:
        super().setUp()
        self.openstack(
            *('pci', 'flavor', 'create', '--private'),
            *('--property', 'vendor_id=10de', 'private'),
        )
        self.addCleanup(self.shell.run, 'pci', 'flavor', 'delete', 'private')
        self.create_pci_flavor('public', vendor_id='10de')

    def access(self, action: str, project: str = '') -> str:
        project = project or self.cloud.member_project
        return self.shell.run(
            *('pci', 'flavor', 'access', action, 'private', project)
        )

    def visible_names(self) -> list[str]:
        """Return the names of the PCI flavors that the member can see."""
        listed = self.openstack('pci', 'flavor', 'list', cloud=MEMBER)
        return [row['Name'] for row in listed]

    def boot_arguments(self, flavor: str) -> tuple[str, ...]:
        return (
            *('server', 'create', '--flavor', flavor, '--image', 'tiny'),
            *('--nic', 'none', self.unique_name('server')),
        )

    def boot_as_member(self, flavor: str) -> str:
        server = self.openstack(*self.boot_arguments(flavor), cloud=MEMBER)
        self.addCleanup(self.delete_server, server['id'])
        self.wait_for(server['id'], 'ACTIVE')
        return str(server['id'])

    def assertNotBooted(self, flavor: str) -> None:
        error = self.assertRefused(
            NOT_FOUND, *self.boot_arguments(flavor), cloud=MEMBER
        )
        self.assertIn('400', error)

    def test_lists_private_pci_flavors_with_access(self) -> None:
        self.assertEqual(['public'], self.visible_names())
        self.assertRefused(
            *(NOT_FOUND, 'pci', 'flavor', 'show', 'private'), cloud=MEMBER
        )
        self.access('add')
        self.assertEqual(['private', 'public'], self.visible_names())
        self.access('remove')
        self.assertEqual(['public'], self.visible_names())

    def test_lists_the_projects_with_access(self) -> None:
        one, two = self.cloud.other_projects
        for project in (one, two):
            self.access('add', project)
        self.access('remove', one)
        self.assertEqual(
            [{'Project ID': two}],
            self.openstack('pci', 'flavor', 'access', 'list', 'private'),
        )

    def test_creates_a_pci_flavor_with_projects(self) -> None:
        self.openstack(
            *('pci', 'flavor', 'create', '--private', '--project'),
            *(self.cloud.member_project, 'ours'),
        )
        self.addCleanup(self.shell.run, 'pci', 'flavor', 'delete', 'ours')
        self.assertEqual(['ours', 'public'], self.visible_names())

    def test_refuses_invalid_changes_of_access(self) -> None:
        one, two = self.cloud.other_projects
        self.access('add', one)
        for reason, *command in (
            ('has access to PCI flavor', 'add', 'private', one),
            ('has no access', 'remove', 'private', two),
            ('PCI flavor public is public', 'add', 'public', one),
            ('PCI flavor public is public', 'remove', 'public', one),
            ('PCI flavor public is public', 'list', 'public'),
            ('PCI flavor none could not be found', 'list', 'none'),
        ):
            self.assertRefused(reason, 'pci', 'flavor', 'access', *command)

    def test_refuses_members(self) -> None:
        one, _ = self.cloud.other_projects
        self.access('add')
        for command in (
            ('add', 'private', one),
            ('remove', 'private', self.cloud.member_project),
            ('list', 'private'),
        ):
            self.assertRefused(
                *("Policy doesn't allow", 'pci', 'flavor', 'access'),
                *command,
                cloud=MEMBER,
            )
        self.assertEqual(['private', 'public'], self.visible_names())

    def test_boots_with_access(self) -> None:
        flavor = self.create_flavor('1:private')
        self.assertNotBooted(flavor)
        self.access('add')
        server = self.boot_as_member(flavor)
        self.assertEqual(1, len(self.allocations(server)))
        self.access('remove')
        self.assertNotBooted(flavor)
        # The server keeps its devices.
        self.shell.run('server', 'reboot', '--hard', server, cloud=MEMBER)
        self.wait_for(server, 'ACTIVE', 'HARD_REBOOT')
        self.assertEqual(1, len(self.allocations(server)))

    def test_refuses_an_alternative_without_access(self) -> None:
        self.assertNotBooted(self.create_flavor('1:public,private'))

    def test_administrators_boot_without_access(self) -> None:
        self.assertEqual(1, len(self.allocations(self.boot('1:private'))))

    def test_refuses_a_resize_without_access(self) -> None:
        server = self.boot_as_member(self.create_flavor('1:public'))
        flavor = self.create_flavor('2:private')
        self.assertRefused(
            *(NOT_FOUND, 'server', 'resize', '--flavor', flavor, server),
            cloud=MEMBER,
        )
        self.wait_for(server, 'ACTIVE')

    def test_attaches_with_access(self) -> None:
        server = self.boot_as_member(self.create_flavor('1:public'))

        def attach(token: str) -> urllib3.BaseHTTPResponse:
            return self.request(
                *('POST', f'/servers/{server}/action'),
                {'attach_pci': {base.EXTRA_SPEC: '1:private'}},
                **{'X-Auth-Token': token},
            )

        member = self.cloud.token(MEMBER)
        response = attach(member)
        self.assertEqual(400, response.status, response.data)
        self.assertIn(NOT_FOUND, response.data.decode())
        self.assertEqual(1, len(self.allocations(server)))
        self.access('add')
        response = attach(member)
        self.assertEqual(202, response.status, response.data)
        self.wait_until(lambda: len(self.allocations(server)) == 2)
