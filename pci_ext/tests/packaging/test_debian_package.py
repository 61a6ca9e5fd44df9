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
import re
import sys

from pci_ext.tests.packaging import base

# Not those of the environment of the tests.
DEBIAN_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


class DebianPackageTestCase(base.PackageTestCase):
    """The package for Debian, unpacked into a folder.

    The Nova of a Debian release may be too old for pci_ext. Therefore the
    package is built without a check of build dependencies, and not installed.
    """

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        source = cls.build_folder()
        base.run(
            *('dpkg-buildpackage', '-us', '-uc', '-b', '-d'),
            cwd=source,
            env={'PATH': DEBIAN_PATH},
        )
        [cls.package] = source.parent.glob('*.deb')
        root = source.parent / 'root'
        base.run('dpkg-deb', '--extract', cls.package, root)
        cls.root = root
        cls.modules = root / 'usr/lib/python3/dist-packages'
        cls.programs = root / 'usr/bin'
        cls.data = root / 'usr/share/pci-ext'
        cls.man = root / 'usr/share/man/man1'

    def python(self, *arguments: str | os.PathLike[str]) -> str:
        return base.run(
            sys.executable,
            *arguments,
            cwd=pathlib.Path('/'),
            env={'PYTHONPATH': str(self.modules)},
        )

    def test_has_all_modules(self) -> None:
        self.check_modules()

    def test_has_the_files_of_etc(self) -> None:
        self.check_data()
        self.assertEqual(
            {'bin', 'lib', 'share'},
            {each.name for each in (self.root / 'usr').iterdir()},
        )
        self.assertEqual({'usr'}, {each.name for each in self.root.iterdir()})

    def test_entry_points_load(self) -> None:
        self.check_entry_points()

    def test_commands_have_manual_pages(self) -> None:
        self.check_manual_pages('.gz')

    def test_commands_run_in_the_python_of_debian(self) -> None:
        for name in base.commands():
            lines = (self.programs / name).read_text().splitlines()
            self.assertEqual('#!/usr/bin/python3', lines[0])

    def test_depends_on_the_supported_novas(self) -> None:
        depends = base.run('dpkg-deb', '--field', self.package, 'Depends')
        packages = {each.strip() for each in depends.split(',')}
        nova = re.search(
            r'(?m)^nova>=(\d+)\.0\.0,<(\d+) ',
            (base.ROOT / 'requirements.txt').read_text(),
        )
        assert nova is not None
        self.assertEqual(
            {
                f'python3-nova (>= 2:{nova[1]}~)',
                f'python3-nova (<< 2:{nova[2]}~)',
            },
            {each for each in packages if each.startswith('python3-nova')},
        )
        # Those without a package in some release of Debian too.
        self.assertIn('python3-google-re2', packages)
        self.assertIn('python3-oslo.messaging', packages)
