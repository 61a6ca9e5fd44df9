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

import os
import pathlib
import sys
from typing import ClassVar
import venv

from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.packaging import base


class WheelTestCase(base.PackageTestCase):
    """The wheel, installed into a virtual environment as the page says."""

    source: ClassVar[pathlib.Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.source = source = cls.build_folder()
        # With the manual pages, which are in the wheel if they are built.
        base.run(
            *(sys.executable, '-m', 'sphinx', '-W', '-q', '-t', 'man'),
            *('-b', 'man', '-d', 'doc/build/doctrees'),
            *('doc/source', 'doc/build/man'),
            cwd=source,
        )
        prefix = source.parent / 'venv'
        venv.create(prefix, symlinks=True)
        cls.programs = prefix / 'bin'
        base.run(
            *('sh', '-ec', install_page.install_script()),
            cwd=source,
            env={
                'PATH': f'{os.path.dirname(sys.executable)}:{os.defpath}',
                'PIP_NO_DEPS': '1',
                'PIP_PYTHON': str(cls.programs / 'python'),
                'PIP_QUIET': '1',
            },
        )
        [cls.modules] = prefix.glob('lib/python*/site-packages')
        (cls.modules / 'dependencies.pth').write_text(base.DEPENDENCIES)
        cls.data = prefix / 'etc/pci_ext'
        cls.man = prefix / 'share/man/man1'

    @classmethod
    def pip(cls, *arguments: str | os.PathLike[str]) -> str:
        python = cls.programs / 'python'
        return base.run(
            sys.executable, '-m', 'pip', '--python', python, *arguments
        )

    def python(self, *arguments: str | os.PathLike[str]) -> str:
        return base.run(
            self.programs / 'python', *arguments, cwd=pathlib.Path('/')
        )

    def test_is_the_one_that_was_built(self) -> None:
        [wheel] = (self.source / 'dist').iterdir()
        version = wheel.name.split('-')[1]
        self.assertIn(f'\nVersion: {version}\n', self.pip('show', 'pci_ext'))

    def test_has_all_modules(self) -> None:
        self.check_modules()

    def test_has_the_files_of_etc(self) -> None:
        self.check_data()

    def test_entry_points_load(self) -> None:
        self.check_entry_points()

    def test_commands_have_manual_pages(self) -> None:
        self.check_manual_pages()

    def test_commands_run(self) -> None:
        for name in base.commands():
            self.assertIn(
                'usage: ', self.python(self.programs / name, '--help')
            )

    def test_dependencies_are_consistent(self) -> None:
        self.assertIn('No broken requirements found.', self.pip('check'))
