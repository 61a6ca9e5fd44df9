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

from typing import Any

from oslo_utils import uuidutils
import webob

from pci_ext.db import pci_flavor_limits as limits_db
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base
from pci_ext.tests.component.api.quota import test_usage
from pci_ext.tests.component.api.quota.test_usage import request

PATH = '/os-pci-limits'


class PciLimitsTestCase(test_usage.ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.Projects(base.OWN_PROJECT, base.OTHER_PROJECT))
        for spec in test_usage.FIRST, test_usage.SECOND:
            db.create(
                pci_flavor.PciFlavor(
                    name=spec['pci_flavor'],
                    uuid=spec['pci_flavor_uuid'],
                    specs={'vendor_id': spec['vendor_id']},
                )
            )
        server = self.create('server', request('one', 1, test_usage.FIRST))
        self.add_device(server, 1, 'one', **test_usage.INTEL)
        limits_db.update(
            test_usage.INTEL_GPU,
            {limits_db.DEFAULT: 4, base.OTHER_PROJECT: 0},
        )

    def get(self, query: str = '', user: str = 'reader') -> webob.Response:
        context = self.context_of(user, project_id=base.OWN_PROJECT)
        return self.call('GET', f'{PATH}{query}', context=context)

    def assertLimits(
        self, response: webob.Response, **expected: tuple[int, int]
    ) -> None:
        """Check limit and used devices by PCI flavor."""
        self.assertEqual(200, response.status_int, response.text)
        found: dict[str, Any] = {
            each['pci_flavor']: (each['limit'], each['used'])
            for each in response.json['pci_limits']
        }
        self.assertEqual(expected, found)

    def test_users_see_their_own_project(self) -> None:
        self.assertLimits(self.get(), IntelGPU=(4, 1), NvGPU=(-1, 0))

    def test_devices_of_an_alias_are_used(self) -> None:
        server = self.create('other', request('alias', 1, test_usage.ALIAS))
        self.add_device(server, 2, 'alias', **test_usage.NVIDIA)
        self.assertLimits(self.get(), IntelGPU=(4, 1), NvGPU=(-1, 1))

    def test_administrators_see_another_project(self) -> None:
        query = f'?project_id={base.OTHER_PROJECT}'
        self.assertEqual(403, self.get(query).status_int)
        response = self.call('GET', f'{PATH}{query}')
        self.assertLimits(response, IntelGPU=(0, 0), NvGPU=(-1, 0))

    def test_nothing_is_limited_without_quotas(self) -> None:
        self.flags(driver='nova.quota.NoopQuotaDriver', group='quota')
        self.assertLimits(self.get(), IntelGPU=(-1, 1), NvGPU=(-1, 0))

    def test_refuses_an_unknown_project(self) -> None:
        unknown = uuidutils.generate_uuid()
        response = self.call('GET', f'{PATH}?project_id={unknown}')
        self.assertEqual(400, response.status_int, response.text)

    def test_refuses_other_queries(self) -> None:
        for query in ('?project_id=', '?project_id=a&project_id=b', '?x=1'):
            response = self.call('GET', f'{PATH}{query}')
            self.assertEqual(400, response.status_int, query)
