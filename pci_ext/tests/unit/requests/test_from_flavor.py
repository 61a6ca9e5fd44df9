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

from __future__ import annotations

from nova import objects
from nova.pci import request
from oslo_utils.fixture import uuidsentinel
from oslotest import base

from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor
from pci_ext.tests import fixtures

GPU = {'vendor_id': '10de', 'product_id': '1db[0-9]'}
QAT = {'vendor_id': '8086', 'product_id': '37c8'}


def named(name: str, specs: dict[str, str]) -> dict[str, str]:
    """Return the specs of a PCI flavor as an alternative of a request."""
    return {
        **specs,
        'pci_flavor': name,
        'pci_flavor_uuid': getattr(uuidsentinel, name),
    }


class RequestsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf
        self.flavors = {'GPU': GPU, 'QAT': QAT}
        self.live_migration = 'forbid'
        self.requested_names: list[set[str]] = []

    def source(self, names: set[str]) -> list[pci_flavor.PciFlavor]:
        self.requested_names.append(set(names))
        return [
            pci_flavor.PciFlavor(
                uuid=getattr(uuidsentinel, name),
                name=name,
                specs=self.flavors[name],
                live_migration=self.live_migration,
            )
            for name in names
            if name in self.flavors
        ]

    def requests(
        self, flavor: objects.Flavor, policy: str | None = None
    ) -> list[objects.InstancePCIRequest]:
        with from_flavor.resolving(self.source):
            return self.requests_outside_nova_api(flavor, policy)

    def requests_outside_nova_api(
        self, flavor: objects.Flavor, policy: str | None = None
    ) -> list[objects.InstancePCIRequest]:
        """Make the requests outside of nova-api."""
        return request.get_pci_requests_from_flavor(
            flavor, affinity_policy=policy
        ).requests

    def flavor(self, **extra_specs: str) -> objects.Flavor:
        return objects.Flavor(
            extra_specs={
                f'pci_passthrough:{key}': value
                for key, value in extra_specs.items()
            }
        )

    def test_alternatives_in_their_order(self) -> None:
        found = self.requests(self.flavor(pci_flavor='2:QAT,GPU;GPU'))
        self.assertEqual([2, 1], [item.count for item in found])
        self.assertEqual(
            [named('QAT', QAT), named('GPU', GPU)],
            found[0].spec,
        )
        self.assertEqual('QAT,GPU', found[0].alias_name)
        self.assertEqual([{'QAT', 'GPU'}], self.requested_names)
        self.assertEqual(
            objects.InstancePCIRequest.FLAVOR_ALIAS, found[0].source
        )
        self.assertNotEqual(found[0].request_id, found[1].request_id)

    def test_names_are_matched_literally(self) -> None:
        found = self.requests(self.flavor(pci_name='10GE,a.b,10GE'))
        self.assertEqual([2, 1], [item.count for item in found])
        self.assertEqual(
            {
                'e.name': '10GE',
                'live_migration': 'hotplug',
                'pci_name': '10GE',
            },
            found[0].spec[0],
        )
        self.assertEqual(r'a\.b', found[1].spec[0]['e.name'])
        self.assertEqual([set()], self.requested_names)

    def test_refuses_pci_flavors_without_properties(self) -> None:
        self.flavors |= {'new': {}, 'empty': {}}
        for value, text in (
            ('1:GPU,new', 'PCI flavor new has no properties, so it matches'),
            ('new;2:empty', 'PCI flavors empty, new have no properties, so'),
        ):
            error = self.assertRaises(
                from_flavor.InvalidPciRequest,
                self.requests,
                self.flavor(pci_flavor=value),
            )
            self.assertIn(text, error.format_message())

    def test_devices_of_both_extra_specs_are_limited_together(self) -> None:
        names = ','.join(['10GE'] * 128)
        self.requests(self.flavor(pci_flavor='128:GPU', pci_name=names))
        error = self.assertRaises(
            from_flavor.InvalidPciRequest,
            self.requests,
            self.flavor(pci_flavor='129:GPU', pci_name=names),
        )
        self.assertIn('more than 256 devices', error.format_message())

    def test_requests_have_the_live_migration_policy(self) -> None:
        self.live_migration = 'hotplug'
        [hotplug] = self.requests(self.flavor(pci_flavor='GPU'))
        self.live_migration = 'native'
        [native] = self.requests(self.flavor(pci_flavor='GPU'))
        self.assertEqual(
            [{**named('GPU', GPU), 'live_migration': 'hotplug'}],
            hotplug.spec,
        )
        self.assertFalse(hotplug.is_live_migratable())
        self.assertTrue(native.is_live_migratable())

    def test_numa_policy(self) -> None:
        flavor = self.flavor(pci_flavor='GPU')
        self.assertEqual('legacy', self.requests(flavor)[0].numa_policy)
        self.assertEqual(
            'required', self.requests(flavor, 'required')[0].numa_policy
        )

    def test_resolved_requests_remain_with_the_server(self) -> None:
        flavor = self.flavor(pci_flavor='GPU')
        before = self.requests(flavor)[0].spec
        self.flavors['GPU'] = QAT
        received = objects.Flavor.obj_from_primitive(flavor.obj_to_primitive())
        again = self.requests_outside_nova_api(received)
        self.assertEqual(before, again[0].spec)
        resized = self.requests(self.flavor(pci_flavor='GPU'))
        self.assertEqual(named('GPU', QAT), resized[0].spec[0])

    def test_ignores_resolved_requests_of_a_user(self) -> None:
        forged = self.flavor(
            pci_flavor='GPU',
            pci_requests='[{"count": 9, "alias_name": "x", "spec": [{}]}]',
        )
        self.assertEqual(1, self.requests(forged)[0].count)

    def test_refuses_requests_that_nova_api_did_not_resolve(self) -> None:
        for flavor in (
            self.flavor(pci_flavor='GPU'),
            self.flavor(pci_name='10GE'),
        ):
            error = self.assertRaises(
                from_flavor.InvalidPciRequest,
                self.requests_outside_nova_api,
                flavor,
            )
            self.assertIn('nova-api', error.format_message())

    def test_error_names_an_unknown_pci_flavor(self) -> None:
        error = self.assertRaises(
            from_flavor.InvalidPciRequest,
            self.requests,
            self.flavor(pci_flavor='GPU,NoSuch'),
        )
        self.assertIn('NoSuch', error.format_message())

    def test_refuses_requests_that_do_not_parse(self) -> None:
        for text in ('0:GPU', '10000:GPU', 'x:GPU', ';;'):
            error = self.assertRaises(
                from_flavor.InvalidPciRequest,
                self.requests,
                self.flavor(pci_flavor=text),
            )
            self.assertIn(text, error.format_message())

    def test_alias_beside_pci_flavor(self) -> None:
        self.conf.config(
            group='pci',
            alias=[
                '{"name": "a1", "vendor_id": "8086", "product_id": "10c9"}'
            ],
        )
        request.get_alias_from_config.cache_clear()
        self.addCleanup(request.get_alias_from_config.cache_clear)
        found = self.requests(self.flavor(alias='a1:2', pci_flavor='GPU'))
        self.assertEqual(
            [('a1', 2), ('GPU', 1)],
            [(item.alias_name, item.count) for item in found],
        )

    def test_flavor_without_extra_specs(self) -> None:
        self.assertEqual([], self.requests(objects.Flavor()))
