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

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.api.metadata import base as nova_metadata
from nova.tests import fixtures as nova_fixtures

from pci_ext.tests import fixtures
from pci_ext.tests.component.api import base


class InstanceMetadataTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.useFixture(nova_fixtures.NeutronFixture(self))

    def devices(
        self, metadata: objects.InstanceDeviceMetadata | None
    ) -> list[dict[str, Any]]:
        """Return the metadata of a guest, of the latest version."""
        server = self.create_server('cell1', 'server')
        context = self.context_of('admin')
        nova_context.set_target_cell(context, self.cell_mappings['cell1'])
        instance = objects.Instance.get_by_uuid(context, server)
        instance.device_metadata = metadata
        instance.save()
        metadata_json = nova_metadata.get_metadata_by_instance_id(
            server, '192.0.2.1', context
        )._metadata_as_json(
            nova_metadata.OPENSTACK_VERSIONS[-1], 'meta_data.json'
        )
        return list(base.jsonutils.loads(metadata_json)['devices'])

    def test_shows_pci_devices_and_devices_of_nova(self) -> None:
        bus = objects.PCIDeviceBus
        metadata = objects.InstanceDeviceMetadata(
            devices=[
                objects.DiskMetadata(
                    bus=bus(address='0000:00:01.0'), tags=['root']
                ),
                objects.DeviceMetadata(
                    bus=bus(address='0000:0a:00.0'), tags=['bigGPU']
                ),
            ]
        )
        self.assertEqual(
            [
                {
                    'type': 'disk',
                    'bus': 'pci',
                    'address': '0000:00:01.0',
                    'tags': ['root'],
                },
                {
                    'type': 'pci',
                    'bus': 'pci',
                    'address': '0000:0a:00.0',
                    'tags': ['bigGPU'],
                },
            ],
            self.devices(metadata),
        )

    def test_shows_no_devices_without_metadata(self) -> None:
        self.assertEqual([], self.devices(None))
