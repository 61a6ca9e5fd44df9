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

"""Two copies of a server, of which one has older system metadata."""

import fixtures
from nova import objects

from pci_ext import server_state
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.requests import test_saved_requests


class SavedMetadataTestCase(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(0)
        current = self.instance(self.server)
        current.system_metadata = {'kept': '1', 'removed': '1', 'changed': '1'}
        current.save()
        self.stale = self.instance(self.server)
        current.system_metadata['added'] = '2'
        current.system_metadata['changed'] = '2'
        del current.system_metadata['removed']
        current.save()

    def metadata(self) -> dict[str, str]:
        return dict(self.instance(self.server).system_metadata)

    def test_keys_that_another_service_changed_stay_so(self) -> None:
        self.stale.system_metadata['own'] = '3'
        self.stale.save()
        expected = {'kept': '1', 'changed': '2', 'added': '2', 'own': '3'}
        self.assertEqual(expected, self.metadata())
        self.assertEqual(expected, self.stale.system_metadata)

    def test_own_changes_are_saved(self) -> None:
        self.stale.system_metadata['changed'] = '3'
        del self.stale.system_metadata['kept']
        del self.stale.system_metadata['removed']
        self.stale.save()
        self.assertEqual({'changed': '3', 'added': '2'}, self.metadata())

    def test_replaced_metadata_loses_only_the_loaded_keys(self) -> None:
        self.stale.system_metadata = {'kept': '3'}
        self.stale.save()
        self.assertEqual({'kept': '3', 'added': '2'}, self.metadata())

    def test_a_change_is_saved_once(self) -> None:
        self.stale.system_metadata['own'] = '3'
        self.stale.save()
        current = self.instance(self.server)
        current.system_metadata['own'] = '4'
        current.save()
        self.stale.display_name = 'new name'
        self.stale.save()
        self.assertEqual('4', self.metadata()['own'])

    def test_marks_leave_other_keys_alone(self) -> None:
        server_state.PENDING_DETACH.add(self.stale, {'a': '1', 'b': '1'})
        current = self.instance(self.server)
        current.system_metadata[server_state.OPERATION] = 'req-1'
        current.save()
        server_state.PENDING_DETACH.remove(self.stale, ['b'])
        found = self.instance(self.server)
        self.assertEqual('req-1', server_state.operation_id(found))
        self.assertEqual({'a': '1'}, server_state.PENDING_DETACH.get(found))

    def test_user_metadata_is_saved_as_nova_does(self) -> None:
        self.stale.metadata = {'user': '1'}
        self.stale.system_metadata['own'] = '3'
        self.stale.save()
        found = objects.Instance.get_by_uuid(
            self.context, self.server, expected_attrs=['metadata']
        )
        self.assertEqual({'user': '1'}, found.metadata)


class SavedByConductorTestCase(SavedMetadataTestCase):
    """The same, with the copy saved by nova-conductor."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                test_saved_requests.INDIRECTION,
                test_saved_requests.Conductor(),
            )
        )
