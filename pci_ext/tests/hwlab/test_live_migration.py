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

"""Live migration between two hosts, with real libvirt and vfio."""

import libvirt

from pci_ext.tests.hwlab import cloud
from pci_ext.tests.hwlab import sysfs
from pci_ext.virt.libvirt import domain_xml

_RUNNING = ('accepted', 'queued', 'preparing', 'running')


class LiveMigrationTest(cloud.TestCase):
    """Servers with a VF, and an equivalent VF on the other host."""

    def boot_image(self, image: str) -> str:
        """Boot a server with a VF, and return its id."""
        flavor = self.create_flavor('1:vf')
        server = self.create_server(flavor, '--image', image)
        self.wait_for(server, 'ACTIVE')
        return server

    def migrate(self, server: str) -> str:
        """Migrate a server to the other host, and return the status."""
        self.shell.run('server', 'migrate', '--live-migration', server)

        def ended() -> str | None:
            path = f'/os-migrations?instance_uuid={server}'
            found = self.request('GET', path).json()['migrations']
            status = str(found[0]['status']) if found else 'accepted'
            return None if status in _RUNNING else status

        self.wait_until(ended)
        self.wait_until(lambda: not self.show(server)['OS-EXT-STS:task_state'])
        return str(ended())

    def devices_in_use(self) -> set[tuple[str, str]]:
        """Return address and status of claimed and allocated devices."""
        return {
            (address, status)
            for address, status in self.cloud.query(
                'SELECT address, status FROM pci_devices WHERE deleted = 0'
            )
            if status in ('claimed', 'allocated')
        }

    def other_host(self, host: str) -> str:
        [found] = set(cloud.URIS) - {host}
        return found

    def migration_error(self, server: str) -> str:
        """Migrate a domain with its VF by libvirt, and return the error."""
        host = self.host_of(server)
        domain = self.domain(server)
        error = self.assertRaises(
            libvirt.libvirtError,
            domain.migrate3,
            self.connect(self.other_host(host)),
            {},
            libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_UNSAFE,
        )
        return str(error)

    def domains(self, server: str) -> dict[str, set[str]]:
        """Return the devices in the domains of a server, by host."""
        found = {}
        for host in cloud.URIS:
            for domain in self.connect(host).listAllDomains():
                if domain.UUIDString() == server:
                    found[host] = set(
                        domain_xml.hostdev_addresses(domain.XMLDesc(0))
                    )
        return found

    def test_hotplug_replaces_the_vf(self) -> None:
        server = self.boot('1:vf')
        source = self.host_of(server)
        self.assertDevices(server, self.vfs[source])
        self.assertIn(
            "VFIO device doesn't support migration",
            self.migration_error(server),
        )
        self.assertEqual('completed', self.migrate(server))
        target = self.other_host(source)
        self.assertEqual(target, self.host_of(server))
        vf = self.vfs[target]
        self.wait_until(lambda: self.devices_in_use() == {(vf, 'allocated')})
        self.wait_until(lambda: self.domains(server) == {target: {vf}})
        self.assertDevices(server, vf)
        self.assertReleased(self.vfs[source], None)

    def test_unresponsive_guest_cancels_the_migration(self) -> None:
        server = self.boot_image(cloud.UNRESPONSIVE)
        source = self.host_of(server)
        vf = self.vfs[source]
        self.assertDevices(server, vf)
        self.assertEqual('cancelled', self.migrate(server))
        self.assertEqual(source, self.host_of(server))
        self.assertEqual({source: {vf}}, self.domains(server))
        # A reboot of the guest uses the definition.
        definition = self.domain(server).XMLDesc(
            libvirt.VIR_DOMAIN_XML_INACTIVE
        )
        self.assertEqual({vf}, domain_xml.hostdev_addresses(definition))
        self.wait_until(lambda: self.devices_in_use() == {(vf, 'allocated')})
        self.assertDevices(server, vf)
        self.assertIsNone(sysfs.driver(self.vfs[self.other_host(source)]))
