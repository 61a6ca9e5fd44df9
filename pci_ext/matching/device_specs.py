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

"""Device specs: the devices that a host offers, and their attributes."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
from typing import Any

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import addresses
from pci_ext.matching import grouping
from pci_ext.matching import request_grammar
from pci_ext.matching import selectors

#: The attribute with the name of a device of pci_devices.
NAME_ATTRIBUTE = 'e.name'

#: The attribute that names the physical network of a device.
PHYSICAL_NETWORK = 'e.physical_network'

_TAG = _('it is a tag for [pci] device_spec, not a property of a device.')

# Keys of Nova's device_spec that are no properties of devices.
_WORDS_OF_NOVA = {
    'physical_network': _(
        'write e.physical_network into the second object, the attributes.'
    ),
    'trusted': _('write e.trusted into the second object, the attributes.'),
    'device_type': _('write dev_type.'),
    'devname': _('write address, or parent_addr for virtual functions.'),
    'managed': _TAG,
    'live_migratable': _TAG,
    'one_time_use': _TAG,
    'remote_managed': _TAG,
    'resource_class': _('write it into the second object.'),
    'traits': _('write it into the second object.'),
}

#: Keys of the second object that are no attributes: where devices are in
#: Placement, the resource class of a device, and its traits with commas
#: between them, as in Nova's device_spec.
PLACEMENT_KEYS = frozenset({'resource_class', 'traits'})

#: Characters in the key and in the value of an attribute.
MAX_ATTRIBUTE_LENGTH = 255

#: Bytes that all attributes of an entry take as JSON. Nova keeps them with
#: others in one column, whose type holds 65535 in MySQL.
MAX_ATTRIBUTES_SIZE = 16384

#: Characters in an entry.
MAX_ENTRY_LENGTH = 65535


@dataclasses.dataclass(frozen=True)
class DeviceSpec:
    """An entry of the devices that a host offers.

    :ivar selector: the devices that are offered
    :ivar attributes: attributes given to them, by key
    :ivar placement: their resource class and traits in Placement, if given
    """

    selector: selectors.Selector
    attributes: Mapping[str, str]
    placement: Mapping[str, str] = dataclasses.field(default_factory=dict)


def parse_pci_information(entry: str) -> DeviceSpec:
    """Parse ``[{selector}, {attributes}]``, an entry of pci_information.

    :raises InvalidPciInformation: with the entry and the reason
    """
    try:
        return _parse_pair(_load(entry))
    except (
        ValueError,
        exception.InvalidPattern,
        exception.InvalidSelector,
    ) as error:
        raise _invalid('pci_information', entry, error) from None


def parse_pci_devices(items: Sequence[str]) -> tuple[DeviceSpec, ...]:
    """Parse the items ``ADDRESS|NAME`` of pci_devices.

    An address names one slot here; without a domain it is in domain 0000, as
    in `pci.devices` of CloudStack, the source of this format.

    :raises InvalidPciInformation: with the item and the reason
    """
    specs: dict[str, DeviceSpec] = {}
    for item in items:
        try:
            address, name = _parse_named(item)
            if address in specs:
                raise ValueError(_('this device already has a name.'))
            specs[address] = DeviceSpec(
                selectors.Selector({'address': address}),
                {NAME_ATTRIBUTE: name},
            )
        except (ValueError, exception.InvalidPciFlavor) as error:
            raise _invalid('pci_devices', item, error) from None
    return tuple(specs.values())


def _load(entry: str) -> Any:
    if len(entry) > MAX_ENTRY_LENGTH:
        raise ValueError(
            _('it is longer than %d characters.') % MAX_ENTRY_LENGTH
        )
    try:
        return json.loads(entry, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(_('it is not JSON: %s.') % error) from None
    except RecursionError:
        raise ValueError(_('it is nested too deeply.')) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) < len(pairs):
        raise ValueError(_('an object in it has a key twice.'))
    return items


def _parse_pair(pair: Any) -> DeviceSpec:
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or not all(isinstance(item, dict) for item in pair)
    ):
        raise ValueError(
            _(
                'it is not a list of two objects, the selector and the '
                'attributes, as in [{"vendor_id": "8086"}, {"e.group": '
                '"gpu"}].'
            )
        )
    specs, given = pair
    for key in specs:
        _check_selected(key)
    for key, value in given.items():
        _check_attribute(key, value)
    attributes = {
        key: value for key, value in given.items() if key not in PLACEMENT_KEYS
    }
    placement = {
        key: value for key, value in given.items() if key in PLACEMENT_KEYS
    }
    if len(json.dumps(attributes)) > MAX_ATTRIBUTES_SIZE:
        raise ValueError(
            _('the attributes together take more than %d bytes.')
            % MAX_ATTRIBUTES_SIZE
        )
    return DeviceSpec(selectors.Selector(specs), attributes, placement)


def _check_selected(key: str) -> None:
    """Refuse a key that no device has before it belongs to an entry."""
    reason = None
    if key in _WORDS_OF_NOVA:
        reason = _WORDS_OF_NOVA[key]
    elif key.startswith(grouping.ATTRIBUTE_PREFIX):
        reason = _(
            'a device has attributes by its entry only: write it into the '
            'second object.'
        )
    if reason:
        raise ValueError(
            _('selector %(key)r: %(reason)s')
            % {'key': key[:MAX_ATTRIBUTE_LENGTH], 'reason': reason}
        )


def _check_attribute(key: str, value: object) -> None:
    reason = None
    name = key.removeprefix(grouping.ATTRIBUTE_PREFIX)
    if name == key and key not in PLACEMENT_KEYS:
        reason = _('its key does not start with "e.".')
    elif not name or not name.isprintable() or set(name) & set(' ,'):
        # A comma or space would not go into the list pci_flavor_attrs.
        reason = _('its key needs a name after "e.", without " " and ",".')
    elif not isinstance(value, str):
        reason = _('its value must be a string, so write "1" for 1.')
    elif max(len(key), len(value)) > MAX_ATTRIBUTE_LENGTH:
        reason = (
            _('its key or value is longer than %d characters.')
            % MAX_ATTRIBUTE_LENGTH
        )
    elif not value:
        # Nova's pools do not tell an empty value from none.
        reason = _('its value is empty.')
    elif not value.isprintable():
        reason = _('its value has characters that cannot be printed.')
    if reason:
        raise ValueError(
            _('attribute %(key)r: %(reason)s')
            % {'key': key[:MAX_ATTRIBUTE_LENGTH], 'reason': reason}
        )


def _parse_named(item: str) -> tuple[str, str]:
    address, bar, name = (part.strip() for part in item.partition('|'))
    if not bar:
        raise ValueError(_('write ADDRESS|NAME, as in 28:00.1|10GE.'))
    fields = addresses.parse_address(address)
    if len(fields) < 3:
        raise ValueError(_('the address has no bus.'))
    if len(fields) == 3:
        fields = (0, *fields)
    request_grammar.validate_name(name)
    return addresses.format_address(fields), name


def _invalid(
    option: str, entry: str, error: Exception
) -> exception.InvalidPciInformation:
    return exception.InvalidPciInformation(
        option=option, entry=entry[:1024], reason=str(error)
    )
