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

"""The notification driver by which oslo.messaging loads pci_ext.

Every service of Nova constructs the drivers named in
``[oslo_messaging_notifications] driver`` before it builds anything that
pci_ext replaces; no other hook is common to all of them.
"""

from typing import Any

from oslo_messaging.notify import notifier

from pci_ext import exception
from pci_ext.activation import activator


class PciExtDriver(notifier.Driver):
    """Activates pci_ext; it delivers no notifications."""

    def __init__(self, conf: Any, topics: Any, transport: Any) -> None:
        super().__init__(conf, topics, transport)
        try:
            activator.activate()
        except exception.PciExtException as error:
            # Stevedore would log any other exception and continue, and the
            # service would run without pci_ext.
            raise SystemExit(error.format_message()) from error

    def notify(
        self, ctxt: Any, message: Any, priority: str, retry: int
    ) -> None:
        """Ignore a notification of Nova."""
