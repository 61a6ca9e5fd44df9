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

"""Programs that run with a nova.conf of the test."""

import io

import fixtures
from oslotest import base

from pci_ext.tests.component.db import base as db_base

#: Invalid URLs: one does not parse, one has an unknown driver, and one has a
#: port that is not a number.
BAD_CONNECTIONS = (
    'garbage',
    'mysql+nodriver://h/x',
    'mysql+pymysql://a:b#c@h:abc/x',
)


class ProgramTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.database = self.useFixture(db_base.Database(sync=False))
        self.home = self.useFixture(fixtures.TempHomeDir())
        self.write_conf(f'connection = {self.database.connection}')

    def write_conf(self, line):
        """Write a configuration file with a line in [pci_ext_database]."""
        self.conf_file = self.home.join('other.conf')
        with open(self.conf_file, 'w') as file:
            file.write(f'[pci_ext_database]\n{line}\n')

    def run_program(self, main, *arguments):
        """Run a program.

        :returns: the exit code, stdout and stderr
        """
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            fixtures.MonkeyPatch('sys.stdout', stdout),
            fixtures.MonkeyPatch('sys.stderr', stderr),
        ):
            try:
                code = main(arguments)
            except SystemExit as error:
                code = error.code
        return code, stdout.getvalue(), stderr.getvalue()
