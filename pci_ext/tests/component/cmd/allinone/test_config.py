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

import configparser

import fixtures
from nova import test
import nova.conf

from pci_ext.cmd.allinone import config

CONF = nova.conf.CONF

#: Nova's metadata service.
METADATA = {'composite:metadata', 'pipeline:meta', 'app:metaapp'}

#: What the all-in-one replaces.
REPLACED = {'filter:authtoken'}


def read(path: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(delimiters=('=', ': '))
    parser.read(path)
    return {name: dict(parser[name]) for name in parser.sections()}


class TestApiPaste(test.NoDBTestCase):
    def test_has_the_pipelines_of_nova(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        config.write(config.Settings(directory, port=8774, hardware=''))
        written = read(f'{directory}/api-paste.ini')
        expected = read(CONF.wsgi.api_paste_config)
        self.assertEqual(set(expected) - METADATA, set(written))
        for name, section in written.items():
            if name not in REPLACED:
                self.assertEqual(expected[name], section)
