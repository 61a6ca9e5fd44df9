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

"""Free a device whose guest released it after the detach had timed out."""

from nova import context as nova_context
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import server_task

LOG = logging.getLogger(__name__)


class LateDetach(server_task.ServerTask):
    """The late end of a detach, when the server has no task state for it."""

    action = action_notifications.DETACH
    _subject = action_notifications.Subject([], [])

    def free_released(self) -> None:
        """Free the devices with a pending detach that the guest released.

        Does nothing for a server that is not running, or is being suspended
        or resumed: it gets missing devices back by itself.
        """
        self.instance = server_task.find_instance(
            self.context, self.server_uuid
        )
        if self.instance is None:
            return
        pending = server_state.pending_detach(self.instance)
        attached = self.attached()
        if not pending or attached is None:
            return
        devices = [
            device
            for device in self.owned()
            if device.address in pending - attached
        ]
        if not devices:
            return
        addresses = sorted(device.address for device in devices)
        LOG.info(
            'The guest has released %s: freeing',
            ', '.join(addresses),
            instance=self.instance,
        )
        # A device loses its request id when it is freed.
        request_ids = {device.request_id for device in devices}
        self._subject = action_notifications.Subject.of_devices(
            self.instance, devices
        )
        self.free(devices)
        self.sync_requests(request_ids)
        server_state.PENDING_DETACH.remove(self.instance, addresses)
        self.report_pools()
        self.notify(action_notifications.END)

    def subject(self) -> action_notifications.Subject:
        return self._subject


def free_released(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> None:
    """Free the devices with a pending detach that the guest released.

    To be called with the instance lock held.
    """
    LateDetach(compute, context, server_uuid, '').free_released()
