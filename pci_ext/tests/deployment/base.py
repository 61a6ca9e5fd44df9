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

"""Base of the tests of a running deployment."""

import os
import time
from typing import Any
import unittest

import openstack
from oslotest import base
from testtools import content

from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import state_directory

#: Seconds for a server to reach a status on a shared machine.
TIMEOUT = 180

ENVIRONMENT = 'PCI_EXT_TEST_DEPLOYMENT'


def deployed() -> bringup.Cloud:
    """Return the deployment to test.

    :raises SkipTest: if the environment names none
    """
    directory = os.environ.get(ENVIRONMENT)
    if not directory:
        raise unittest.SkipTest(f'{ENVIRONMENT} names no deployment')
    found = state_directory.load(directory)
    assert found is not None, f'There is no deployment in {directory}'
    return bringup.Cloud(found)


class HostsTestCase(base.BaseTestCase):
    """A test on hosts with libvirt and QEMU."""

    def setUp(self) -> None:
        super().setUp()
        self.deployed = deployed()
        self.state = self.deployed.state
        self.admin = self.connect('pci-ext')
        self.addOnException(self._add_logs)

    def connect(self, name: str) -> openstack.connection.Connection:
        """Return a connection as the user of a cloud of clouds.yaml."""
        connection = keystone.connect(self.state, name)
        connection.compute.default_microversion = '2.96'
        return connection

    def _add_logs(self, exc_info: object) -> None:
        for host in hypervisors.HOSTS:
            path = self.state.path('log', f'nova-compute-{host}.log')
            with open(path, errors='replace') as stream:
                text = stream.read()[-6000:]
            self.addDetail(host, content.text_content(text))

    def flavor(self, **extra_specs: str) -> Any:
        """Create a flavor; it is deleted after the test."""
        compute = self.admin.compute
        flavor = compute.create_flavor(
            name=self.getUniqueString(), ram=64, disk=1, vcpus=1
        )
        self.addCleanup(compute.delete_flavor, flavor)
        if extra_specs:
            compute.create_flavor_extra_specs(flavor, extra_specs)
        return flavor

    def boot(self, connection: Any, **more: Any) -> Any:
        """Boot a server; it is deleted after the test."""
        image = connection.image.find_image('tiny')
        server = connection.compute.create_server(
            name=self.getUniqueString(),
            image_id=image.id,
            flavor_id=self.flavor().id,
            networks='none',
            **more,
        )
        self.addCleanup(self.delete, server)
        return self.wait_for(server, 'ACTIVE')

    def delete(self, server: Any) -> None:
        self.admin.compute.delete_server(server, ignore_missing=True)
        self.admin.compute.wait_for_delete(server, wait=TIMEOUT)

    def wait_for(self, server: Any, status: str) -> Any:
        """Wait until a server has a status and no task."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            shown = self.admin.compute.get_server(server.id)
            if shown.status == status and not shown.task_state:
                return shown
            self.assertNotEqual('ERROR', shown.status, shown.fault)
            self.assertLess(time.monotonic(), deadline, shown)
            time.sleep(0.5)

    def hosts_of(self, server: Any) -> list[str]:
        """Return the names of the hosts whose QEMU runs a server."""
        return [
            host
            for host in hypervisors.HOSTS
            if server.id in hypervisors.domains(self.state, host)
        ]
