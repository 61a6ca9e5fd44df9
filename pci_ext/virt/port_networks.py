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

"""The networks of ports: their names, and the ports that have one.

A network has the one device of its port.
"""

from collections.abc import Mapping
from typing import Any

from nova.network import model
from oslo_config import cfg

CONF = cfg.CONF

#: VNIC types of ports that may have a network of their own.
VNIC_TYPES = (model.VNIC_TYPE_DIRECT, model.VNIC_TYPE_MACVTAP)

PREFIX = 'pci-ext-'

_UUID_LENGTH = 36


def needs_network(vif: Mapping[str, Any]) -> bool:
    """Return whether a port is plugged by a network of its own.

    :param vif: Nova's VIF of the port
    """
    return CONF.pci_ext.port_plug == 'network' and may_have_network(vif)


def may_have_network(vif: Mapping[str, Any]) -> bool:
    """Return whether a port can be plugged by a network of its own.

    :param vif: Nova's VIF of the port
    """
    return bool(
        vif['type'] == model.VIF_TYPE_HW_VEB
        and vif['vnic_type'] in VNIC_TYPES
        and (vif.get('profile') or {}).get('pci_slot')
    )


def name_of(server_uuid: str, port_id: str) -> str:
    """Return the name of the network of a port."""
    return f'{PREFIX}{server_uuid}-{port_id}'


def server_of(name: str) -> str | None:
    """Return the uuid of the server of a network; None if it is not ours."""
    uuids = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or len(uuids) != 2 * _UUID_LENGTH + 1:
        return None
    return uuids[:_UUID_LENGTH]
