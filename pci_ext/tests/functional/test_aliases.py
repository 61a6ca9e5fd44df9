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
"""The way from aliases to PCI flavors, with servers that live on."""

from pci_ext.tests.functional import test_attach
from pci_ext.tests.functional import transitions


class TestImport(transitions.TransitionTestCase):
    def setUp(self) -> None:
        super().setUp()
        # Those of the base class have the names of aliases.
        for name in ('one', 'two'):
            self.shell.run('pci', 'flavor', 'delete', name)

    def test_servers_with_aliases_live_on_with_pci_ext(self) -> None:
        flavor = self.create_flavor('two:1', test_attach.ALIAS)
        self.remove_pci_ext()
        server, other = [self.create_server(flavor) for _ in range(2)]
        for each in (server, other):
            self.wait_for(each, 'ACTIVE')
        before = self.allocations(server)

        self.add_pci_ext()
        code, output = self.manage('import-aliases')
        self.assertEqual(0, code, output)
        self.assertIn(
            'PCI flavor one: vendor_id=8086, product_id=0001, '
            'dev_type=type-PCI.\n',
            output,
        )
        self.assertIn(
            f'Flavor {flavor}: pci_passthrough:pci_flavor=1:two in place of '
            'pci_passthrough:alias=two:1.\n',
            output,
        )
        self.assertEqual(0, self.manage('import-aliases', '--apply')[0])
        self.addCleanup(self.shell.run, 'pci', 'flavor', 'delete', 'a1')
        self.assertEqual(before, self.domain(server))

        # The server has the flavor that it was created with.
        self.stop_and_start(server)
        self.assertEqual('Success', self.attach(server, '1:one'))
        self.assertEqual(
            ['boot', 'hot'], sorted(self.devices(server).values())
        )
        self.shell.run('server', 'delete', '--wait', other)
        self.migrate(server)
        self.confirm(server)
        self.assertEqual(
            ['boot', 'hot'], sorted(self.devices(server).values())
        )

        changed = self.create_flavor('1:two')
        self.resize(server, changed)
        self.confirm(server)
        self.assertEqual(
            {'pci_passthrough:pci_flavor': '1:two'},
            self.show(server)['flavor']['extra_specs'],
        )
        self.assertEqual(
            ['boot', 'hot'], sorted(self.devices(server).values())
        )
        new = self.create_server(flavor)
        self.wait_for(new, 'ACTIVE')
        self.assertEqual(
            {'pci_passthrough:pci_flavor': '1:two'},
            self.show(new)['flavor']['extra_specs'],
        )
        self.assertInUse(server, new)
