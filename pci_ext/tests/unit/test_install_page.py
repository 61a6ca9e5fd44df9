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

"""The install page has the steps that tests of a deployment follow."""

import pathlib

from oslotest import base

from pci_ext.tests.deployment.cloud import enabling
from pci_ext.tests.deployment.cloud import install_page


class InstallPageTestCase(base.BaseTestCase):
    def test_every_block_is_followed(self) -> None:
        self.assertEqual([], install_page.unknown(install_page.read()))

    def test_a_block_of_another_section_is_not_followed(self) -> None:
        text = (
            'Check\n=====\n\n.. code-block:: console\n\n   $ true\n\n'
            'New\n===\n\n.. code-block:: console\n\n   $ false\n'
        )
        [block] = install_page.unknown(install_page.blocks(text))
        self.assertEqual(['false'], block.commands)

    def test_source_is_installed_by_the_page(self) -> None:
        self.assertEqual(
            [
                'pip wheel --no-deps --wheel-dir dist .',
                'export PIP_FIND_LINKS="$PWD/dist $PIP_FIND_LINKS"',
                'pip install pci_ext',
                "pip install 'pci_ext[libvirt]'",
                "pip install 'pci_ext[client]'",
            ],
            install_page.install_script().splitlines(),
        )

    def test_page_shows_the_line_of_active_services(self) -> None:
        page = pathlib.Path(install_page.PATH).read_text('utf-8')
        self.assertIn(f'   {enabling.ACTIVE}...\n', page)
