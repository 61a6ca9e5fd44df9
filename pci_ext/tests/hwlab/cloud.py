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

"""Base of the tests of Nova's services on the machine."""

from collections.abc import Callable
import os
import time
from typing import Any
from typing import ClassVar

import libvirt
import urllib3

from pci_ext.cmd.allinone import standins
from pci_ext.tests.functional import base
from pci_ext.tests.functional import process
from pci_ext.tests.hwlab import guests
from pci_ext.tests.hwlab import machine
from pci_ext.virt import domain_xml
from pci_ext.virt import iommu_groups

# Everything takes ten to twenty times as long where it is emulated.
process.START_TIMEOUT = 600
process.STOP_TIMEOUT = 60
base.SERVER_TIMEOUT = 600
base.POLL_INTERVAL = 2

#: Seconds that an attach or detach may take.
TIMEOUT = 600

HOST = 'lab'

_INSTANCES = '/tmp/instances'

_CONFIG = """
[DEFAULT]
compute_driver = pci_ext.LibvirtDriver
instances_path = %(instances)s
rpc_response_timeout = 300

[libvirt]
virt_type = qemu
cpu_mode = none
images_type = raw
hw_machine_type = x86_64=q35
num_pcie_ports = 12
device_detach_attempts = 2
device_detach_timeout = 10

# No sudo on the machine: the tests are run by root.
[nova_sys_admin]
helper_command = python3 -c "from oslo_privsep.daemon import helper_main; \
helper_main()"

[pci_ext]
pci_information = [{"address": "%(nic)s"}, {"e.kind": "nic"}]
pci_information = [{"address": "%(other_nic)s"}, {"e.kind": "other"}]
pci_information = [{"parent_addr": "%(pf)s"}, {"e.kind": "vf"}]
pci_information = [{"address": "%(sibling)s"}, {"e.kind": "sibling"}]
pci_flavor_attrs = e.kind
"""


class TestCase(base.TestCase):
    """A nova-compute on real libvirt and devices, and all it works with.

    There is one device of each of the PCI flavors nic, other and sibling, and
    two of the PCI flavor vf.
    """

    HOSTS = {HOST: []}

    nic: ClassVar[str]
    other_nic: ClassVar[str]
    sibling: ClassVar[str]
    vfs: ClassVar[list[str]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.nic, cls.other_nic = machine.nics()
        cls.sibling = machine.siblings()[0]
        pf = machine.pf()
        assert pf is not None
        cls.vfs = machine.vfs(pf)
        cls.CONFIG = _CONFIG % {
            'instances': _INSTANCES,
            'nic': cls.nic,
            'other_nic': cls.other_nic,
            'pf': pf,
            'sibling': cls.sibling,
        }
        os.makedirs(_INSTANCES, exist_ok=True)
        super().setUpClass()
        cls._fill_image()

    @classmethod
    def _fill_image(cls) -> None:
        """Give the image that servers are made of a guest that listens."""
        with open(guests.EJECT, 'rb') as stream:
            urllib3.request(
                'PUT',
                f'{cls.allinone.url}/image/v2/images/{standins.IMAGE["id"]}'
                '/file',
                body=stream.read(),
                timeout=base.SERVER_TIMEOUT,
            )

    def setUp(self) -> None:
        super().setUp()
        for name in 'nic', 'other', 'vf', 'sibling':
            self.create_pci_flavor(name, **{'e.kind': name})

    def domain(self, server: str) -> Any:
        connection = libvirt.openReadOnly()
        self.addCleanup(connection.close)
        return connection.lookupByUUIDString(server)

    def add(self, server: str, request: str) -> None:
        """Attach devices to a server, and wait until they are.

        :raises shell.CommandFailed: saying why, if they are not
        """
        self.shell.run(
            *('server', 'add', 'pci', '--wait', '--pci-flavor', request),
            server,
        )

    def remove(self, server: str, address: str) -> None:
        """Detach a device from a server, and wait until it is.

        :raises shell.CommandFailed: saying why, if it is not
        """
        self.shell.run(
            *('server', 'remove', 'pci', '--wait', server),
            iommu_groups.node_device(address),
        )

    def whole_log(self) -> str:
        """Give all that the services logged."""
        path = os.path.join(self.allinone.data_dir, 'nova.log')
        with open(path, encoding='utf-8') as stream:
            return stream.read()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(base.POLL_INTERVAL)

    def assertDevices(self, server: str, *addresses: str) -> None:
        """Check records, API, live XML and the drivers of the kernel."""
        self.assertAllocated(server, *addresses)
        xml = self.domain(server).XMLDesc(0)
        self.assertEqual(set(addresses), domain_xml.hostdev_addresses(xml))
        for address in addresses:
            self.assertEqual('vfio-pci', machine.driver(address))

    def assertGivenBack(self, address: str, driver: str | None) -> None:
        """Check that a device is free, and bound as before."""
        self.assertNotIn(address, self.allocations())
        self.assertEqual(driver, machine.wait_for_driver(address, driver))
