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

"""The grammar of PCI requests in Nova flavor extra specs.

``1:IntelGPU,NvGPU;1:QuickAssist`` requests one device of IntelGPU or else of
NvGPU, and for one of QuickAssist.
"""

from collections.abc import Iterable
import dataclasses

from pci_ext import exception
from pci_ext.i18n import _

#: Devices that all the requests of one text may ask for together.
MAX_COUNT = 256

#: Alternatives in one request.
MAX_ALTERNATIVES = 32

#: Characters in the name of a PCI flavor.
MAX_NAME_LENGTH = 255

#: The name under which the API shows the attributes for PCI flavors.
RESERVED_NAME = '_flavor_attrs'

_SEPARATORS = ',;:'


@dataclasses.dataclass(frozen=True)
class Request:
    """A number of devices, each of one of the alternatives.

    :ivar count: devices asked for, 1 to `MAX_COUNT`
    :ivar alternatives: names of PCI flavors in order of preference
    """

    count: int
    alternatives: tuple[str, ...]

    def __str__(self) -> str:
        return f'{self.count}:{",".join(self.alternatives)}'


def validate_name(name: str) -> None:
    """Check the name of a PCI flavor.

    :raises InvalidPciFlavor: if a request could not use it, or the API not
        tell it from an id
    """
    reason = _name_problem(name)
    if reason:
        raise exception.InvalidPciFlavor(field='name', reason=reason)


def parse_requests(text: str) -> tuple[Request, ...]:
    """Parse ``[COUNT:]NAME[,NAME]...[;...]``; a ``;`` may end it.

    :raises MalformedPciRequest: naming the part that is wrong
    """
    items = text.split(';')
    if len(items) > 1 and not items[-1].strip():
        del items[-1]
    # Before the items are looked at, so that a long text costs little.
    _check_total(text, len(items))
    requests = tuple(_parse_request(text, item.strip()) for item in items)
    _check_total(text, sum(request.count for request in requests))
    return requests


def format_requests(requests: Iterable[Request]) -> str:
    """Write requests so that `parse_requests` gives them back."""
    return ';'.join(str(request) for request in requests)


def parse_names(text: str) -> tuple[str, ...]:
    """Parse ``NAME[,NAME]...``: a device for each time a name is given.

    :raises MalformedPciRequest: naming the part that is wrong
    """
    items = text.split(',')
    _check_total(text, len(items))
    return tuple(_parse_name(text, item) for item in items)


def _parse_request(text: str, item: str) -> Request:
    if not item:
        raise _invalid(text, _('a request in it is empty, write COUNT:NAME.'))
    count_text, colon, names = item.rpartition(':')
    count = _parse_count(item, count_text.strip()) if colon else 1
    parts = names.split(',')
    if len(parts) > MAX_ALTERNATIVES:
        raise _invalid(
            item, _('it has more than %d alternatives.') % MAX_ALTERNATIVES
        )
    alternatives = tuple(_parse_name(item, part) for part in parts)
    if len(set(alternatives)) < len(alternatives):
        raise _invalid(item, _('it names an alternative twice.'))
    return Request(count, alternatives)


def _parse_count(item: str, text: str) -> int:
    # No number of more than 9 digits is a count; int() refuses thousands.
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _invalid(
            item, _('%r is not a count, write COUNT:NAME.') % text[:255]
        )
    count = int(text)
    if not 1 <= count <= MAX_COUNT:
        raise _invalid(
            item,
            _('the count %(count)d is not from 1 to %(limit)d.')
            % {'count': count, 'limit': MAX_COUNT},
        )
    return count


def _parse_name(item: str, text: str) -> str:
    name = text.strip()
    reason = _name_problem(name)
    if reason:
        raise _invalid(
            item,
            _('the name %(name)r is not acceptable: %(reason)s')
            % {'name': name[:MAX_NAME_LENGTH], 'reason': reason},
        )
    return name


def _name_problem(name: str) -> str | None:
    if not name:
        return _('it is empty.')
    if len(name) > MAX_NAME_LENGTH:
        return _('it is longer than %d characters.') % MAX_NAME_LENGTH
    if name != name.strip():
        return _('it has white space at its ends.')
    if name.isdigit():
        return _('it is all digits.')
    if any(sign in name for sign in _SEPARATORS):
        return _('it has one of the characters , ; or : in it.')
    if not name.isprintable():
        return _('it has characters that cannot be printed.')
    if name == RESERVED_NAME:
        return _('it is reserved.')
    return None


def _check_total(text: str, total: int) -> None:
    if total > MAX_COUNT:
        raise _invalid(
            text, _('it requests more than %d devices.') % MAX_COUNT
        )


def _invalid(text: str, reason: str) -> exception.MalformedPciRequest:
    return exception.MalformedPciRequest(request=text[:255], reason=reason)
