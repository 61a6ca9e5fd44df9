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

"""Stacks of Heat's engine on the real services of the all-in-one."""

from heat.engine import scheduler
from openstack import connection
from openstack.config import loader

from pci_ext.tests.functional import base as functional_base
from pci_ext.tests.functional import process
from pci_ext_heat.tests import base

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': ['0000:3b:00.0', '0000:5e:00.0', '0000:86:00.0'],
}


class TestStack(functional_base.TestCase, base.StackTestCase):
    HOSTS = {'host-1': [GPU]}
    CONFIG = """
[pci_ext]
pci_information = [{"vendor_id": "10de"}, {}]
"""
    # The configuration of this process is that of Heat.
    ALLINONE = process.AllInOne

    def setUp(self) -> None:
        super().setUp()
        # Real services need their time.
        scheduler.ENABLE_SLEEP = True
        config = loader.OpenStackConfig(
            config_files=[self.cloud.clouds_yaml], load_envvars=False
        )
        self.use_connection(
            connection.Connection(config=config.get_one('pci-ext'))
        )

    def test_attaches_devices_of_a_pci_flavor(self) -> None:
        [server] = self.boot_without_devices(1)

        def attachment(count: int) -> base.Resources:
            request = {
                'template': 'COUNT:NAME',
                'params': {
                    'COUNT': count,
                    'NAME': {'get_attr': ['flavor', 'name']},
                },
            }
            return {
                'type': 'OS::Nova::PciAttachment',
                'properties': {
                    'server': server,
                    'request': {'str_replace': request},
                },
            }

        made = self.create(
            {
                'flavor': {
                    'type': 'OS::Nova::PciFlavor',
                    'properties': {'specs': {'vendor_id': '10de'}},
                },
                # They wait for each other.
                'one': attachment(1),
                'two': attachment(2),
            }
        )
        self.assertComplete(made, 'CREATE')
        self.assertAllocated(server, *GPU['address'])
        self.assertEqual(1, len(made['one'].FnGetAtt('devices')))
        addresses = {
            each['address']
            for name in ('one', 'two')
            for each in made[name].FnGetAtt('devices')
        }
        self.assertEqual(set(GPU['address']), addresses)

        made.delete()
        self.assertComplete(made, 'DELETE')
        self.assertAllocated(server)
        self.assertEqual([], self.openstack('pci', 'flavor', 'list'))
