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

"""pci-ext-status with a running all-in-one."""

import json
import os
import subprocess
import sys
from typing import Any

from pci_ext.tests.functional import base

PROGRAM = 'import sys; from pci_ext.cmd import status; sys.exit(status.main())'

SUCCESS, WARNING = 0, 1


class StatusTestCase(base.TestCase):
    ALLINONE_ONLY = 'reads the files of the all-in-one'

    HOSTS = {
        'compute-1': [
            {
                'kind': 'gpu',
                'vendor_id': '10de',
                'product_id': '20b0',
                'address': '0000:3b:00.0',
            }
        ]
    }
    CONFIG = '[pci_ext]\npci_information = [{"vendor_id": "10de"}, {}]\n'

    def check(self) -> tuple[int, dict[str, Any]]:
        """Run the checks with the configuration of the host.

        :returns: the exit code, and the result and details of each check
        """
        directory = self.allinone.directory
        host = os.path.join(directory, 'host.conf')
        with open(host, 'w') as file:
            file.write('[DEFAULT]\nhost = compute-1\n')
        files = (
            os.path.join(self.allinone.data_dir, 'nova.conf'),
            os.path.join(directory, 'test.conf'),
            host,
        )
        done = subprocess.run(
            [
                *(sys.executable, '-c', PROGRAM),
                *(f'--config-file={path}' for path in files),
                *('upgrade', 'check', '--json'),
            ],
            capture_output=True,
            text=True,
        )
        self.assertIn(done.returncode, (SUCCESS, WARNING), done)
        return done.returncode, {
            check['check']: (check['result'], check['details'])
            for check in json.loads(done.stdout)['checks']
            if check['check'] != 'Configuration Files'
        }

    def test_all_checks_succeed(self) -> None:
        self.create_pci_flavor('GPU', vendor_id='10de')
        self.create_flavor('1:GPU')
        code, checks = self.check()
        self.assertEqual(SUCCESS, code, checks)
        self.assertEqual(6, len(checks))
        self.assertEqual({(SUCCESS, None)}, set(checks.values()))

    def test_warns_of_a_renamed_pci_flavor(self) -> None:
        self.create_pci_flavor('GPU', vendor_id='10de')
        flavor = self.create_flavor('1:GPU')
        self.shell.run('pci', 'flavor', 'set', '--name', 'other', 'GPU')
        self.addCleanup(
            self.shell.run, 'pci', 'flavor', 'set', '--name', 'GPU', 'other'
        )
        code, checks = self.check()
        self.assertEqual(WARNING, code)
        result, details = checks.pop('Extra Specs of Flavors')
        self.assertEqual(WARNING, result)
        self.assertIn(f': {flavor} (GPU). ', details)
        self.assertEqual({(SUCCESS, None)}, set(checks.values()))
