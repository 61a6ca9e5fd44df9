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

from nova.tests import fixtures as nova_fixtures
from oslo_versionedobjects import fixture as ovo_fixture
from oslotest import base as test_base

from pci_ext.api import pci_flavor_notifications
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests import samples
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors'

# A fingerprint changes with the fields of an object: bump its VERSION and
# write the samples anew.
FINGERPRINTS = {
    'PciFlavorNotification': '1.0-a73147b93b520ff0061865849d3dfa56',
    'PciFlavorPayload': '1.0-75cc90fc0cc7294163b8e22138dbbd0e',
}


class FingerprintsTestCase(test_base.BaseTestCase):
    def test_no_object_changed_without_a_new_version(self) -> None:
        checker = ovo_fixture.ObjectVersionChecker(
            {
                cls.obj_name(): [cls]
                for cls in (
                    pci_flavor_notifications.PciFlavorNotification,
                    pci_flavor_notifications.PciFlavorPayload,
                )
            }
        )
        expected, actual = checker.test_hashes(FINGERPRINTS)
        self.assertEqual(expected, actual)


class NotificationsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(notification_format='versioned', group='notifications')
        self.flags(host='controller')
        self.notifier = self.useFixture(
            nova_fixtures.NotificationFixture(self)
        )
        self.useFixture(base.Projects(base.OWN_PROJECT, base.OTHER_PROJECT))
        self.create_host(
            'cell1',
            'host1',
            {
                'vendor_id': '8086',
                'product_id': '0001',
                'numa_node': 0,
                'dev_type': 'type-PCI',
                'count': 1,
            },
        )

    def send(self, method: str, path: str, body: Any = None) -> None:
        response = self.call(method, f'{PATH}{path}', body)
        self.assertLess(response.status_int, 300, response.text)

    def create(self) -> None:
        self.send(
            'POST',
            '',
            {
                'pci_flavor': {
                    'name': 'bigGPU',
                    'description': 'the big ones',
                    'is_public': False,
                    'projects': [base.OWN_PROJECT],
                    'specs': {'vendor_id': '8086'},
                }
            },
        )

    def received(self) -> list[dict[str, Any]]:
        received = list(self.notifier.versioned_notifications)
        self.notifier.reset()
        return received

    def payload(self, event_type: str) -> dict[str, Any]:
        """Return the PCI flavor in the only notification."""
        (notification,) = self.received()
        self.assertEqual(event_type, notification['event_type'])
        self.assertEqual('INFO', notification['priority'])
        self.assertEqual('nova-api:controller', notification['publisher_id'])
        payload = notification['payload']
        self.assertEqual('pci_ext', payload['nova_object.namespace'])
        return dict(payload['nova_object.data'])

    def test_notifications_match_the_samples(self) -> None:
        self.create()
        (created,) = self.received()
        samples.check(self, 'pci_flavor-create', created)
        self.send(
            'PUT', '/bigGPU', {'pci_flavor': {'specs': {'product_id': '000.'}}}
        )
        (updated,) = self.received()
        samples.check(self, 'pci_flavor-update', updated)
        self.send('DELETE', '/bigGPU')
        (deleted,) = self.received()
        samples.check(self, 'pci_flavor-delete', deleted)

    def test_create_has_all_fields(self) -> None:
        self.create()
        flavor = db.get_by_name('bigGPU')
        payload = self.payload('pci_flavor.create')
        self.assertEqual(flavor.uuid, payload['uuid'])
        self.assertEqual({'vendor_id': '8086'}, payload['specs'])
        self.assertEqual([base.OWN_PROJECT], payload['projects'])

    def test_update_has_the_new_fields(self) -> None:
        db.create(pci_flavor.PciFlavor(name='old'))
        self.send('PUT', '/old', {'pci_flavor': {'name': 'new'}})
        payload = self.payload('pci_flavor.update')
        self.assertEqual('new', payload['name'])
        self.assertIsNotNone(payload['updated_at'])

    def test_change_of_access_is_an_update(self) -> None:
        self.create()
        self.received()
        access = {'pci_flavor_access': {'project_id': base.OTHER_PROJECT}}
        self.send('POST', '/bigGPU/access', access)
        self.assertEqual(
            sorted([base.OWN_PROJECT, base.OTHER_PROJECT]),
            self.payload('pci_flavor.update')['projects'],
        )
        self.send('DELETE', f'/bigGPU/access/{base.OWN_PROJECT}')
        self.assertEqual(
            [base.OTHER_PROJECT],
            self.payload('pci_flavor.update')['projects'],
        )

    def test_delete_has_the_last_fields(self) -> None:
        db.create(pci_flavor.PciFlavor(name='old'))
        self.send('DELETE', '/old')
        self.assertEqual('old', self.payload('pci_flavor.delete')['name'])

    def test_failed_request_sends_no_notification(self) -> None:
        db.create(pci_flavor.PciFlavor(name='old'))
        for method, path, body in (
            ('POST', '', {'pci_flavor': {'name': 'old'}}),
            ('PUT', '/none', {'pci_flavor': {'name': 'new'}}),
            ('DELETE', '/none', None),
            ('DELETE', '/old/access/x', None),
        ):
            response = self.call(method, f'{PATH}{path}', body)
            self.assertGreaterEqual(response.status_int, 400)
        self.assertEqual([], self.received())

    def test_unversioned_format_sends_no_notification(self) -> None:
        self.flags(notification_format='unversioned', group='notifications')
        self.create()
        self.assertEqual([], self.received())
