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
from nova.api.validation import validators
from oslotest import base

from pci_ext.api.schemas import server_actions as schema


class AttachPciTestCase(base.BaseTestCase):
    def accepts(self, **extra_specs: Any) -> bool:
        body = {
            'attach_pci': {
                f'pci_passthrough:{key}': value
                for key, value in extra_specs.items()
            }
        }
        try:
            validators._SchemaValidator(schema.attach_pci).validate(body)
        except exception.ValidationError:
            return False
        return True

    def test_aliases(self) -> None:
        for text in ('a:1', 'a:1,b:2', 'a:1, b:2', 'a:1 ,  b b:12'):
            self.assertTrue(self.accepts(alias=text), text)
        for text in ('', 'a', 'a:', ':1', 'a:1,', 'a:1;b:1', 'a:1!'):
            self.assertFalse(self.accepts(alias=text), text)

    def test_texts_that_cannot_be_stored(self) -> None:
        for character in ('\x00', '\ud800'):
            for key, text in (
                ('alias', f'{character}:1'),
                ('alias', f'a:1,b{character}:1'),
                ('pci_flavor', f'1:{character}'),
                ('pci_name', character),
            ):
                self.assertFalse(
                    self.accepts(**{key: text}), text.encode(errors='replace')
                )
