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

"""The API reference shows every operation, with samples of its bodies."""

from collections.abc import Iterator
import pathlib
import re

from nova import test

from pci_ext.api import router
from pci_ext.api.openapi import operations

ROOT = pathlib.Path(__file__).parents[5]

REFERENCE = ROOT / 'doc/source/api-ref'

TEST = 'pci_ext/tests/functional/test_api_samples.py'


def undescribed(schema: operations.Schema, path: str) -> Iterator[str]:
    """List the properties of a schema without a description."""
    if 'oneOf' in schema:
        # The reference shows the first.
        schema = schema['oneOf'][0]
    for name, content in schema.get('properties', {}).items():
        described = {**content.get('items', {}), **content}
        if not described.get('description'):
            yield f'{path}.{name}'
        yield from undescribed(content, f'{path}.{name}')
    if 'items' in schema:
        yield from undescribed(schema['items'], f'{path}[]')


class ReferenceTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        app = router.APIRouter(router.load_routes())
        self.served = {each.id: each for each in operations.served(app.map)}

    def test_reference_shows_every_operation_once(self) -> None:
        shown = [
            name
            for page in REFERENCE.glob('*.rst')
            for name in re.findall(
                r'^\.\. pci-api:: (\S+)$', page.read_text('utf-8'), re.M
            )
        ]
        self.assertEqual(len(shown), len(set(shown)), 'shown twice')
        for name in self.served:
            self.assertIn(
                name,
                shown,
                f'The API reference does not show {name}: add a section with '
                f'".. pci-api:: {name}" to a page in {REFERENCE}.',
            )

    def test_every_field_has_a_meaning(self) -> None:
        self.assertEqual(
            [],
            [
                field
                for name, operation in self.served.items()
                for schema in (
                    operation.query,
                    operation.body,
                    operation.response,
                )
                for field in undescribed(schema or {}, name)
            ],
        )
        for name, operation in self.served.items():
            self.assertNotIn('', operation.variables.values(), name)

    def test_every_operation_has_samples(self) -> None:
        for name, operation in self.served.items():
            kinds = []
            if operation.body:
                kinds.append('req')
            if operation.response != {'type': 'null'}:
                kinds.append('resp')
            for kind in kinds:
                path = REFERENCE / 'samples' / f'{name}-{kind}.json'
                self.assertTrue(
                    path.exists(),
                    f'{path} is missing: add a call of sample({name!r}, ...) '
                    f'to {TEST}, and run that test with '
                    'PCI_EXT_GENERATE_SAMPLES=1 in the environment.',
                )
