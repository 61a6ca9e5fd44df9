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

"""Two copies of a server, of which one has older PCI requests."""

from typing import Any

import fixtures
from nova import exception as nova_exception
from nova import objects
from nova.conductor import manager
from nova.objects import base as objects_base

from pci_ext.requests import instance_requests
from pci_ext.tests.component.compute import base

INDIRECTION = 'nova.objects.base.NovaObject.indirection_api'


class Conductor:
    """Calls methods of objects, and saves what it is sent, as nova-conductor.

    Nothing that it calls is remote.
    """

    _object_dispatch = manager.ConductorManager._object_dispatch
    _object_action = manager.ConductorManager.object_action

    def object_action(
        self, context: Any, instance: Any, *call: Any
    ) -> tuple[dict[str, Any], Any]:
        serializer = objects_base.NovaObjectSerializer()
        sent = serializer.serialize_entity(context, instance)
        with fixtures.MonkeyPatch(INDIRECTION, None):
            return self._object_action(
                context, serializer.deserialize_entity(context, sent), *call
            )

    def object_class_action_versions(
        self,
        context: Any,
        name: str,
        method: str,
        versions: dict[str, str],
        args: Any,
        kwargs: Any,
    ) -> Any:
        with fixtures.MonkeyPatch(INDIRECTION, None):
            called = objects_base.NovaObject.obj_class_from_name(
                name, versions[name]
            )
            return getattr(called, method)(context, *args, **kwargs)


class SavedRequestsTestCase(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(1)
        self.stale = self.instance(self.server)
        attached = self.instance(self.server)
        attached.pci_requests.requests.append(self.request(1))
        attached.save()

    def counts(self) -> list[int]:
        return [
            request.count
            for request in instance_requests.list_requests(
                self.instance(self.server)
            )
        ]

    def test_requests_changed_in_place_are_saved(self) -> None:
        self.assertEqual([1, 1], self.counts())

    def test_older_requests_are_not_saved(self) -> None:
        self.stale.display_name = 'new name'
        self.stale.save()
        self.assertEqual([1, 1], self.counts())
        self.assertEqual('new name', self.instance(self.server).display_name)

    def test_a_refused_save_does_not_change_requests(self) -> None:
        self.acquire(self.server, 'detaching_pci')
        self.stale.task_state = 'rebuilding'
        self.assertRaises(
            nova_exception.UnexpectedTaskStateError,
            self.stale.save,
            expected_task_state=[None],
        )
        self.assertEqual([1, 1], self.counts())

    def test_requests_sent_to_another_service_are_not_saved(self) -> None:
        serializer = objects_base.NovaObjectSerializer()
        received = serializer.deserialize_entity(
            self.context,
            serializer.serialize_entity(self.context, self.stale),
        )
        received.display_name = 'new name'
        received.save()
        self.assertEqual([1, 1], self.counts())

    def test_a_change_saved_by_the_conductor_is_saved(self) -> None:
        current = self.instance(self.server)
        current.pci_requests.requests.append(self.request(2))
        self.stale.display_name = 'new name'
        with fixtures.MonkeyPatch(INDIRECTION, Conductor()):
            current.save()
            self.stale.save()
        self.assertEqual([1, 1, 2], self.counts())

    def test_replaced_requests_are_saved(self) -> None:
        self.stale.pci_requests = objects.InstancePCIRequests(
            instance_uuid=self.server, requests=[self.request(3)]
        )
        self.stale.save()
        self.assertEqual([3], self.counts())

    def test_requests_of_a_migration_context_are_saved(self) -> None:
        current = self.instance(self.server)
        current.pci_requests = self.stale.pci_requests
        current.save()
        self.assertEqual([1], self.counts())

    def test_a_change_is_saved_once(self) -> None:
        self.stale.pci_requests.requests = []
        self.stale.save()
        current = self.instance(self.server)
        current.pci_requests.requests.append(self.request(4))
        current.save()
        self.stale.display_name = 'new name'
        self.stale.save()
        self.assertEqual([4], self.counts())
