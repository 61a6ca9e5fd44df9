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

"""Free devices whose guest released them after the detach had timed out.

Nova may be about to start the guest anew, or to move the server, with devices
and records that it has read before. So the server is held until all is
recorded; as long as Nova has it, its devices are not freed.
"""

from collections.abc import Collection

from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute.operations import server_task


class LateDetach(server_task.ServerTask):
    """The late end of a detach."""

    action = action_notifications.DETACH
    _subject = action_notifications.Subject([], [])

    def free_released(self, addresses: Collection[str]) -> None:
        """Free devices with a pending detach that are not in the guest.

        They are removed from the definition of the guest, too, and from the
        metadata that it reads.

        :raises ServerNotIdle: if Nova has the server
        """
        with self.held():
            self._free_released(addresses)
        self.report_pools()
        self.notify(action_notifications.END)

    def _free_released(self, addresses: Collection[str]) -> None:
        devices = [
            device for device in self.owned() if device.address in addresses
        ]
        # A device loses its request id when it is freed.
        request_ids = {device.request_id for device in devices}
        self._subject = action_notifications.Subject.of_devices(
            self.instance, devices
        )
        self.driver.detach_pci(self.context, self.instance, devices)
        self.free(devices)
        self.sync_requests(request_ids)
        server_state.PENDING_DETACH.remove(self.instance, addresses)

    def subject(self) -> action_notifications.Subject:
        return self._subject
