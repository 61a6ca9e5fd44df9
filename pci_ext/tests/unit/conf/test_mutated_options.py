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
import tempfile
from typing import Any
from unittest import mock

from oslo_config import cfg
from oslotest import base

from pci_ext import conf as pci_ext_conf


class TestMutatedOptions(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        handle, self.path = tempfile.mkstemp(suffix='.conf')
        os.close(handle)
        self.addCleanup(os.unlink, self.path)
        self.write('before')
        self.conf = cfg.ConfigOpts()
        pci_ext_conf.register_opts(self.conf)
        self.conf(['--config-file', self.path])

    def write(self, value: str) -> None:
        with open(self.path, 'w', encoding='utf-8') as stream:
            stream.write(f'[pci_ext]\npci_information = {value}\n')

    def test_value_looked_up_while_the_files_are_read_is_forgotten(
        self,
    ) -> None:
        read_files = self.conf._reload_config_files

        def look_up_before() -> Any:
            self.assertEqual(['before'], self.conf.pci_ext.pci_information)
            return read_files()

        self.write('after')
        with mock.patch.object(
            self.conf, '_reload_config_files', look_up_before
        ):
            self.conf.mutate_config_files()
        self.assertEqual(['after'], self.conf.pci_ext.pci_information)
