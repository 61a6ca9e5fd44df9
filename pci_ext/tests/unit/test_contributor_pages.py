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

import ast
import pathlib
import re

from oslotest import base

ROOT = pathlib.Path(__file__).parents[3]
PAGE = ROOT / 'doc/source/contributor/flow.rst'

Definition = ast.ClassDef | ast.FunctionDef


def exists(name: str) -> bool:
    """Return whether the source has a module or definition of this name."""
    parts = name.split('.')
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        if path.is_dir() and end == len(parts):
            return True
        module = path.with_suffix('.py')
        if module.exists():
            body = ast.parse(module.read_text('utf-8')).body
            return is_defined(parts[end:], body)
    return False


def is_defined(parts: list[str], body: list[ast.stmt]) -> bool:
    if not parts:
        return True
    return any(
        node.name == parts[0] and is_defined(parts[1:], node.body)
        for node in body
        if isinstance(node, Definition)
    )


class FlowPageTestCase(base.BaseTestCase):
    def test_page_names_only_existing_functions(self) -> None:
        names = set(
            re.findall(r'``(pci_ext[.\w]+)``', PAGE.read_text('utf-8'))
        )
        self.assertGreater(len(names), 30)
        self.assertEqual(
            [], sorted(name for name in names if not exists(name))
        )
