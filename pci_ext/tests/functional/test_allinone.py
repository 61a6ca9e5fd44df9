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

"""The all-in-one itself: restart, and invalid options and files."""

import os
import socket
import subprocess
import sys
import tempfile
from typing import Any

from pci_ext.tests.functional import base
from pci_ext.tests.functional import process

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': ['0000:3b:00.0', '0000:5e:00.0'],
}


class TestRestart(base.TestCase):
    ALLINONE = process.AllInOne
    ALLINONE_ONLY = 'tests the process of the all-in-one'

    HOSTS = {'host-1': [GPU], 'host-2': [GPU]}

    def test_restart_preserves_the_data(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        first = self.boot('1:gpu')
        second = self.boot('2:gpu')
        flavors = self.openstack('pci', 'flavor', 'list', '--long')
        nodes = self._nodes()
        allocations = [self.allocations(each) for each in (first, second)]

        self.assertEqual(0, self.allinone.stop())
        self.allinone.start(self.allinone.port)

        self.assertEqual(
            flavors, self.openstack('pci', 'flavor', 'list', '--long')
        )
        self.assertEqual(nodes, self._nodes())
        self.assertAllocated(first, *allocations[0])
        self.assertAllocated(second, *allocations[1])
        self.boot('1:gpu')
        self.assertNoHost('1:gpu')
        self.shell.run('server', 'stop', first)
        self.wait_for(first, 'SHUTOFF', 'ACTIVE')
        self.assertAllocated(first, *allocations[0])
        self.delete_and_free(second)
        self.assertEqual(2, len(self.allocations(self.boot('2:gpu'))))

    def test_lines_after_ready_can_be_typed(self) -> None:
        running = self.allinone.process
        assert running is not None and running.stdout is not None
        script = ''.join(running.stdout.readline() for _ in range(2))
        path = [os.path.dirname(sys.executable), os.defpath]
        done = subprocess.run(
            ['sh', '-ec', script],
            env=os.environ
            | {'PATH': os.pathsep.join(path), 'PYTHONWARNINGS': 'ignore'},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.assertEqual('', done.stderr)
        self.assertIn('| vendor_id ', done.stdout)

    def _nodes(self) -> set[tuple[str, str]]:
        listed = self.request('GET', '/os-hypervisors').json()
        return {
            (node['id'], node['hypervisor_hostname'])
            for node in listed['hypervisors']
        }


class TestRefusals(base.base.BaseTestCase):
    """Options and files that prevent the start, with the error."""

    def setUp(self) -> None:
        super().setUp()
        if os.environ.get('PCI_EXT_TEST_DEPLOYMENT'):
            self.skipTest('tests the process of the all-in-one')
        directory = tempfile.TemporaryDirectory(prefix='pci-ext-functional-')
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def start(
        self, config: str = '', hosts: Any = None, port: int = 0
    ) -> process.AllInOne:
        hosts = hosts or {'host': [GPU]}
        allinone = process.AllInOne(self.directory, hosts, config)
        self.addCleanup(allinone.stop)
        allinone.start(port)
        return allinone

    def assertRefused(self, *reasons: str, **arguments: Any) -> None:
        error = self.assertRaises(process.StartError, self.start, **arguments)
        self.assertIn('status 1', str(error))
        (line,) = [
            line
            for line in str(error).splitlines()
            if line.startswith('pci-ext-allinone: error: ')
        ]
        for reason in reasons:
            self.assertIn(reason, line)

    def test_refuses_a_port_in_use(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
            self.assertRefused(
                f'port {port}', 'Address already in use', port=port
            )

    def test_refuses_a_file_as_data_dir(self) -> None:
        path = os.path.join(self.directory, 'data')
        with open(path, 'w', encoding='utf-8'):
            self.assertRefused(path, 'File exists')

    def test_refuses_a_data_dir_in_use(self) -> None:
        running = self.start()
        self.assertRefused(running.data_dir, 'in use')

    def test_refuses_an_invalid_hardware_file(self) -> None:
        self.assertRefused(
            *('hardware.json', 'host host, card 1'),
            hosts={'host': [{'kind': 'gpu'}]},
        )

    def test_refuses_invalid_pci_information(self) -> None:
        for entry, reason in (
            ('{"vendor_id": "8086"}', 'list'),
            ('[{"vendor_id": "8086"}, {"group": "a"}]', 'group'),
            ('[{"vendor_id": "80[86"}, {}]', '80[86'),
            ('[{"vendor_id": "8086"}', 'JSON'),
        ):
            config = f'[pci_ext]\npci_information = {entry}\n'
            self.assertRefused('pci_information', entry, reason, config=config)
