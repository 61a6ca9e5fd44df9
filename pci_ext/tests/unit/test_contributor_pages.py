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
PAGES = ROOT / 'doc/source'
TESTS = ROOT / 'pci_ext/tests'

Definition = ast.ClassDef | ast.FunctionDef


def exists(name: str) -> bool:
    """Return whether the source has a module or definition of this name."""
    parts = name.split('.')
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        for module in (path.with_suffix('.py'), path / '__init__.py'):
            if module.exists():
                body = ast.parse(module.read_text('utf-8')).body
                return is_defined(parts[end:], body)
    return False


def is_defined(parts: list[str], body: list[ast.stmt]) -> bool:
    if not parts:
        return True
    name, *rest = parts
    for node in body:
        if isinstance(node, Definition) and node.name == name:
            return is_defined(rest, node.body)
        if isinstance(node, ast.Assign | ast.AnnAssign) and not rest:
            targets = getattr(node, 'targets', [getattr(node, 'target', None)])
            if name in [ast.unparse(target) for target in targets]:
                return True
    return False


def named(pattern: str) -> set[str]:
    """Return what the pages name in literals of a pattern."""
    return {
        name
        for page in PAGES.rglob('*.rst')
        for name in re.findall(f'``({pattern})``', page.read_text('utf-8'))
    }


class ContributorPagesTestCase(base.BaseTestCase):
    def test_pages_name_only_existing_code(self) -> None:
        # Names that activation and setup.cfg make.
        names = named(r'pci_ext(?:\.\w+)+') - {
            'pci_ext.LibvirtDriver',
            'pci_ext.api.extensions',
        }
        self.assertGreater(len(names), 30)
        self.assertEqual(
            [], sorted(name for name in names if not exists(name))
        )

    def test_pages_name_only_existing_modules_of_tests(self) -> None:
        suites = '|'.join(path.name for path in TESTS.iterdir())
        names = named(rf'(?:tests/)?(?:{suites})/[a-z_/]+\.py')
        self.assertGreater(len(names), 10)
        self.assertEqual(
            [],
            sorted(
                name
                for name in names
                if not (TESTS / name.removeprefix('tests/')).exists()
            ),
        )

    def test_page_of_the_proposals_names_only_existing_tests(self) -> None:
        page = PAGES / 'contributor/original-proposals.rst'
        names = re.findall(r'``(test_\w+)``', page.read_text('utf-8'))
        defined = {
            name
            for module in TESTS.rglob('test_*.py')
            for name in re.findall(r'def (test_\w+)\(', module.read_text())
        }
        self.assertGreater(len(names), 10)
        self.assertEqual([], sorted(set(names) - defined))
