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

"""The quota of PCI flavors, with limits of pci_ext and of keystone."""

from typing import Any

from nova import exception as nova_exception
from nova.tests import fixtures as nova_fixtures
from oslo_limit import exception as limit_exception

from pci_ext.api.quota import checks
from pci_ext.api.quota import limits
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
        self.add_device(self.server, 1, 'one', **test_usage.INTEL)
        for spec in FIRST, SECOND:
            db.create(
                pci_flavor.PciFlavor(
                    name=spec['pci_flavor'],
                    uuid=spec['pci_flavor_uuid'],
                    specs={'vendor_id': spec['vendor_id']},
                )
            )

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

    def test_accepts_devices_up_to_the_limit(self) -> None:
        self.limit('IntelGPU', 3)
        self.assertEqual(1, self.boot(request('two', 2, FIRST)))
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 3, but already '
            'used 1 of 3 devices.',
            self.boot,
            request('three', 3, FIRST),
        )

    def test_limit_of_zero_refuses_every_device(self) -> None:
        self.limit('NvGPU', 0)
        self.assertOver(
            'Quota exceeded for PCI flavor NvGPU: requested 1, but already '
            'used 0 of 0 devices.',
            self.boot,
            request('one', 1, SECOND),
        )

    def test_limit_of_a_project_overrides_the_default(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('IntelGPU', 5, project=True)
        self.assertEqual(1, self.boot(request('four', 4, FIRST)))

    def test_project_can_be_unlimited(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('IntelGPU', -1, project=True)
        self.assertEqual(1, self.boot(request('many', 99, FIRST)))

    def test_requests_by_alias_count_under_matching_pci_flavors(self) -> None:
        self.limit('IntelGPU', 2)
        self.limit('NvGPU', 0)
        self.assertEqual(1, self.boot(request('alias', 1, test_usage.ALIAS)))
        text = (
            'Quota exceeded for PCI flavor IntelGPU: requested 2, but already '
            'used 1 of 2 devices.'
        )
        alias = request('alias', 2, test_usage.ALIAS)
        self.assertOver(text, self.boot, alias)
        self.assertOver(text, self.attach, alias)
        self.resize(alias)
        self.assertOver(
            text, self.resize, request('alias', 3, test_usage.ALIAS)
        )

    def test_devices_of_an_alias_use_the_limit_of_a_pci_flavor(self) -> None:
        self.limit('IntelGPU', 2)
        server = self.create('other', request('alias', 1, test_usage.ALIAS))
        self.add_device(server, 2, 'alias', **test_usage.INTEL)
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 1, but already '
            'used 2 of 2 devices.',
            self.boot,
            request('one', 1, FIRST),
        )

    def test_returns_the_limits_of_a_project(self) -> None:
        uuids = [test_usage.INTEL_GPU, test_usage.NV_GPU]
        found = limits.get_limits(self.context, base.OWN_PROJECT)
        assert found is not None
        self.assertEqual({}, found.get(uuids))
        self.limit('IntelGPU', 4)
        self.limit('IntelGPU', 2, project=True)
        found = limits.get_limits(self.context, base.OWN_PROJECT)
        assert found is not None
        self.assertEqual({test_usage.INTEL_GPU: 2}, found.get(uuids))

    def test_counts_each_alternative(self) -> None:
        self.limit('NvGPU', 1)
        self.assertEqual(1, self.boot(request('both', 1, FIRST, SECOND)))
        self.assertOver(
            'Quota exceeded for PCI flavor NvGPU: requested 2, but already '
            'used 0 of 1 devices.',
            self.boot,
            request('both', 1, FIRST, SECOND),
            request('second', 1, SECOND),
        )

    def test_error_names_all_exceeded_limits(self) -> None:
        self.limit('IntelGPU', 1)
        self.limit('NvGPU', 0)
        error = self.assertRaises(
            checks.PciFlavorLimitExceeded,
            self.boot,
            request('both', 1, FIRST, SECOND),
        )
        for name in ('IntelGPU', 'NvGPU'):
            self.assertIn(f'PCI flavor {name}:', error.format_message())

    def test_limit_reduces_the_number_of_servers(self) -> None:
        self.limit('IntelGPU', 6)
        self.assertEqual(2, self.boot(request('two', 2, FIRST), at_most=5))

    def test_refuses_fewer_servers_than_the_minimum(self) -> None:
        self.limit('IntelGPU', 6)
        error = self.assertRaises(
            checks.PciFlavorLimitExceeded,
            self.boot,
            request('two', 2, FIRST),
            at_least=3,
            at_most=5,
        )
        self.assertIn('requested 6,', error.format_message())

    def test_lowest_limit_reduces_the_number_of_servers(self) -> None:
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

    def test_recheck_counts_recorded_servers(self) -> None:
        self.limit('IntelGPU', 3)
        item = request('two', 2, FIRST)
        self.request_server('recorded', item)
        checks.recheck_boot(self.context, requests(item), 1)
        self.request_server('another', item)
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 2, and other '
            'requests at the same time take the rest of 3 devices. Try again.',
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

    def test_resize_counts_the_difference(self) -> None:
        self.limit('IntelGPU', 2)
        self.resize(request('two', 2, FIRST))
        self.resize()
        self.assertOver(
            'Quota exceeded for PCI flavor IntelGPU: requested 2, but already '
            'used 1 of 2 devices.',
            self.resize,
            request('three', 3, FIRST),
        )

    def test_resize_does_not_count_attached_devices(self) -> None:
        self.limit('IntelGPU', 1)
        self.resize(
            request('one', 1, FIRST),
            request('hot', 5, FIRST, requester_id='pci_ext:hot'),
        )

    def test_resize_accepts_equal_requests_above_the_limit(self) -> None:
        self.limit('IntelGPU', 0)
        self.resize(request('one', 1, FIRST))

    def attach(self, *items: Any) -> None:
        # An administrator of another project.
        checks.check_attach(
            self.context_of('admin', project_id=base.OTHER_PROJECT),
            self.instance('cell1', self.server),
            list(items),
        )

    def test_new_name_keeps_the_devices_of_a_pci_flavor(self) -> None:
        db.update_by_uuid(test_usage.INTEL_GPU, {'name': 'Arc'})
        self.limit('Arc', 1)
        self.assertOver(
            'Quota exceeded for PCI flavor Arc: requested 1, but already used '
            '1 of 1 devices.',
            self.boot,
            request('more', 1, {**FIRST, 'pci_flavor': 'Arc'}),
        )

    def test_name_of_a_deleted_pci_flavor_has_none_of_its_devices(
        self,
    ) -> None:
        db.delete_by_uuid(test_usage.INTEL_GPU)
        new = db.create(pci_flavor.PciFlavor(name='IntelGPU')).uuid
        self.limit('IntelGPU', 1)
        item = request('more', 1, {**FIRST, 'pci_flavor_uuid': new})
        self.assertEqual(1, self.boot(item))

    def test_attach_counts_requested_devices(self) -> None:
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

    def limit(self, name: str, devices: int, project: bool = False) -> None:
        owner = base.OWN_PROJECT if project else limits_db.DEFAULT
        limits_db.update(db.get_by_name(name).uuid, {owner: devices})

    def test_noop_quota_driver_has_no_limits(self) -> None:
        self.limit('IntelGPU', 0)
        self.flags(driver='nova.quota.NoopQuotaDriver', group='quota')
        self.assertEqual(1, self.boot(request('one', 1, FIRST)))

    def test_number_of_servers_does_not_add_queries(self) -> None:
        self.limit('IntelGPU', 6)

        def count_queries(**servers: int) -> int:
            with base.statements('pci_flavors') as statements:
                try:
                    self.boot(request('two', 2, FIRST), **servers)
                except checks.PciFlavorLimitExceeded:
                    pass
            return len(statements)

        self.assertEqual(count_queries(at_most=3), count_queries(at_most=3000))
        self.assertEqual(
            count_queries(at_least=3, at_most=4),
            count_queries(at_least=3, at_most=3000),
        )

    def test_does_not_count_unlimited_pci_flavors(self) -> None:
        with base.statements('pci_devices') as statements:
            self.boot(request('one', 1, FIRST))
            self.boot(request('alias', 1, test_usage.ALIAS))
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

    def test_ignores_limits_of_pci_ext(self) -> None:
        limits_db.update(test_usage.INTEL_GPU, {limits_db.DEFAULT: 0})
        self.assertEqual(1, self.boot(request('one', 1, FIRST)))

    def test_unreachable_keystone_fails_the_check(self) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise limit_exception.SessionInitError('no route')

        self.stub_out('oslo_limit.limit.Enforcer.__init__', fail)
        self.assertRaises(
            nova_exception.KeystoneConnectionFailed,
            self.boot,
            request('one', 1, FIRST),
        )
