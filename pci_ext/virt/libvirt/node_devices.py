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

"""The model of a device in libvirt's description of a node device.

An address names a slot, and the firmware may number the slots anew when a
card is added: the device at an address can be another one than before.
"""

from typing import Any

from lxml import etree


def model_of(xml: str) -> tuple[str, str]:
    """Return the vendor id and the product id of a device, as Nova has them.

    :param xml: libvirt's description of the node device
    """
    device: Any = etree.fromstring(xml)
    capability = device.find("capability[@type='pci']")
    vendor_id, product_id = (
        f'{int(capability.find(name).get("id"), 0):04x}'
        for name in ('vendor', 'product')
    )
    return vendor_id, product_id
