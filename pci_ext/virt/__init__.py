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

"""The compute drivers of pci_ext, each imported when it is first used.

A host with a simulated hypervisor need not have libvirt installed, and a host
with libvirt need not have the packages of the simulation.
"""

import importlib
from typing import Any

#: The modules of the drivers, by the names for ``compute_driver``.
_DRIVERS = {
    'LibvirtDriver': 'pci_ext.virt.libvirt.driver',
    'FakeDriver': 'pci_ext.virt.fake.driver',
}


def __getattr__(name: str) -> Any:
    if name not in _DRIVERS:
        raise AttributeError(
            f'pci_ext has no {name}: the value of [DEFAULT] compute_driver is '
            f'one of {", ".join(f"pci_ext.{each}" for each in _DRIVERS)}',
            name=name,
        )
    return getattr(importlib.import_module(_DRIVERS[name]), name)
