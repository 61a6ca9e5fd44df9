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

"""The devices of a host as a tree: NUMA nodes, cards, functions.

The functions of a card have the same address but for its last part, and the
virtual functions of a card have the address of their physical function on
record.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
from typing import Any

Device = Mapping[str, Any]


@dataclasses.dataclass
class Function:
    """A function of a card.

    :ivar device: None for a physical function that the host does not offer
    :ivar virtual: its virtual functions
    """

    address: str
    device: Device | None = None
    virtual: list[Device] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Card:
    """A card, or a device without neighbours.

    :ivar address: the address of its functions without their last part
    """

    address: str
    functions: list[Function]


@dataclasses.dataclass
class NumaNode:
    """The cards of a NUMA node.

    :ivar number: None for cards of which it is not known
    """

    number: int | None
    cards: list[Card]


def build(devices: Iterable[Device]) -> list[NumaNode]:
    """Arrange the devices of one host."""
    functions: dict[tuple[int | None, str], Function] = {}
    for device in sorted(devices, key=lambda device: device['address']):
        address = device['parent_addr'] or device['address']
        function = functions.setdefault(
            (device['numa_node'], address), Function(address)
        )
        if device['parent_addr']:
            function.virtual.append(device)
        else:
            function.device = device
    cards: dict[tuple[int | None, str], Card] = {}
    for (number, address), function in sorted(
        functions.items(), key=lambda item: item[0][1]
    ):
        card_address = address.rpartition('.')[0]
        card = cards.setdefault((number, card_address), Card(card_address, []))
        card.functions.append(function)
    nodes: dict[int | None, NumaNode] = {}
    for (number, _address), card in cards.items():
        nodes.setdefault(number, NumaNode(number, [])).cards.append(card)
    # Cards without a node come last.
    return sorted(
        nodes.values(), key=lambda node: (node.number is None, node.number)
    )
