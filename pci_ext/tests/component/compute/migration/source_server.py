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

"""Base of the tests of a live migration at its source."""

from nova import objects

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.tests.component.compute import base


class SourceTestCase(base.HostTestCase):
    """A server with two devices, at the source of a live migration."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(devices=2)
        objects.InstanceAction.action_start(
            self.context, self.server, 'live-migration', want_result=False
        )

    def set_policy(self, **spec: str) -> None:
        """Change the live migration policy in the request of the server."""
        instance = self.instance(self.server)
        instance.pci_requests.requests[0].spec[0].update(spec)
        instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=self.server,
            requests=instance.pci_requests.requests,
        )
        instance.save()
        instance_devices.update_request_spec(self.context, instance)

    def domain(self) -> list[str]:
        attached = self.compute.driver.attached_pci(self.instance(self.server))
        return sorted(attached)

    def assertNoPendingReattach(self) -> None:
        instance = self.instance(self.server)
        self.assertEqual(frozenset(), server_state.pending_reattach(instance))
        self.assertEqual({}, server_state.reattach_errors(instance))
