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

"""Free a device that a guest let go of after everybody stopped waiting."""

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import operation

LOG = logging.getLogger(__name__)


class Late(operation.Operation):
    """The belated end of a detach; has no task state of its own."""

    action = action_notifications.DETACH
    _subject = action_notifications.Subject([], [])

    def release(self) -> None:
        """Free the devices that the guest was asked for and has not any more.

        Does nothing for a server that is not running, or is being suspended
        or resumed: what it lacks now it gets back.
        """
        try:
            self.instance = objects.Instance.get_by_uuid(
                self.context,
                self.server_uuid,
                expected_attrs=['system_metadata', 'pci_requests', 'flavor'],
            )
        except nova_exception.InstanceNotFound:
            return
        asked_for = server_state.pending_detach(self.instance)
        attached = self.attached()
        if not asked_for or attached is None:
            return
        devices = [
            device
            for device in self.owned()
            if device.address in asked_for - attached
        ]
        request_ids = {device.request_id for device in devices}
        addresses = sorted(device.address for device in devices)
        if not devices:
            return
        LOG.info(
            'The guest let go of %s: freeing',
            ', '.join(addresses),
            instance=self.instance,
        )
        self._subject = action_notifications.Subject.of(
            [
                request
                for request in instance_devices.requests_of(self.instance)
                if request.request_id in request_ids
            ],
            devices,
        )
        self.free(devices)
        self.settle(request_ids)
        server_state.PENDING_DETACH.remove(self.instance, addresses)
        self.publish()
        self.notify(action_notifications.END)

    def subject(self) -> action_notifications.Subject:
        return self._subject


def release(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> None:
    """Free what the guest of a server let go of late.

    To be called with the lock of the server held.
    """
    Late(compute, context, server_uuid, '').release()
