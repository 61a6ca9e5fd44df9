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

"""The component tests of the database, derived for a database server."""

from collections.abc import Iterator
import importlib
import pkgutil
from types import ModuleType
import unittest

import fixtures

from pci_ext.tests.component import api
from pci_ext.tests.component import db
from pci_ext.tests.component.api import controllers
from pci_ext.tests.component.cmd import test_manage
from pci_ext.tests.integration import concurrency
from pci_ext.tests.integration import device_pages
from pci_ext.tests.integration import servers


def derive(
    server: servers.Server, module: str
) -> dict[str, type[unittest.TestCase]]:
    """Derive test cases that use the database of a server.

    :param module: the name of the module of the derived classes
    :returns: the test cases, by name of the class
    """

    class OnServer(unittest.TestCase):
        def setUp(self) -> None:
            variable = fixtures.EnvironmentVariable(
                'PCI_EXT_TEST_DATABASE', server.connection
            )
            variable.setUp()
            self.addCleanup(variable.cleanUp)
            super().setUp()

    derived = {}
    for case in _cases():
        # Two modules may have classes of the same name.
        name = f'{case.__module__.rpartition(".")[2]}_{case.__name__}'
        derived[name] = type(name, (OnServer, case), {'__module__': module})
    return derived


def _cases() -> Iterator[type[unittest.TestCase]]:
    yield from _in_module(concurrency)
    yield from _in_module(device_pages)
    yield from _in_module(test_manage)
    for module in _modules(db, 'test_'):
        yield from _in_module(module)
    # The other resources of the API are in Nova's databases.
    for package in api, controllers:
        for module in _modules(package, 'test_pci_flavor'):
            yield from _in_module(module)


def _modules(package: ModuleType, prefix: str) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith(prefix):
            yield importlib.import_module(f'{package.__name__}.{info.name}')


def _in_module(module: ModuleType) -> Iterator[type[unittest.TestCase]]:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, unittest.TestCase)
            and value.__module__ == module.__name__
        ):
            yield value
