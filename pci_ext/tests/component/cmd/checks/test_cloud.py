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

from collections.abc import Callable

from oslo_upgradecheck import upgradecheck

from pci_ext import exception
from pci_ext.claims import reported_pools
from pci_ext.cmd.checks import cloud
from pci_ext.db import api
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.tests.component import flavors
from pci_ext.tests.component.api import base as api_base
from pci_ext.tests.component.cmd.checks import base
from pci_ext.tests.component.db import base as db_base

POOL = {
    'vendor_id': '8086',
    'product_id': '0001',
    'dev_type': 'type-PCI',
    'count': 1,
}


def create(name: str, **specs: str) -> None:
    pci_flavors.create(pci_flavor.PciFlavor(name=name, specs=specs))


class CloudTestCase(base.CheckTestCase):
    def assert_needs_databases(
        self, check: Callable[[], upgradecheck.Result], table: str
    ) -> None:
        """Check the result of a check if a database is not ready.

        :param table: the table of Nova that the check reads
        """
        with api_base.statements(table) as statements:
            check()
            self.assertNotEqual([], statements)

        def refuse(*args: object) -> None:
            raise exception.DatabaseUnavailable()

        self.patch(pci_flavors, 'get_all', refuse)
        self.assert_problem(
            base.WARNING, check, 'Not checked: see Database Schema.'
        )
        db_base.empty(api.get_engine())
        self.assert_problem(
            base.WARNING, check, 'Not checked: see Database Schema.'
        )
        self.flags(connection=None, group='api_database')
        self.assert_not_checked(check)


class AttributesTestCase(CloudTestCase):
    def test_succeeds_if_each_attribute_is_reported(self) -> None:
        self.create_host('cell1', 'host1', POOL)
        self.create_host('cell2', 'host2', POOL | {'e.group': 'gpu'})
        create('GPU', vendor_id='8086', **{'e.group': 'gpu'})
        self.assert_success(cloud.attributes_reported)

    def test_warns_of_pci_flavors_without_properties(self) -> None:
        self.create_host('cell1', 'host1', POOL)
        for name in ('empty', 'new'):
            create(name)
        create('GPU', vendor_id='8086')
        self.assert_problem(
            base.WARNING, cloud.attributes_reported, 'no device: empty, new. '
        )

    def test_succeeds_without_pci_flavors(self) -> None:
        self.assert_success(cloud.attributes_reported)

    def test_warns_of_unreported_attributes(self) -> None:
        self.create_host('cell1', 'host1', POOL)
        create('GPU', vendor_id='8086', **{'e.b': '1', 'e.a': '1'})
        create('NIC', vendor_id='8086')
        create('QAT', **{'e.b': '1'})
        details = self.assert_problem(
            base.WARNING,
            cloud.attributes_reported,
            ': GPU (e.a, e.b); QAT (e.b). ',
            '[pci_ext] pci_flavor_attrs',
            'openstack pci flavor unset',
        )
        self.assertNotIn('do not answer', details)

    def test_warns_without_a_host(self) -> None:
        create('NIC', vendor_id='8086')
        self.assert_problem(
            base.WARNING, cloud.attributes_reported, ': NIC (vendor_id). '
        )

    def test_warning_names_unreachable_cells(self) -> None:
        self.create_host('cell1', 'host1', POOL | {'e.group': 'gpu'})
        cell = self.cell_mappings['cell1']
        self.useFixture(
            api_base.BrokenCell(reported_pools, '_list_in_cell', cell)
        )
        create('GPU', **{'e.group': 'gpu'})
        self.assert_problem(
            base.WARNING,
            cloud.attributes_reported,
            ': GPU (e.group). ',
            f'Cells that do not answer may have such hosts: {cell.uuid}.',
        )

    def test_is_not_checked_without_databases(self) -> None:
        self.create_host('cell1', 'host1', POOL)
        self.assert_needs_databases(cloud.attributes_reported, 'compute_nodes')


class ExtraSpecsTestCase(CloudTestCase):
    def create_flavor(self, name: str, **extra_specs: str) -> None:
        flavors.create_private(self.context, name, **extra_specs)

    def test_succeeds_if_all_pci_flavors_exist(self) -> None:
        create('GPU')
        create('NIC')
        self.create_flavor('none')
        self.create_flavor('both', pci_flavor='1:GPU,NIC;NIC')
        self.create_flavor('other', alias='a1:1', pci_name='10GE')
        self.assert_success(cloud.extra_specs_known)

    def test_warns_of_unknown_pci_flavors(self) -> None:
        create('GPU')
        self.create_flavor('one', pci_flavor='1:GPU,NvGPU;2:QAT')
        self.create_flavor('known', pci_flavor='1:GPU')
        # Names are compared exactly.
        self.create_flavor('two', pci_flavor='gpu')
        self.assert_problem(
            base.WARNING,
            cloud.extra_specs_known,
            ' pci_passthrough:pci_flavor, ',
            ': one (NvGPU, QAT); two (gpu). ',
            'openstack pci flavor create',
            'openstack flavor set',
        )

    def test_warns_of_invalid_requests(self) -> None:
        self.create_flavor('bad', pci_flavor='0:GPU')
        details = self.assert_problem(
            base.WARNING,
            cloud.extra_specs_known,
            "cannot be understood: bad: Invalid PCI request '0:GPU': ",
            'openstack flavor set',
        )
        self.assertNotIn('do not exist', details)

    def test_is_not_checked_without_databases(self) -> None:
        self.assert_needs_databases(cloud.extra_specs_known, 'flavors')
