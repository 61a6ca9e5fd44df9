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

"""The values in a hardware file, read with errors that name the place."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import re
from typing import Any

from pci_ext.matching import addresses

_ADDRESS = re.compile(
    r'([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])', re.IGNORECASE
)


class InvalidCard(ValueError):
    """A part of a hardware file is not valid; the message names it."""


@dataclasses.dataclass(frozen=True)
class Address:
    """A PCI address: domain of up to 32 bits, and 16 bits of routing id."""

    domain: int
    routing_id: int

    @classmethod
    def parse(cls, text: str, where: str) -> 'Address':
        """Read a full address, as 0000:3b:00.0.

        :raises InvalidCard: if it is not one
        """
        match = _ADDRESS.fullmatch(text)
        if not match:
            raise InvalidCard(
                f'{where}: the address {text!r} is not like 0000:3b:00.0'
            )
        domain, bus, slot, function = (
            int(part, 16) for part in match.groups()
        )
        return cls(domain, bus << 8 | slot << 3 | function)

    def __str__(self) -> str:
        bus, slot = self.routing_id >> 8, self.routing_id >> 3 & 0x1F
        return addresses.format_address(
            (self.domain, bus, slot, self.routing_id & 7)
        )


def check_keys(value: Any, known: Collection[str], where: str) -> None:
    """Check that a value is an object with none but known keys."""
    if not isinstance(value, Mapping):
        raise InvalidCard(f'{where} is not an object')
    unknown = set(map(str, value)) - set(known)
    if unknown:
        raise InvalidCard(
            f'{where}: unknown key {min(unknown)!r}; known are '
            f'{", ".join(known)}'
        )


def hexadecimal(
    values: Mapping[str, Any], key: str, where: str, digits: int = 4
) -> str:
    """Return a value as hexadecimal digits, without 0x."""
    text = str(values.get(key))
    match = re.fullmatch(f'(?:0[xX])?([0-9a-fA-F]{{{digits}}})', text)
    if not match:
        raise InvalidCard(
            f'{where}: {key} is {text!r}, not {digits} hexadecimal digits'
        )
    return match[1].lower()


def integer(
    values: Mapping[str, Any], key: str, where: str, default: int | None = None
) -> int | None:
    """Return a value as a whole number, or the default if it is missing."""
    text = values.get(key)
    if text is None:
        return default
    if isinstance(text, bool) or not re.fullmatch('[0-9]{1,5}', str(text)):
        raise InvalidCard(f'{where}: {key} is {text!r}, not a whole number')
    return int(text)
