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

"""The quota of PCI flavors, by limits of our own and by those of keystone."""

from typing import Any

from nova import exception as nova_exception
from nova.tests import fixtures as nova_fixtures
from oslo_limit import exception as limit_exception

from pci_ext.api.quota import checks
from pci_ext.db import pci_flavor_limits as limits_db
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base
from pci_ext.tests.component.api.quota import test_usage
from pci_ext.tests.component.api.quota.test_usage import request
from pci_ext.tests.component.api.quota.test_usage import requests

FIRST, SECOND = test_usage.FIRST, test_usage.SECOND


class Rules:
    """Tests of both back ends of limits.

    The project has one device of IntelGPU.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.create('server', request('one', 1, FIRST))
        self.give(self.server, 1, 'one', **test_usage.INTEL)

    def limit(self, name: str, devices: int, project: bool = False) -> None:
        raise NotImplementedError()

    def boot(self, *items: Any, at_least: int = 1, at_most: int = 1) -> int:
        return checks.check_boot(
            self.context, requests(*items), at_least, at_most
        )

    def assertOver(self, text: str, call: Any, *args: Any) -> None:
        error = self.assertRaises(checks.PciFlavorLimitExceeded, call, *args)
        self.assertIsInstance(error, nova_exception.OverQuota)
        self.assertEqual(text, error.format_message())

    def test_unlimited_by_default(self) -> None:
        self.limit('NvGPU', 0)
        self.assertEqual(9, self.boot(request('more', 99, FIRST), at_most=9))

    def test_up_to_the_limit(self) -> None:
        self.limit('IntelGPU', 3)
        self.assertEqual(1, self.boot(request('two', 2, FIRST)))
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 3, but already '
            'used 1 of 3 devices.',
            self.boot,
            request('three', 3, FIRST),
        )

    def test_a_limit_of_zero(self) -> None:
        self.limit('NvGPU', 0)
        self.assertOver(
            'Quota exceeded for PCI flavor NvGPU: requested 1, but already '
            'used 0 of 0 devices.',
            self.boot,
            request('one', 1, SECOND),
        )

    def test_that_of_a_project(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('IntelGPU', 5, project=True)
        self.assertEqual(1, self.boot(request('four', 4, FIRST)))

    def test_unlimited_for_a_project(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('IntelGPU', -1, project=True)
        self.assertEqual(1, self.boot(request('many', 99, FIRST)))

    def test_each_alternative_counts(self) -> None:
        self.limit('NvGPU', 1)
        self.assertEqual(1, self.boot(request('both', 1, FIRST, SECOND)))
        self.assertOver(
            'Quota exceeded for PCI flavor NvGPU: requested 2, but already '
            'used 0 of 1 devices.',
            self.boot,
            request('both', 1, FIRST, SECOND),
            request('second', 1, SECOND),
        )

    def test_all_limits_that_are_exceeded_are_told(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('NvGPU', 0)
        error = self.assertRaises(
            checks.PciFlavorLimitExceeded,
            self.boot,
            request('both', 1, FIRST, SECOND),
        )
        for name in ('IntelGPU', 'NvGPU'):
            self.assertIn(f'PCI flavor {name}:', error.format_message())

    def test_as_many_servers_as_can_be(self) -> None:
        self.limit('IntelGPU', 6)
        self.assertEqual(2, self.boot(request('two', 2, FIRST), at_most=5))

    def test_not_as_many_as_have_to_be(self) -> None:
        self.limit('IntelGPU', 6)
        error = self.assertRaises(
            checks.PciFlavorLimitExceeded,
            self.boot,
            request('two', 2, FIRST),
            at_least=3,
            at_most=5,
        )
        self.assertIn('requested 6,', error.format_message())

    def test_as_many_servers_as_all_limits_allow(self) -> None:
        self.limit('IntelGPU', 8)
        self.limit('NvGPU', 3)
        self.assertEqual(
            2,
            self.boot(
                request('two', 2, FIRST),
                request('both', 1, FIRST, SECOND),
                at_most=5,
            ),
        )

    def test_recheck(self) -> None:
        self.limit('IntelGPU', 3)
        item = request('two', 2, FIRST)
        self.ask('recorded', item)
        checks.recheck_boot(self.context, requests(item), 1)
        self.ask('another', item)
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 2, but already '
            'used 3 of 3 devices.',
            checks.recheck_boot,
            self.context,
            requests(item),
            1,
        )
        self.flags(recheck_quota=False, group='quota')
        checks.recheck_boot(self.context, requests(item), 1)

    def resize(self, *items: Any) -> None:
        checks.check_resize(
            self.context,
            self.instance('cell1', self.server),
            requests(*items),
        )

    def test_resize_asks_for_the_difference(self) -> None:
        self.limit('IntelGPU', 2)
        self.resize(request('two', 2, FIRST))
        self.resize()
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 2, but already '
            'used 1 of 2 devices.',
            self.resize,
            request('three', 3, FIRST),
        )

    def test_resize_keeps_attached_devices(self) -> None:
        self.limit('IntelGPU', 1)
        self.resize(
            request('one', 1, FIRST),
            request('hot', 5, FIRST, requester_id='pci_ext:hot'),
        )

    def test_resize_of_a_project_over_its_limit(self) -> None:
        self.limit('IntelGPU', 0)
        self.resize(request('one', 1, FIRST))

    def attach(self, *items: Any) -> None:
        # An administrator of another project.
        checks.check_attach(
            self.context_of('admin', project_id=base.OTHER_PROJECT),
            self.instance('cell1', self.server),
            list(items),
        )

    def test_attach(self) -> None:
        self.limit('IntelGPU', 2)
        self.attach(request('one', 1, FIRST))
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 2, but already '
            'used 1 of 2 devices.',
            self.attach,
            request('two', 2, FIRST),
        )


class OwnLimitsTestCase(Rules, test_usage.ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.uuids = {
            name: db.create(pci_flavor.PciFlavor(name=name)).uuid
            for name in ('IntelGPU', 'NvGPU')
        }

    def limit(self, name: str, devices: int, project: bool = False) -> None:
        owner = base.OWN_PROJECT if project else limits_db.DEFAULT
        limits_db.update(self.uuids[name], {owner: devices})

    def test_where_nova_has_no_quotas(self) -> None:
        self.limit('IntelGPU', 0)
        self.flags(driver='nova.quota.NoopQuotaDriver', group='quota')
        self.assertEqual(1, self.boot(request('one', 1, FIRST)))

    def test_the_number_of_servers_costs_nothing(self) -> None:
        self.limit('IntelGPU', 6)

        def cost(**servers: int) -> int:
            with base.statements('pci_flavors') as statements:
                try:
                    self.boot(request('two', 2, FIRST), **servers)
                except checks.PciFlavorLimitExceeded:
                    pass
            return len(statements)

        self.assertEqual(cost(at_most=3), cost(at_most=3000))
        self.assertEqual(
            cost(at_least=3, at_most=4), cost(at_least=3, at_most=3000)
        )

    def test_unlimited_flavors_are_not_counted(self) -> None:
        with base.statements('pci_devices') as statements:
            self.boot(request('one', 1, FIRST))
        self.assertEqual([], statements)


class UnifiedLimitsTestCase(Rules, test_usage.ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(driver='nova.quota.UnifiedLimitsDriver', group='quota')
        self.keystone = self.useFixture(nova_fixtures.UnifiedLimitsFixture())

    def limit(self, name: str, devices: int, project: bool = False) -> None:
        resource = f'pci_flavor:{name}'
        if project:
            self.keystone.create_limit(
                project_id=base.OWN_PROJECT,
                resource_name=resource,
                resource_limit=devices,
            )
        else:
            self.keystone.create_registered_limit(
                resource_name=resource, default_limit=devices
            )

    def test_our_own_do_not_count(self) -> None:
        flavor = db.create(pci_flavor.PciFlavor(name='IntelGPU'))
        limits_db.update(flavor.uuid, {limits_db.DEFAULT: 0})
        self.assertEqual(1, self.boot(request('one', 1, FIRST)))

    def test_keystone_that_does_not_answer(self) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise limit_exception.SessionInitError('no route')

        self.stub_out('oslo_limit.limit.Enforcer.__init__', fail)
        self.assertRaises(
            nova_exception.KeystoneConnectionFailed,
            self.boot,
            request('one', 1, FIRST),
        )
