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
"""Servers that live with pci_ext and with a Nova that does not have it."""

import subprocess
import sys

from pci_ext.tests.functional import lifecycle

_PROGRAM = (
    'import sys; from pci_ext.cmd import manage; sys.exit(manage.main())'
)


class TransitionTestCase(lifecycle.LifecycleTestCase):
    """Two hosts, whose devices a plain Nova offers by device_spec."""

    MORE_CONFIG = """
alias = {"vendor_id": "8086", "product_id": "0001", "name": "one", \
"device_type": "type-PCI"}
alias = {"vendor_id": "8086", "product_id": "0002", "name": "two", \
"device_type": "type-PCI"}
device_spec = {"vendor_id": "8086"}
"""

    def remove_pci_ext(self) -> None:
        """Restart all services without pci_ext, until the test ends."""
        self.addCleanup(self.add_pci_ext)
        self.cloud.set_active(False)

    def add_pci_ext(self) -> None:
        """Restart all services with pci_ext."""
        self.cloud.set_active(True)

    def manage(self, *arguments: str) -> tuple[int, str]:
        """Run pci-ext-manage, and return its exit code and output."""
        done = subprocess.run(
            [
                *(sys.executable, '-c', _PROGRAM),
                *(f'--config-file={path}' for path in self.cloud.config_files),
                *arguments,
            ],
            capture_output=True,
            text=True,
        )
        self.assertNotIn('Traceback', done.stderr)
        return done.returncode, done.stdout

    def stop_and_start(self, server: str) -> None:
        self.act_and_wait(server, 'os-stop', None, 'SHUTOFF')
        self.act_and_wait(server, 'os-start', None, 'ACTIVE')

    def migrate_and_confirm(self, server: str) -> None:
        self.migrate(server)
        self.act_and_wait(server, 'confirmResize', None, 'ACTIVE')

    def assertInUse(self, *servers: str) -> None:
        """Check that no other servers have devices."""
        expected = sorted(
            address
            for server in servers
            for address in self.allocations(server)
        )
        self.wait_until(lambda: sorted(self._in_use()) == expected)

    def _in_use(self) -> list[str]:
        """Return the devices that are not free, also those of migrations."""
        rows = self.cloud.query(
            'SELECT address FROM pci_devices WHERE deleted = 0 '
            "AND status IN ('claimed', 'allocated')"
        )
        return [row[0] for row in rows]
