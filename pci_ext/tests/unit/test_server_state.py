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

from oslotest import base

import pci_ext
from pci_ext import server_state

PACKAGE = pathlib.Path(pci_ext.__file__).parent


class ServerStateTestCase(base.BaseTestCase):
    def test_no_other_module_defines_keys(self) -> None:
        prefixes = (server_state.PREFIX, server_state.RESERVED)
        found = {
            str(path.relative_to(PACKAGE))
            for path in PACKAGE.rglob('*.py')
            if 'tests' not in path.parts
            for node in ast.walk(ast.parse(path.read_text('utf-8')))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith(prefixes)
        }
        self.assertEqual({'server_state.py'}, found)

    def test_reads_the_count_of_a_reservation(self) -> None:
        metadata = {f'{server_state.RESERVED}2:0': 'gpu', 'other': 'x'}
        self.assertEqual({'gpu': 2}, dict(server_state.reserved(metadata)))
