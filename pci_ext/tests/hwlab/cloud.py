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

import json
import os
import subprocess
import tempfile
from typing import Any
from typing import ClassVar

import libvirt
import urllib3

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import base
from pci_ext.tests.functional import process
from pci_ext.tests.functional import shell
from pci_ext.tests.hwlab import driver
from pci_ext.tests.hwlab import guests
from pci_ext.tests.hwlab import sysfs
from pci_ext.virt.libvirt import domain_xml

# The emulation is ten to twenty times slower.
process.START_TIMEOUT = 600
process.STOP_TIMEOUT = 60
base.SERVER_TIMEOUT = 600
# A request takes seconds, and slows down the services.
base.POLL_INTERVAL = 2

#: The libvirt of each host. A script creates the second one.
URIS = {'lab': 'qemu:///system', 'lab-2': 'qemu+tcp://lab-2/system'}
_SECOND_HOST = '/opt/pci_ext/pci_ext/tests/hwlab/machine/second-host.sh'

_INSTANCES = '/tmp/instances'

_CONFIG = """
[DEFAULT]
compute_driver = pci_ext.LabDriver
instances_path = %(instances)s
rpc_response_timeout = 300
# The guests do not listen to requests to stop.
shutdown_timeout = 1
# The stub of Neutron sends no event for a plugged port.
vif_plugging_timeout = 0
vif_plugging_is_fatal = false

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
pci_information = [{"parent_addr": "%(igb)s"}, {"e.physical_network": "red"}]
special_attrs = e.physical_network
port_plug = network
"""

#: The live migration policy of each PCI flavor.
_PCI_FLAVORS = {
    'nic': 'forbid',
    'other': 'forbid',
    'sibling': 'forbid',
    'vf': 'hotplug',
}

#: The name of the image of a guest that never releases a device.
UNRESPONSIVE = 'unresponsive'


class Lab(process.AllInOne):
    """The services, with the driver for hosts that share one machine."""

    MODULE = 'pci_ext.tests.hwlab.allinone'


class TestCase(base.TestCase):
    """Two nova-computes with real libvirt and devices, and other services.

    All classes of tests share the services, which end with the machine. The
    first host has one device for each of the PCI flavors nic, other and
    sibling. Both hosts have one device for the PCI flavor vf.
    """

    HOSTS = {host: [] for host in URIS}
    POLL = base.POLL_INTERVAL

    nic: ClassVar[str]
    other_nic: ClassVar[str]
    sibling: ClassVar[str]
    #: The VF of each host.
    vfs: ClassVar[dict[str, str]]

    _lab: ClassVar[Lab | None] = None

    @classmethod
    def setUpClass(cls) -> None:
        # The parent would start services for one class.
        super(base.TestCase, cls).setUpClass()
        cls.nic, cls.other_nic = sysfs.nics()
        cls.sibling = sysfs.siblings()[0]
        pf = sysfs.pf()
        assert pf is not None
        cls.vfs = dict(zip(URIS, sysfs.vfs(pf), strict=True))
        if TestCase._lab is None:
            lab = cls._make_lab(pf)
            lab.start()
            TestCase._lab = lab
            cls._create_flavors_and_images(lab)
        cls.cloud = cls.allinone = TestCase._lab
        cls.shell = shell.Shell(cls.cloud.clouds_yaml)

    @classmethod
    def _make_lab(cls, pf: str) -> Lab:
        subprocess.run([_SECOND_HOST], check=True)
        first, second = URIS
        devices_of_second = {cls.vfs[second]}
        hidden = {
            first: list(devices_of_second),
            second: list(set(sysfs.addresses()) - devices_of_second),
        }
        os.environ[driver.HOSTS] = json.dumps(
            {
                host: {'uri': uri, 'hidden': hidden[host]}
                for host, uri in URIS.items()
            }
        )
        os.makedirs(_INSTANCES, exist_ok=True)
        config = _CONFIG % {
            'instances': _INSTANCES,
            'nic': cls.nic,
            'other_nic': cls.other_nic,
            'pf': pf,
            'sibling': cls.sibling,
            # Without this card no device matches.
            'igb': sysfs.pf(sysfs.IGB) or 'ffff:ff:1f.7',
        }
        directory = tempfile.mkdtemp(prefix='pci-ext-lab-')
        return Lab(directory, cls.HOSTS, config)

    @classmethod
    def _create_flavors_and_images(cls, lab: Lab) -> None:
        """Create the PCI flavors and images."""
        run = shell.Shell(lab.clouds_yaml)
        for name, policy in _PCI_FLAVORS.items():
            run.run(
                *('pci', 'flavor', 'create', '--property', f'e.kind={name}'),
                *('--live-migration', policy, name),
            )
        images = {
            stub_services.IMAGE['id']: False,
            run.json('image', 'create', UNRESPONSIVE)['id']: True,
        }
        for image, unresponsive in images.items():
            urllib3.request(
                'PUT',
                f'{lab.url}/image/v2/images/{image}/file',
                body=guests.boot_sector(unresponsive),
                timeout=base.SERVER_TIMEOUT,
            )

    def connect(self, host: str) -> Any:
        """Return a connection to the libvirt of a host."""
        connection = libvirt.open(URIS[host])
        self.addCleanup(connection.close)
        return connection

    def domain(self, server: str) -> Any:
        """Return the domain of a server."""
        return self.connect(self.host_of(server)).lookupByUUIDString(server)

    def whole_log(self) -> str:
        """Return the log of the services."""
        path = os.path.join(self.allinone.data_dir, 'nova.log')
        with open(path, encoding='utf-8') as stream:
            return stream.read()

    def assertDevices(self, server: str, *addresses: str) -> None:
        """Check database, API, live XML and the drivers of the kernel."""
        self.assertAllocated(server, *addresses)
        xml = self.domain(server).XMLDesc(0)
        self.assertEqual(set(addresses), domain_xml.hostdev_addresses(xml))
        for address in addresses:
            self.assertEqual('vfio-pci', sysfs.driver(address))

    def assertReleased(self, address: str, driver: str | None) -> None:
        """Check that a device is free, and bound to the driver of the host."""
        self.assertNotIn(address, self.allocations())
        self.assertEqual(driver, sysfs.wait_for_driver(address, driver))
