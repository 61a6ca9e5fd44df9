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

"""Scans of a host that do not wait for the next period."""

import threading

from nova import context as nova_context

from pci_ext.compute import nova_compute


class HostScan:
    """Scans the resources of a host, and reports its pools.

    :param compute: Nova's compute manager
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute = compute
        self._scanning = threading.Lock()
        # Held by the one that is the next to scan.
        self._next = threading.Lock()

    def run(self) -> None:
        """Scan, or leave it to a scan that is to begin after this call.

        Claims wait for each scan, and many servers may arrive at a time.
        """
        if not self._next.acquire(blocking=False):
            return
        with self._scanning:
            self._next.release()
            self._compute.update_available_resource(
                nova_context.get_admin_context()
            )
