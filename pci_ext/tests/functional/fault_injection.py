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

"""Base of tests that inject faults into simulated hosts and guests."""

import json
import os
import shutil
import tempfile
from typing import Any
from typing import ClassVar

import yaml

from pci_ext.tests.functional import base


class FaultInjectionTestCase(base.TestCase):
    """Hosts and guests with the faults that a test injects.

    :cvar TEMPLATE: a configuration file of Nova, with ``%(faults)s`` for the
        path of the file of faults
    :cvar MORE_CONFIG: lines to append to the configuration file
    """

    TEMPLATE: ClassVar[str]
    MORE_CONFIG: ClassVar[str] = ''

    @classmethod
    def setUpClass(cls) -> None:
        directory = tempfile.mkdtemp(prefix='pci-ext-faults-')
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.faults = os.path.join(directory, 'faults.yaml')
        cls.CONFIG = cls.TEMPLATE % {'faults': cls.faults} + cls.MORE_CONFIG
        super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        self.inject_faults()

    def inject_faults(self, **faults: Any) -> None:
        """Replace the faults of the simulated hosts."""
        with open(f'{self.faults}.new', 'w', encoding='utf-8') as stream:
            yaml.safe_dump(faults, stream)
        os.replace(f'{self.faults}.new', self.faults)

    def guests(self, host: str) -> dict[str, list[str]]:
        """Return the devices of each running guest of a host, by server."""
        return {
            server: domain['guest']
            for server, domain in self._running(host).items()
        }

    def definitions(self, host: str) -> dict[str, list[str]]:
        """Return the devices in the definitions of these guests."""
        return {
            server: domain['definition']
            for server, domain in self._running(host).items()
        }

    def _running(self, host: str) -> dict[str, Any]:
        path = self.cloud.domains_file(host)
        # The file is created with the first domain.
        if not os.path.exists(path):
            return {}
        with open(path, encoding='utf-8') as stream:
            return {
                server: domain
                for server, domain in json.load(stream).items()
                if domain['guest'] is not None
            }
