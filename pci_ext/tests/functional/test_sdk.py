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

"""``conn.pci`` of openstacksdk, on real services."""

from openstack import connection
from openstack import exceptions
from openstack.config import loader

from pci_ext.tests import tags
from pci_ext.tests.functional import base

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': ['0000:3b:00.0', '0000:5e:00.0'],
}


@tags.tag(tags.NOVA33_SHORT)
class TestSdk(base.TestCase):
    HOSTS = {'host-1': [GPU]}
    CONFIG = """
[pci_ext]
pci_information = [{"vendor_id": "10de"}, {"e.group": "gpu"}]
"""

    def connect(self, cloud: str = 'pci-ext') -> connection.Connection:
        config = loader.OpenStackConfig(
            config_files=[self.cloud.clouds_yaml], load_envvars=False
        )
        conn = connection.Connection(
            config=config.get_one(cloud, vendor_hook='pci_ext.sdk:load')
        )
        self.addCleanup(conn.close)
        return conn

    def test_pci_flavors(self) -> None:
        pci = self.connect().pci
        name = self.unique_name('big GPU #')
        flavor = pci.create_flavor(
            name=name, is_public=False, specs={'vendor_id': '10de'}
        )
        self.addCleanup(pci.delete_flavor, flavor.id)
        self.assertEqual(
            {'total': 2, 'available': 2, 'allocated': 0},
            pci.get_flavor(flavor.id).usage,
        )
        self.assertIn(name, [each.name for each in pci.flavors()])
        found = pci.find_flavor(name, ignore_missing=False)
        assert found is not None
        self.assertEqual(flavor.id, found.id)

        changed = pci.update_flavor(
            found, specs={'vendor_id': None, 'product_id': '20b.'}
        )
        self.assertEqual({'product_id': '20b.'}, changed.specs)

        pci.add_flavor_access(flavor, self.cloud.member_project)
        [access] = pci.flavor_access(flavor)
        self.assertEqual(self.cloud.member_project, access.project_id)
        pci.remove_flavor_access(flavor, access.project_id)
        self.assertEqual([], list(pci.flavor_access(flavor)))

        self.assertEqual(
            1, pci.update_flavor_limits(flavor, default=1).default
        )
        limits = {each.pci_flavor: each.limit for each in pci.limits()}
        self.assertEqual(1, limits[name])

        pci.delete_flavor(flavor)
        self.assertRaises(
            exceptions.NotFoundException, pci.get_flavor, flavor.id
        )

    def test_lists_the_inventory(self) -> None:
        pci = self.connect().pci
        self.create_pci_flavor('gpu', vendor_id='10de')
        devices = list(
            pci.devices(host='host-1', limit=1, **{'e.group': 'g.*'})
        )
        self.assertEqual(
            GPU['address'], sorted(each.address for each in devices)
        )
        self.assertEqual([], list(pci.devices(**{'e.group': 'qat'})))
        self.assertEqual(['gpu'], pci.get_device(devices[0].id).pci_flavors)
        [pool] = pci.pools(host='host-1', flavor='gpu')
        self.assertEqual((2, 'gpu'), (pool.count, pool.properties['e.group']))
        hosts = {
            each['host']: each['fits'] for each in pci.evaluate('2:gpu').hosts
        }
        self.assertTrue(hosts['host-1'])
        self.assertIn('vendor_id', pci.get_flavor('0').specs)

    def test_attaches_and_detaches(self) -> None:
        pci = self.connect().pci
        self.create_pci_flavor('gpu', vendor_id='10de')
        [server] = self.boot_without_devices(1)

        pci.wait_for_action(pci.attach_devices(server, '1:gpu'), self.POLL)
        [device] = pci.server_devices(server)
        self.assertEqual(('gpu', 'hot'), (device.pci_flavor, device.attached))
        self.assertAllocated(server, device.address)
        error = self.assertRaises(
            exceptions.ConflictException, pci.attach_devices, server, '2:gpu'
        )
        self.assertIn('gpu', str(error))
        plan = pci.get_server_migration_plan(server)
        self.assertEqual('host-1', plan.host)

        pci.wait_for_action(pci.detach_devices(server, [device]), self.POLL)
        self.assertAllocated(server)
