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
"""The way from pci_ext back to a plain Nova, with servers that live on."""

from pci_ext.tests.functional import transitions


class TestRemoval(transitions.TransitionTestCase):
    def kinds(self, server: str) -> list[str]:
        """Return the buses of the devices of a server, in any domain."""
        found = self.allocations(server)
        self.assertEqual(sorted(found), self.domain(server))
        return sorted(each.split(':')[1] for each in found)

    def test_prepared_servers_live_on_without_pci_ext(self) -> None:
        both = self.boot_and_attach()
        booted = self.boot('1:one')
        # The mark of an attach is removed shortly after its end.
        self.wait_until(
            lambda: self.manage('prepare-removal', '--dry-run')[0] == 0
        )
        code, output = self.manage('prepare-removal')
        self.assertEqual(0, code, output)
        self.assertIn(
            f'Server {both}: pci_passthrough:alias=two:1,one:1,a1:1 in its '
            'flavor; requests two, one, a1.\n',
            output,
        )
        self.assertIn(
            f'Server {booted}: pci_passthrough:alias=one:1 in its flavor; '
            'requests one.\n',
            output,
        )
        self.assertEqual(
            (0, 'pci_ext can be removed.\n'), self.manage('prepare-removal')
        )
        # They are servers with aliases.
        self.stop_and_start(booted)
        self.assertEqual({'boot'}, set(self.devices(both).values()))

        self.remove_pci_ext()
        for server in (both, booted):
            self.stop_and_start(server)
            self.act_and_wait(
                server, 'reboot', {'type': 'HARD'}, 'HARD_REBOOT', 'ACTIVE'
            )
        source = self.host_of(both)
        self.migrate_and_confirm(both)
        self.assertEqual(self.other_host(source), self.host_of(both))
        self.assertIn(self.kinds(both)[0], ('01', '02'))
        self.assertEqual(['03', '04'], self.kinds(both)[1:])
        self.assertInUse(both, booted)

        self.migrate(booted)
        self.act_and_wait(
            booted, 'revertResize', None, 'REVERT_RESIZE', 'ACTIVE'
        )
        self.assertEqual(1, len(self.kinds(booted)))
        self.assertInUse(both, booted)
        self.delete_and_free(both)
        self.delete_and_free(booted)
        self.assertInUse()

    def test_servers_are_prepared_after_the_removal(self) -> None:
        flavor = self.create_flavor('2:one')
        server = self.boot('1:two')
        self.migrate(server)
        code, output = self.manage('prepare-removal', '--dry-run')
        self.assertEqual(1, code)
        self.assertIn(
            f'Server {server}: not changed: its resize or migration is to be '
            'confirmed or reverted.\n',
            output,
        )
        self.confirm(server)
        self.remove_pci_ext()
        self.stop_and_start(server)
        # Nova finds no host for a request by PCI flavor.
        response = self.act(server, 'migrate', None)
        self.assertEqual('Error', self.action_result(server, response))
        self.wait_until(
            lambda: self.show(server)['OS-EXT-STS:task_state'] is None
        )
        code, output = self.manage('prepare-removal')
        self.assertEqual(0, code, output)
        self.migrate_and_confirm(server)
        self.assertEqual(['03'], self.kinds(server))
        new = self.create_server(flavor)
        self.wait_for(new, 'ACTIVE')
        self.assertEqual(['01', '02'], self.kinds(new))
        self.delete_and_free(server)
        self.delete_and_free(new)
        self.assertInUse()
