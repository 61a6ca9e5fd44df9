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
import contextlib
import io

from nova import objects

from pci_ext import exception
from pci_ext.cmd.aliases import importing
from pci_ext.db import pci_flavors
from pci_ext.tests.component import flavors
from pci_ext.tests.component.api import base
from pci_ext.tests.component.cmd import configured_aliases

ALIAS = 'pci_passthrough:alias'
PCI_FLAVOR = 'pci_passthrough:pci_flavor'
NUMA_POLICY = 'hw:pci_numa_affinity_policy'

GPU = {'name': 'gpu', 'vendor_id': '10de', 'product_id': '20b0'}
VF = {
    'name': 'vf',
    'vendor_id': '8086',
    'product_id': '154c',
    'device_type': 'type-VF',
}
NEAR = VF | {'name': 'near', 'numa_policy': 'required'}


class ImportTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.Database())

    def configure(self, *entries: dict[str, str]) -> None:
        self.useFixture(configured_aliases.Aliases(*entries))

    def run_import(self, **arguments: bool) -> tuple[int, list[str]]:
        """Run the command, and return its exit code and lines of output."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = importing.run(**arguments)
        return code, output.getvalue().splitlines()

    def pci_flavors(self) -> dict[str, dict[str, str]]:
        return {each.name: each.specs for each in pci_flavors.get_all()}

    def create_flavor(self, name: str, **extra_specs: str) -> None:
        flavors.make_flavor(
            self.context, name, extra_specs=extra_specs
        ).create()

    def extra_specs(self, name: str) -> dict[str, str]:
        flavor = objects.Flavor.get_by_name(self.context, name)
        return dict(flavor.extra_specs)


class PciFlavorsTestCase(ImportTestCase):
    def test_creates_a_pci_flavor_for_each_alias(self) -> None:
        self.configure(GPU, VF)
        lines = [
            'PCI flavor gpu: vendor_id=10de, product_id=20b0',
            'PCI flavor vf: vendor_id=8086, product_id=154c, dev_type=type-VF',
        ]
        self.assertEqual(
            (0, [f'{line}.' for line in lines]), self.run_import(dry_run=True)
        )
        self.assertEqual({}, self.pci_flavors())
        self.assertEqual(
            (0, [f'{line}.' for line in lines]), self.run_import()
        )
        self.assertEqual(
            {
                'gpu': {'vendor_id': '10de', 'product_id': '20b0'},
                'vf': {
                    'vendor_id': '8086',
                    'product_id': '154c',
                    'dev_type': 'type-VF',
                },
            },
            self.pci_flavors(),
        )
        [gpu, _] = pci_flavors.get_all()
        self.assertEqual('The alias gpu.', gpu.description)
        self.assertTrue(gpu.is_public)
        self.assertEqual('forbid', gpu.live_migration)
        self.assertEqual(
            (0, [f'{line}, exists.' for line in lines]), self.run_import()
        )

    def test_several_entries_become_one_pattern(self) -> None:
        second = VF | {'product_id': '1520'}
        self.configure(VF, second)
        self.run_import()
        self.assertEqual(
            {
                'vf': {
                    'vendor_id': '8086',
                    'product_id': '154c|1520',
                    'dev_type': 'type-VF',
                }
            },
            self.pci_flavors(),
        )

    def test_other_entries_become_alternatives(self) -> None:
        self.configure(VF, VF | {'vendor_id': '15b3', 'product_id': '1018'})
        self.create_flavor('a', **{ALIAS: 'vf:2'})
        self.assertEqual(0, self.run_import(apply=True)[0])
        self.assertEqual({'vf', 'vf-2'}, set(self.pci_flavors()))
        self.assertEqual({PCI_FLAVOR: '2:vf,vf-2'}, self.extra_specs('a'))

    def test_live_migratable_becomes_the_policy(self) -> None:
        self.configure(
            GPU | {'live_migratable': 'yes'}, VF | {'live_migratable': 'no'}
        )
        _, lines = self.run_import()
        self.assertEqual(
            ['native', 'forbid'],
            [each.live_migration for each in pci_flavors.get_all()],
        )
        self.assertIn('Alias gpu: live_migratable became the live', lines[1])

    def test_says_that_traits_are_not_imported(self) -> None:
        self.configure(GPU | {'resource_class': 'GPU', 'traits': 'BIG'})
        self.assertIn(
            'Alias gpu: resource_class and traits are not imported.',
            self.run_import()[1],
        )

    def test_leaves_aliases_without_properties_or_a_valid_name(self) -> None:
        self.flags(pci_in_placement=True, group='filter_scheduler')
        self.configure(
            {'name': 'class', 'resource_class': 'GPU'}, GPU | {'name': '12'}
        )
        code, lines = self.run_import()
        self.assertEqual(1, code)
        self.assertEqual({}, self.pci_flavors())
        self.assertIn('Alias class: not imported: it has no ven', lines[0])
        self.assertIn('Alias 12: not imported: Invalid PCI flavor', lines[1])

    def test_leaves_pci_flavors_with_other_properties(self) -> None:
        self.configure(GPU)
        self.run_import()
        self.configure(GPU | {'product_id': '20b5'})
        self.create_flavor('a', **{ALIAS: 'gpu:1'})
        code, lines = self.run_import(apply=True)
        self.assertEqual(1, code)
        self.assertEqual(
            [
                'Alias gpu: not imported: the PCI flavor gpu has other '
                'properties than vendor_id=10de, product_id=20b5.',
                'Flavor a: not changed: the alias gpu has no PCI flavor.',
            ],
            lines,
        )
        self.assertEqual('20b0', self.pci_flavors()['gpu']['product_id'])

    def test_refuses_what_nova_refuses(self) -> None:
        self.configure(GPU | {'colour': 'red'})
        error = self.assertRaises(
            exception.UnsupportedConfiguration, importing.run
        )
        self.assertIn('colour', str(error))


class FlavorsTestCase(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.configure(GPU, VF, NEAR)

    def test_changes_flavors_only_when_told(self) -> None:
        self.create_flavor('a', **{ALIAS: 'gpu:2, vf:1', 'hw:x': 'y'})
        line = (
            f'Flavor a: {PCI_FLAVOR}=2:gpu;1:vf in place of {ALIAS}=gpu:2, '
            'vf:1.'
        )
        for arguments in ({'dry_run': True}, {}):
            code, lines = self.run_import(**arguments)
            self.assertEqual(0, code)
            self.assertEqual(
                [
                    line,
                    'The flavors are not changed: that is done with --apply.',
                ],
                lines[3:],
            )
            self.assertEqual('gpu:2, vf:1', self.extra_specs('a')[ALIAS])
        self.assertEqual([line], self.run_import(apply=True)[1][3:])
        self.assertEqual(
            {PCI_FLAVOR: '2:gpu;1:vf', 'hw:x': 'y'}, self.extra_specs('a')
        )
        self.assertEqual([], self.run_import(apply=True)[1][3:])

    def test_adds_to_the_pci_flavors_of_a_flavor(self) -> None:
        self.create_flavor('a', **{ALIAS: 'gpu:1', PCI_FLAVOR: '1:x;'})
        self.run_import(apply=True)
        self.assertEqual({PCI_FLAVOR: '1:x;1:gpu'}, self.extra_specs('a'))

    def test_sets_the_numa_policy_of_the_alias(self) -> None:
        self.create_flavor('a', **{ALIAS: 'near:1'})
        self.create_flavor('b', **{ALIAS: 'near:1', NUMA_POLICY: 'socket'})
        self.run_import(apply=True)
        self.assertEqual(
            {PCI_FLAVOR: '1:near', NUMA_POLICY: 'required'},
            self.extra_specs('a'),
        )
        self.assertEqual(
            {PCI_FLAVOR: '1:near', NUMA_POLICY: 'socket'},
            self.extra_specs('b'),
        )

    def test_leaves_what_pci_flavors_cannot_replace(self) -> None:
        self.create_flavor('a', **{ALIAS: 'near:1,gpu:1'})
        self.create_flavor('b', **{ALIAS: 'other:1'})
        self.create_flavor('c', **{ALIAS: 'gpu:many'})
        self.create_flavor('d', **{ALIAS: 'gpu:300'})
        code, lines = self.run_import(apply=True)
        self.assertEqual(1, code)
        for line, reason in zip(
            lines[3:],
            (
                'its aliases have the NUMA policies legacy and required.',
                'the alias other has no PCI flavor.',
                "'gpu:many' is not ALIAS:COUNT.",
                'Invalid PCI request',
            ),
            strict=True,
        ):
            self.assertIn(f': not changed: {reason}', line)
        self.assertEqual({ALIAS: 'near:1,gpu:1'}, self.extra_specs('a'))
