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

"""The simulated form of the driver."""

from typing import Any

from nova.virt import fake
from oslo_config import cfg
from oslo_serialization import jsonutils

from pci_ext import exception
from pci_ext.virt import inventory
from pci_ext.virt import mixin

CONF = cfg.CONF


class FakeDriver(mixin.PciExtDriverMixin, fake.FakeDriverWithoutFakeNodes):
    """Nova's fake driver, with the PCI devices of an inventory file.

    It keeps no more of a server than Nova's fake driver does; which devices
    a server has is what Nova's records say.
    """

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self._pci_devices: list[dict[str, Any]] = []

    def init_host(self, host: str) -> None:
        """Read the devices of this host.

        :raises InvalidInventory: if there is no such file or host, or the
            file does not parse
        """
        path = CONF.pci_ext.fake_inventory
        if path:
            hosts = inventory.load(path)
            if host not in hosts:
                raise exception.InvalidInventory(
                    path=path,
                    reason=f'it has no host {host}, only '
                    f'{", ".join(sorted(hosts))}',
                )
            self._pci_devices = hosts[host]
        super().init_host(host)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resources: dict[str, Any] = super().get_available_resource(nodename)
        resources['pci_passthrough_devices'] = jsonutils.dumps(
            self._pci_devices
        )
        return resources
