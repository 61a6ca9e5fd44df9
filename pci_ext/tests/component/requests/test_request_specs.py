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

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import test
from nova.compute import instance_actions
from nova.tests import fixtures as nova_fixtures
from oslo_utils import timeutils
from oslo_utils.fixture import uuidsentinel

from pci_ext.api import compute_api
from pci_ext.tests import fixtures
from pci_ext.tests.component import databases


class MovesTestCase(test.TestCase):
    """A copy of a server in nova-api, with one PCI request."""

    def setUp(self) -> None:
        self.useFixture(databases.SharedSetUp())
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.context = nova_context.RequestContext('user', 'project')
        self.instance = objects.Instance(
            self.context,
            project_id='project',
            pci_requests=objects.InstancePCIRequests(
                requests=[self.request(uuidsentinel.booted)]
            ),
        )
        self.instance.create()

    def request(self, request_id: str) -> objects.InstancePCIRequest:
        return objects.InstancePCIRequest(
            count=1, spec=[{'vendor_id': '8086'}], request_id=request_id
        )

    def attach(self) -> None:
        """Record a request as nova-compute does, beside nova-api."""
        other = objects.Instance.get_by_uuid(
            self.context, self.instance.uuid, expected_attrs=['pci_requests']
        )
        other.pci_requests.requests.append(self.request(uuidsentinel.hot))
        other.save()

    def requests_after_start(self, action: str) -> list[str]:
        """Start an action, and return the requests of the copy."""
        compute_api.ComputeAPI()._record_action_start(
            self.context, self.instance, action
        )
        self.assertNotIn('pci_requests', self.instance.obj_what_changed())
        return [
            request.request_id
            for request in self.instance.pci_requests.requests
        ]

    def test_moves_read_requests_attached_before_their_start(self) -> None:
        self.attach()
        for action in (
            instance_actions.MIGRATE,
            instance_actions.RESIZE,
            instance_actions.LIVE_MIGRATION,
            instance_actions.EVACUATE,
            instance_actions.UNSHELVE,
        ):
            self.instance.pci_requests.requests = [
                self.request(uuidsentinel.booted)
            ]
            self.instance.obj_reset_changes()
            self.assertEqual(
                [uuidsentinel.booted, uuidsentinel.hot],
                self.requests_after_start(action),
                action,
            )

    def test_refused_moves_leave_the_request_spec(self) -> None:
        synced: list[object] = []

        def sync(context: object, instance: object) -> None:
            synced.append(instance)

        self.stub_out('pci_ext.requests.request_specs.sync', sync)
        self.instance.launched_at = timeutils.utcnow()
        nova_api = compute_api.ComputeAPI()
        for values, error in (
            (
                {'task_state': 'resize_prep'},
                nova_exception.InstanceInvalidState,
            ),
            ({'locked': True}, nova_exception.InstanceIsLocked),
        ):
            self.instance.update({'task_state': None, **values})
            for move, arguments in (
                (nova_api.resize, ()),
                (nova_api.live_migrate, (False, False, 'host')),
                (nova_api.unshelve, ()),
            ):
                self.assertRaises(
                    error, move, self.context, self.instance, *arguments
                )
        self.assertEqual([], synced)
