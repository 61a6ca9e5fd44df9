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

"""The hosts of a random life: hardware, offers and faults, and their changes.

Two hosts have their devices at the same addresses, so that a device of the one
can be taken for that of the other. The third has addresses of its own, so that
such a mistake shows.
"""

import os
from typing import Any

import yaml

from pci_ext.tests.functional import process

VENDOR = '8086'

#: Product ids: those of the PCI flavors a, b and c, and that of the alias.
A, B, C, CRYPTO = '0001', '0002', '0003', '0443'

#: The product ids of the devices at the start.
_SLOTS = {
    '01:00.0': A,
    '02:00.0': A,
    '03:00.0': B,
    '04:00.0': C,
    '05:00.0': CRYPTO,
}

_DOMAINS = {'host-1': '0000', 'host-2': '0000', 'host-3': '0001'}

HOSTS = tuple(_DOMAINS)

#: By host and address, the product id of the device there at the start.
USUAL = {
    host: {f'{domain}:{slot}': model for slot, model in _SLOTS.items()}
    for host, domain in _DOMAINS.items()
}

#: Entries of pci_information, and the product ids that each offers.
OFFERS: dict[str, tuple[str, frozenset[str]]] = {
    'all': ('[{"vendor_id": "8086"}, {}]', frozenset((A, B, C, CRYPTO))),
    'no b': (
        '[{"product_id": "0001|0003|0443"}, {}]',
        frozenset((A, C, CRYPTO)),
    ),
    'no a': (
        '[{"product_id": "0002|0003|0443"}, {}]',
        frozenset((B, C, CRYPTO)),
    ),
    'group': (
        '[{"vendor_id": "8086"}, {"e.group": "one"}]',
        frozenset((A, B, C, CRYPTO)),
    ),
}

CONFIG = """
[DEFAULT]
update_resources_interval = 6
running_deleted_instance_poll_interval = 6
periodic_fuzzy_delay = 0
sync_power_state_interval = -1
max_concurrent_live_migrations = 4
rpc_response_timeout = 20
long_rpc_timeout = 20

[pci_ext]
pci_information = {offer}
reattach_attempts = 3
reattach_delay = 0.3
fake_faults = {faults}

[filter_scheduler]
pci_in_placement = {is_chosen}

[pci]
report_in_placement = {is_reported}
alias = {{"vendor_id": "8086", "product_id": "{alias}", "name": "crypto", \
"device_type": "type-PCI"}}
"""

#: Values for what Placement knows of the devices: nothing, the devices and
#: their allocations, or also the requests by alias, whose devices it chooses.
NOTHING, REPORTED, CHOSEN = 'nothing', 'reported', 'chosen'

#: Seconds that the driver waits for a guest to release a device.
DETACH_TIMEOUT = 0.2


class Hosts:
    """The hosts of one cloud.

    :param directory: for the file of faults
    :param placement: what Placement knows of the devices
    """

    def __init__(self, directory: str, placement: str) -> None:
        self.is_reported = placement != NOTHING
        self.is_chosen = placement == CHOSEN
        self._faults_path = f'{directory}/faults.yaml'
        #: By host and address, the product id of the device there.
        self.models = {host: dict(found) for host, found in USUAL.items()}
        self._offer = 'all'
        self._faults: dict[str, Any] = {}
        self._write_faults()

    @property
    def config(self) -> str:
        return CONFIG.format(
            offer=OFFERS[self._offer][0],
            faults=self._faults_path,
            is_reported=self.is_reported,
            is_chosen=self.is_chosen,
            # What Placement chooses is shared with a PCI flavor.
            alias=A if self.is_chosen else CRYPTO,
        )

    @property
    def cards(self) -> dict[str, list[dict[str, Any]]]:
        """Return the cards of each host, as in a hardware file."""
        return {
            host: [
                {
                    'vendor_id': VENDOR,
                    'product_id': product_id,
                    'address': address,
                    'class': '030200',
                }
                for address, product_id in models.items()
            ]
            for host, models in self.models.items()
        }

    def offered(self, host: str) -> dict[str, str]:
        """Return by address the product ids of the devices on offer."""
        offered = OFFERS[self._offer][1]
        return {
            address: product_id
            for address, product_id in self.models[host].items()
            if product_id in offered
        }

    def offer(self, cloud: process.AllInOne, name: str) -> None:
        """Change the devices that the hosts offer."""
        self._offer = name
        cloud.write_config(self.config)

    def change(
        self, cloud: process.AllInOne, host: str, address: str, new: str | None
    ) -> None:
        """Put another device into a slot.

        :param new: its product id; None leaves the slot empty
        """
        self.models[host].pop(address, None)
        if new is not None:
            self.models[host][address] = new
        cloud.write_hardware(self.cards)

    def inject(self, **faults: Any) -> None:
        """Replace the faults of guests and hypervisors."""
        self._faults = faults
        self._write_faults()

    def _write_faults(self) -> None:
        # A process must not read a partly written file.
        new = f'{self._faults_path}.new'
        with open(new, 'w', encoding='utf-8') as stream:
            yaml.safe_dump({'timeout': DETACH_TIMEOUT, **self._faults}, stream)
        os.replace(new, self._faults_path)
