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

from nova import objects as nova_objects
from oslo_utils.fixture import uuidsentinel as uuids
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fixture
from oslotest import base

from pci_ext.objects import base as objects_base
from pci_ext.objects import pci_device
from pci_ext.objects import pci_flavor
from pci_ext.objects import pci_pool

# A fingerprint changes with the fields of an object: bump its VERSION and, if
# an older reader has to understand it, write obj_make_compatible.
FINGERPRINTS = {
    'PciExtPciDevice': '1.0-7ac8282bc84fcbf4ff3d062340ca2449',
    'PciExtPciFlavor': '1.0-2b1a494f14d6a2998d472c67ad9a8e73',
    'PciExtPciPool': '1.0-ff10d9221582b8b929dd25a0f3131ba9',
}


def our_classes():
    return {
        name: classes
        for name, classes in (
            ovo_base.VersionedObjectRegistry.obj_classes().items()
        )
        if issubclass(classes[0], objects_base.PciExtObject)
    }


class TestFingerprints(base.BaseTestCase):
    def test_no_object_changed_without_a_new_version(self):
        checker = fixture.ObjectVersionChecker(our_classes())
        expected, actual = checker.test_hashes(FINGERPRINTS)
        self.assertEqual(expected, actual)


class TestRegistry(base.BaseTestCase):
    def test_classes_of_nova_are_untouched(self):
        nova_objects.register_all()
        registered = ovo_base.VersionedObjectRegistry.obj_classes()
        for name in ('PciDevice', 'PciDevicePool'):
            for cls in registered[name]:
                self.assertTrue(cls.__module__.startswith('nova.'), cls)
        self.assertIs(nova_objects.PciDevice, registered['PciDevice'][0])
        self.assertIsNot(nova_objects.PciDevice, pci_device.PciDevice)

    def test_names_are_prefixed(self):
        self.assertEqual(
            [pci_device.PciDevice],
            ovo_base.VersionedObjectRegistry.obj_classes()['PciExtPciDevice'],
        )


class TestPlainData(base.BaseTestCase):
    def assert_serializable(self, obj):
        # The list of changed fields has no fixed order.
        obj.obj_reset_changes(recursive=True)
        primitive = obj.obj_to_primitive()
        self.assertEqual('pci_ext', primitive['versioned_object.namespace'])
        back = type(obj).obj_from_primitive(primitive)
        self.assertEqual(primitive, back.obj_to_primitive())
        return back

    def test_pci_flavor_has_defaults(self):
        flavor = pci_flavor.PciFlavor(name='GPU')
        self.assertIsNone(flavor.description)
        self.assertIs(True, flavor.is_public)
        self.assertEqual('forbid', flavor.live_migration)
        self.assertEqual({}, flavor.specs)
        self.assertEqual([], flavor.projects)
        self.assertFalse(flavor.obj_attr_is_set('uuid'))

    def test_defaults_are_not_shared(self):
        pci_flavor.PciFlavor().specs['vendor_id'] = '8086'
        self.assertEqual({}, pci_flavor.PciFlavor().specs)

    def test_live_migration_accepts_three_values(self):
        for value in ('forbid', 'hotplug', 'native'):
            pci_flavor.PciFlavor(live_migration=value)
        self.assertRaises(
            ValueError, pci_flavor.PciFlavor, live_migration='maybe'
        )

    def test_specs_of_a_pci_flavor(self):
        back = self.assert_serializable(
            pci_flavor.PciFlavor(
                uuid=uuids.gpu, name='GPU', specs={'vendor_id': '8086'}
            )
        )
        self.assertEqual({'vendor_id': '8086'}, back.specs)

    def test_pci_device_in_a_domain_of_32_bits(self):
        back = self.assert_serializable(
            pci_device.PciDevice(
                uuid=uuids.device,
                dev_id='pci_10000_e1_00_0',
                address='10000:e1:00.0',
                vendor_id='8086',
                product_id='0a54',
                dev_type='type-PCI',
                status='available',
                attributes={'e.group': 'nvme'},
            )
        )
        self.assertEqual('10000:e1:00.0', back.address)
        self.assertIsNone(back.server_uuid)

    def test_pci_pool(self):
        back = self.assert_serializable(
            pci_pool.PciPool(
                host='host1', properties={'vendor_id': '8086'}, count=3
            )
        )
        self.assertEqual(3, back.count)
