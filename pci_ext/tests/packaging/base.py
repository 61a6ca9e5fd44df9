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

"""The required content of a package of pci_ext, and checks of it.

The dependencies of pci_ext are those of the environment of the tests.
"""

from collections.abc import Mapping
import configparser
import os
import pathlib
import shutil
import subprocess
import sysconfig
import tempfile

from oslotest import base

import pci_ext

ROOT = pathlib.Path(pci_ext.__file__).parents[1]

#: The folder that has the dependencies.
DEPENDENCIES = sysconfig.get_path('purelib')

#: Loads each entry point of the installed pci_ext, and prints where it is.
LOAD = """
from importlib import metadata
import pci_ext
found = metadata.distribution('pci_ext')
for entry_point in found.entry_points:
    # Heat is where its engine runs.
    if not entry_point.group.startswith('heat.'):
        entry_point.load()
    print(entry_point.group, entry_point.name)
print(pci_ext.__file__)
"""


def run(
    *command: str | os.PathLike[str],
    cwd: pathlib.Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program.

    :param env: variables beside those of the tests
    :returns: what it writes
    :raises AssertionError: if it fails, with what it wrote
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, 'PYTHONWARNINGS': 'ignore', **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise AssertionError(f'{command} failed:\n{done.stdout}')
    return done.stdout


def copy_source(target: pathlib.Path) -> None:
    """Copy the files of git and its folder: builds write into their source."""
    for name in [*tracked(), '.git']:
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True)
        else:
            shutil.copy2(source, copy)


def entry_points() -> dict[str, list[str]]:
    """List the names of each group in ``setup.cfg``."""
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    return {
        group: [
            line.partition('=')[0].strip()
            for line in lines.strip().splitlines()
        ]
        for group, lines in config['entry_points'].items()
    }


def commands() -> list[str]:
    return entry_points()['console_scripts']


def files_below(folder: pathlib.Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def tracked(folder: str = '.') -> set[str]:
    """List the files of the source in a folder, relative to it."""
    return set(
        run(
            *('git', 'ls-files', '--cached', '--others', '--exclude-standard'),
            cwd=ROOT / folder,
        ).splitlines()
    )


class PackageTestCase(base.BaseTestCase):
    """Checks of an installed package.

    :cvar data: folder that has the content of ``etc/pci_ext``
    :cvar man: folder of the manual pages
    :cvar modules: folder that has ``pci_ext``
    :cvar programs: folder of the commands
    """

    data: pathlib.Path
    man: pathlib.Path
    modules: pathlib.Path
    programs: pathlib.Path

    def python(self, *arguments: str | os.PathLike[str]) -> str:
        """Run the Python that sees the package."""
        raise NotImplementedError

    def check_modules(self) -> None:
        for package in ('pci_ext', 'pci_ext_dashboard', 'pci_ext_heat'):
            self.assertEqual(
                tracked(package), files_below(self.modules / package)
            )

    def check_data(self) -> None:
        self.assertEqual(tracked('etc/pci_ext'), files_below(self.data))
        self.assertIn('samples/demo.yaml', files_below(self.data))

    def check_entry_points(self) -> None:
        *loaded, place = self.python('-c', LOAD).splitlines()
        self.assertEqual(str(self.modules / 'pci_ext/__init__.py'), place)
        self.assertEqual(
            {
                f'{group} {name}'
                for group, names in entry_points().items()
                for name in names
            },
            set(loaded),
        )

    def check_manual_pages(self, suffix: str = '') -> None:
        self.assertEqual(
            {f'{name}.1{suffix}' for name in commands()},
            files_below(self.man),
        )

    @classmethod
    def build_folder(cls) -> pathlib.Path:
        """Return a copy of the source, removed after the tests."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix='pci-ext-package-'))
        cls.addClassCleanup(shutil.rmtree, folder)
        source = folder / 'source'
        copy_source(source)
        return source
