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

from nova import exception
from nova import test
from nova.api.validation.extra_specs import validators
from oslo_utils.fixture import uuidsentinel

from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor


class ExtraSpecsTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        flavors = {
            name: pci_flavor.PciFlavor(
                name=name,
                uuid=getattr(uuidsentinel, name),
                specs={'vendor_id': '8086'},
            )
            for name in ('bigGPU', 'smallGPU')
        }
        resolving = from_flavor.resolving(
            lambda names: [flavors[name] for name in names if name in flavors]
        )
        resolving.__enter__()
        self.addCleanup(resolving.__exit__, None, None, None)

    def assert_refused(self, name: str, value: Any, *texts: str) -> None:
        error = self.assertRaises(
            exception.ValidationError, validators.validate, name, value
        )
        for text in texts:
            self.assertIn(text, error.format_message())

    def test_accepts_requests_by_pci_flavor(self) -> None:
        for value in (
            'bigGPU',
            '1:bigGPU',
            '1:bigGPU;',
            '2:bigGPU,smallGPU;1:smallGPU',
        ):
            validators.validate('pci_passthrough:pci_flavor', value)

    def test_refuses_requests_that_do_not_parse(self) -> None:
        for value, text in {
            '0:bigGPU': 'the count 0',
            '10000:bigGPU': 'the count 10000',
            'x:bigGPU': "'x' is not a count",
            '': 'empty',
            '1:12': 'all digits',
        }.items():
            self.assert_refused('pci_passthrough:pci_flavor', value, text)

    def test_refuses_unknown_pci_flavors(self) -> None:
        self.assert_refused(
            'pci_passthrough:pci_flavor',
            '1:bigGPU,nosuch',
            'PCI flavor nosuch could not be found',
        )
        self.assert_refused(
            'pci_passthrough:pci_flavor',
            '1:bigGPU,nosuch;1:neither',
            'PCI flavors neither, nosuch could not be found',
        )

    def test_refuses_a_number(self) -> None:
        for name in ('pci_passthrough:pci_flavor', 'pci_passthrough:pci_name'):
            self.assert_refused(name, 1, 'all digits')

    def test_accepts_device_names_but_no_empty_one(self) -> None:
        validators.validate('pci_passthrough:pci_name', '10GE,10GE')
        self.assert_refused(
            'pci_passthrough:pci_name', '10GE,,10GE', '10GE,,10GE', 'empty'
        )

    def test_refuses_the_reserved_key_of_resolved_requests(self) -> None:
        self.assert_refused('pci_passthrough:pci_requests', '[]', 'reserved')

    def test_accepts_an_alias_of_nova(self) -> None:
        validators.validate('pci_passthrough:alias', 'a1:2')
