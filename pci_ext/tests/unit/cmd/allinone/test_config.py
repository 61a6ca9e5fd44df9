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

import contextlib
import io
import os
from typing import Any

import fixtures
from oslo_config import cfg
from oslotest import base
import yaml

from pci_ext.cmd import allinone
from pci_ext.cmd.allinone import config


class ConfigTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.data_dir = self.useFixture(fixtures.TempDir()).path

    def write(self, *user_files: str) -> dict[str, Any]:
        """Write the files; return the options of nova.conf and user files."""
        paths = self.create_tempfiles(
            [
                (f'user-{number}', text)
                for number, text in enumerate(user_files)
            ]
        )
        config.write(
            config.Settings(
                data_dir=self.data_dir,
                port=8774,
                hardware='/tmp/hardware.yaml',
                config_files=tuple(paths),
            )
        )
        return self.parse('nova.conf', *paths)

    def parse(self, name: str, *more: str) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        for path in (os.path.join(self.data_dir, name), *more):
            cfg.ConfigParser(path, parsed).parse()
        return parsed


class TestNovaConf(ConfigTestCase):
    def test_pci_ext_is_active(self) -> None:
        conf = self.write()
        self.assertEqual(
            ['pci_ext'], conf['oslo_messaging_notifications']['driver']
        )
        self.assertEqual(
            ['/tmp/hardware.yaml'], conf['pci_ext']['fake_hardware']
        )

    def test_every_database_is_a_file_of_its_own(self) -> None:
        conf = self.write()
        placement = self.parse('placement.conf')
        connections = {
            connection
            for parsed in (conf, placement)
            for options in parsed.values()
            for connection in options.get('connection', ())
        }
        self.assertEqual(4, len(connections))
        for connection in connections:
            self.assertTrue(
                connection.startswith(f'sqlite:///{self.data_dir}/')
            )

    def test_offers_every_device_by_default(self) -> None:
        for user in ('', '[DEFAULT]\ndebug = true\n', '[pci]\nalias = {}\n'):
            conf = self.write(user)
            self.assertEqual(
                ['[{"address": "*"}, {}]'], conf['pci_ext']['pci_information']
            )

    def test_offers_only_devices_that_the_user_configures(self) -> None:
        for section, option in (
            ('pci_ext', 'pci_information'),
            ('pci_ext', 'pci_devices'),
            ('pci', 'device_spec'),
        ):
            conf = self.write('', f'[{section}]\n{option} = mine\n')
            self.assertEqual(['mine'], conf[section][option])
            if option != 'pci_information':
                self.assertNotIn('pci_information', conf['pci_ext'])

    def test_refuses_a_file_that_does_not_parse(self) -> None:
        self.assertRaises(cfg.ParseError, self.write, 'a = b')

    def test_refuses_a_missing_file(self) -> None:
        settings = config.Settings(
            data_dir=self.data_dir,
            port=0,
            hardware='',
            config_files=('/nonexistent',),
        )
        self.assertRaises(OSError, config.write, settings)


class TestCloudsYaml(ConfigTestCase):
    def test_clouds_of_administrator_and_member(self) -> None:
        self.write()
        with open(os.path.join(self.data_dir, 'clouds.yaml')) as stream:
            clouds = yaml.safe_load(stream)['clouds']
        self.assertEqual({'pci-ext', 'pci-ext-member'}, set(clouds))
        self.assertEqual('none', clouds['pci-ext']['auth_type'])
        member = clouds['pci-ext-member']
        self.assertEqual('admin_token', member['auth_type'])
        self.assertEqual(
            f'member:{config.MEMBER_PROJECT}:member,reader',
            member['auth']['token'],
        )
        for cloud in clouds.values():
            self.assertEqual(
                'http://127.0.0.1:8774/compute/v2.1',
                cloud['compute_endpoint_override'],
            )


class TestArguments(base.BaseTestCase):
    def test_passes_unknown_arguments_to_nova(self) -> None:
        args, rest = allinone.parse_args(
            [
                *('--data-dir', 'data', '--hardware', 'hosts.yaml'),
                *('--debug', '--config-file', 'a', '--config-file', '/b'),
            ]
        )
        self.assertEqual(['--debug'], rest)
        self.assertEqual(os.path.abspath('data'), args.data_dir)
        self.assertEqual([os.path.abspath('a'), '/b'], args.config_file)
        self.assertIsNone(args.computes)

    def test_refuses_paths_with_a_dollar_sign(self) -> None:
        paths = {'--data-dir': 'data', '--hardware': 'x', '--config-file': 'y'}
        for option in paths:
            given = paths | {option: 'a$host'}
            stderr = io.StringIO()
            with contextlib.redirect_stderr(stderr):
                self.assertRaises(
                    SystemExit,
                    allinone.parse_args,
                    [text for item in given.items() for text in item],
                )
            self.assertIn(f'{option}: ', stderr.getvalue())
            self.assertIn('a$host', stderr.getvalue())
