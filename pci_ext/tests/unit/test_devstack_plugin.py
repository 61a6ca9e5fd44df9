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

"""Tests of the DevStack plugin, with stubs of DevStack's functions."""

import pathlib
import subprocess

import fixtures
from oslo_config import cfg
from oslotest import base

import pci_ext
from pci_ext import conf as pci_ext_conf

DEVSTACK = pathlib.Path(pci_ext.__file__).parents[1] / 'devstack'

# Each stub writes its name and arguments, one call a line.
STUBS = """
set -eu
record() { printf '%s\\n' "$*" >&2; }
define_plugin() { record define_plugin "$@"; }
echo_summary() { :; }
setup_develop() { record setup_develop "$@"; }
iniset() { record iniset "$@"; }
iniadd() { record iniadd "$@"; }
recreate_database() { record recreate_database "$@"; }
database_connection_url() { echo "mysql://$1"; }
conductor_conf() { echo "$DIRECTORY/nova_cell$1.conf"; }
is_service_enabled() {
    local service
    for service; do
        case ",$ENABLED," in *",$service,"*) return 0 ;; esac
    done
    return 1
}
DEST=/opt/stack NOVA_NUM_CELLS=2
NOVA_CONF_DIR=$DIRECTORY NOVA_CONF=$DIRECTORY/nova.conf
NOVA_BIN_DIR=$DIRECTORY
source "$DEVSTACK/settings"
source "$DEVSTACK/plugin.sh" "$@"
"""

ENTRIES = """
[{"vendor_id": "8086"}, {"e.group": "gpu"}]
[{"vendor_id": "10de", "product_id": "20b[0-7]"}, {}]
"""


class DevstackPluginTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir())
        manage = pathlib.Path(self.directory.join('pci-ext-manage'))
        manage.write_text('#!/bin/sh\necho pci-ext-manage "$@" >&2\n')
        manage.chmod(0o755)
        pathlib.Path(self.directory.join('nova_cell1.conf')).touch()

    def run_phase(
        self, *arguments: str, enabled: str, entries: str = ''
    ) -> list[str]:
        """Run a phase, and return the calls of DevStack's functions."""
        done = subprocess.run(
            ['bash', '-c', STUBS, 'stack.sh', *arguments],
            capture_output=True,
            check=True,
            text=True,
            env={
                'PATH': '/usr/bin:/bin',
                'DEVSTACK': str(DEVSTACK),
                'DIRECTORY': self.directory.path,
                'ENABLED': enabled,
                'PCI_EXT_PCI_INFORMATION': entries,
            },
        )
        self.assertEqual('', done.stdout)
        calls = done.stderr.replace(f'{self.directory.path}/', '')
        self.assertEqual('define_plugin pci_ext', calls.splitlines()[0])
        return calls.splitlines()[1:]

    def test_installs_what_the_services_need(self) -> None:
        for enabled, extras in (
            ('nova,n-api', 'client'),
            ('nova,n-api,n-cpu', 'client,libvirt'),
        ):
            self.assertEqual(
                [f'setup_develop /opt/stack/pci_ext {extras}'],
                self.run_phase('stack', 'install', enabled=enabled),
            )

    def test_configures_a_controller(self) -> None:
        self.assertEqual(
            [
                'iniadd nova.conf oslo_messaging_notifications driver pci_ext',
                'iniadd nova_cell1.conf oslo_messaging_notifications driver '
                'pci_ext',
                'iniset nova.conf pci_ext_database connection mysql://pci_ext',
                'recreate_database pci_ext',
                'pci-ext-manage --config-file nova.conf db sync',
            ],
            self.run_phase('stack', 'post-config', enabled='nova,n-api'),
        )

    def test_configures_a_compute_host(self) -> None:
        first, second = ENTRIES.split('\n')[1:3]
        calls = self.run_phase(
            'stack', 'post-config', enabled='nova,n-cpu', entries=ENTRIES
        )
        self.assertEqual(
            ['iniset nova.conf DEFAULT compute_driver pci_ext.LibvirtDriver'],
            calls[2:],
        )
        conf = cfg.ConfigOpts()
        pci_ext_conf.register_opts(conf)
        # As each service of Nova does.
        conf(
            ['--config-dir', self.directory.join('nova.conf.d')],
            project='nova',
            default_config_files=[],
        )
        self.assertEqual([first, second], conf.pci_ext.pci_information)

    def test_cleans_up(self) -> None:
        self.run_phase('stack', 'post-config', enabled='nova,n-cpu')
        written = pathlib.Path(self.directory.join('nova.conf.d/pci_ext.conf'))
        self.assertTrue(written.exists())
        self.assertEqual([], self.run_phase('clean', enabled='nova'))
        self.assertFalse(written.exists())

    def test_does_nothing_else(self) -> None:
        self.assertEqual([], self.run_phase('stack', 'extra', enabled='nova'))
        self.assertEqual([], self.run_phase('unstack', enabled='nova'))
        self.assertEqual(
            [], self.run_phase('stack', 'install', enabled='keystone')
        )
