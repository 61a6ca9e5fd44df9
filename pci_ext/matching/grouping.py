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

"""Pools: devices of a host that are alike in the grouping attributes."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from pci_ext.matching import selectors

_Pool = TypeVar('_Pool', bound=Mapping[str, Any])

#: Operator-given attributes have keys that start so.
ATTRIBUTE_PREFIX = 'e.'

#: Stands for all attributes in a list of grouping attributes.
ALL_ATTRIBUTES = 'extra_info'

#: Key of a pool that lists, separated by commas, those of its attributes
#: that only a selector naming them may match. Every pool of a host with
#: pci_ext has it, and no pool of another.
SPECIAL_ATTRS = 'special_attrs'

#: Key of a pool with the address of the physical function that its devices
#: are or belong to.
ADDRESS = 'address'

DEV_TYPE = 'dev_type'

#: The device type of a physical function.
PF = 'type-PF'


class RecordedPools(tuple[dict[str, Any], ...]):
    """The pools of a host as they are on record, not to be changed.

    Hosts with equal records share them, so they are compared by identity.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: object) -> 'RecordedPools':
        return self


def selectable(pools: Sequence[_Pool]) -> Sequence[_Pool]:
    """Return the pools of a host from which PCI flavors select.

    :param pools: as the host reports them
    :returns: none for a host without pci_ext: it would refuse each claim
    """
    return pools if pools and SPECIAL_ATTRS in pools[0] else ()


def pool_properties(
    properties: Mapping[str, str | None],
    attributes: Mapping[str, str],
    attrs: Sequence[str],
) -> dict[str, str]:
    """Return the grouping attributes that the pool of a device has.

    Devices are in the same pool if this is equal for them.

    :param properties: those that the hypervisor reports of the device
    :param attributes: those of its device spec
    :param attrs: the grouping attributes, option ``pci_flavor_attrs``
    :returns: values by key, without those that the device does not have
    """
    found: dict[str, str] = {}
    for attr in attrs:
        if attr == ALL_ATTRIBUTES:
            found.update(attributes)
            continue
        key = selectors.SYNONYMS.get(attr, attr)
        source = attributes if key.startswith(ATTRIBUTE_PREFIX) else properties
        value = source.get(key)
        if value is not None:
            found[key] = value
    return found


def properties_of(pool: Mapping[str, Any]) -> dict[str, str]:
    """Return the properties of a reported pool by which PCI flavors select.

    Nova's pools always have vendor_id and product_id, which are empty where a
    host does not group by them.
    """
    return {
        key: text
        for key, value in pool.items()
        if (text := text_of(key, value)) is not None
    }


def text_of(key: str, value: Any) -> str | None:
    """Return a value of a pool as patterns match it.

    :returns: None if it is no property of the devices
    """
    return None if key == 'count' or value in (None, '') else str(value)


def exclusions(
    pools: Sequence[Mapping[str, Any]],
) -> tuple[tuple[int, int], ...]:
    """Find the pools that exclude each other.

    A physical function cannot be given away while one of its virtual
    functions is, nor the other way round (PCI SR-IOV: the virtual functions
    are gone once the guest resets the physical one).

    :returns: pairs of indices, of a physical function and of its functions
    """
    whole = {
        pool[ADDRESS]: index
        for index, pool in enumerate(pools)
        if pool.get(DEV_TYPE) == PF and ADDRESS in pool
    }
    if not whole:
        return ()
    return tuple(
        (whole[pool[ADDRESS]], index)
        for index, pool in enumerate(pools)
        if pool.get(DEV_TYPE) != PF and pool.get(ADDRESS) in whole
    )
