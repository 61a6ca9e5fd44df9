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

"""Patterns of PCI addresses, DOMAIN:BUS:SLOT.FUNCTION in hexadecimal.

Full or partial addresses, where a field that is missing, empty or ``*``
matches any, as in Nova's ``device_spec``; a regular expression for a field;
or an inclusive range of addresses.
"""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import re

from pci_ext.i18n import _
from pci_ext.matching import expressions

#: Properties that are PCI addresses.
KEYS = frozenset(('address', 'parent_addr'))

Address = tuple[int, ...]

# The greatest value and the format of each field. Linux gives domains of 32
# bits to devices behind Intel VMD and Hyper-V; the other widths are those of
# the PCI Local Bus Specification 3.0, 3.2.2.3.2.
_FIELDS = (
    ('domain', 0xFFFFFFFF, '%04x'),
    ('bus', 0xFF, '%02x'),
    ('slot', 0x1F, '%02x'),
    ('function', 0x7, '%x'),
)
_ADDRESS = re.compile(
    '(?:(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):)?([0-9a-f]{1,2})[.]([0-9a-f])',
    re.IGNORECASE,
)
_NODE_DEVICE = re.compile(
    'pci_([0-9a-f]{4,8})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])'
)
_HEX = re.compile('[0-9a-f]+', re.IGNORECASE)
# A bracket that comes first is in the class. Each text is read in one way: in
# two, the time would double with each class of an unfinished group.
_CLASS_TEXT = r'\[(?:\^?\]|\^?[^\]^]|\^\^)[^\]]*\]'
_CLASS = re.compile(_CLASS_TEXT)
_GROUP_OR_CLASS = re.compile(rf'{_CLASS_TEXT}|\((?:[^()\[]|{_CLASS_TEXT})*\)')
_SPECIAL = re.compile(r'[\\.+*?()|\[\]{}^$]')

_Test = Callable[[int], bool] | None


def format_address(fields: Address) -> str:
    """Write an address in full, as Nova does: ``0000:06:00.1``."""
    return '%04x:%02x:%02x.%x' % fields


def node_device_name(address: str) -> str:
    """Return libvirt's name of the device at an address.

    :param address: an address in full, as ``0000:06:00.1``
    """
    return 'pci_' + re.sub('[:.]', '_', address)


def address_of_node_device(name: str) -> str | None:
    """Return the address in libvirt's name of a PCI device.

    :returns: None for the name of another device
    """
    found = _NODE_DEVICE.fullmatch(name)
    return '{}:{}:{}.{}'.format(*found.groups()) if found else None


def parse_address(text: str) -> Address:
    """Return the fields of an address as numbers.

    :param text: an address, of which the domain or the domain and the bus
        may be missing
    :returns: the fields that are there: 4, 3 or 2 numbers
    :raises ValueError: with a reason to show
    """
    match = _ADDRESS.fullmatch(text)
    if not match:
        raise ValueError(
            _('%r is not a PCI address such as 0000:06:00.1.') % text
        )
    fields = [int(field, 16) for field in match.groups() if field is not None]
    for (name, greatest, _format), number in zip(
        _FIELDS[-len(fields) :], fields, strict=True
    ):
        _check(name, number, greatest)
    return tuple(fields)


def compile_address(text: str) -> Callable[[str], bool]:
    """Return a function that tells whether an address matches.

    :param text: a full or partial address, possibly with patterns for its
        fields, or a range
    :raises ValueError: with a reason to show
    """
    if '-' in _CLASS.sub('', text):
        test = _compile_range(text)
    else:
        test = _compile_fields(text)

    @functools.lru_cache(maxsize=expressions.REMEMBERED_VALUES)
    def matches(value: str) -> bool:
        try:
            fields = parse_address(value)
        except ValueError:
            return False
        if len(fields) == 3:
            fields = (0, *fields)
        return len(fields) == 4 and test(fields)

    return matches


def _compile_range(text: str) -> Callable[[Address], bool]:
    start_text, _dash, end_text = text.partition('-')
    start = parse_address(start_text.strip())
    end = parse_address(end_text.strip())
    if len(start) != len(end):
        raise ValueError(
            _(
                'both ends of a range must name the same fields, as in '
                '0000:06:00.0-0000:06:01.7.'
            )
        )
    if end < start:
        raise ValueError(_('the range ends before it starts.'))
    skipped = 4 - len(start)
    return lambda fields: start <= fields[skipped:] <= end


def _compile_fields(text: str) -> Callable[[Address], bool]:
    # The dot between slot and function is certain only if it is the only one
    # or escaped. A wrong reading has a field that no number matches.
    readings = []
    problem: ValueError | None = None
    for fields in _split(text):
        try:
            readings.append(_compile_reading(fields))
        except ValueError as error:
            problem = problem or error
    if problem and not readings:
        raise problem
    return lambda address: any(
        all(test(address[index]) for index, test in tests)
        for tests in readings
    )


def _split(text: str) -> Iterator[list[str]]:
    """Return the ways to read `text` as four fields, the likeliest first."""
    if not text.strip():
        raise ValueError(_('it is empty; write * for any address.'))
    # Groups and classes are masked so that the signs in them do not separate.
    masked = _GROUP_OR_CLASS.sub(lambda m: 'x' * len(m[0]), text)
    colons = [at for at, sign in enumerate(masked) if sign == ':']
    if len(colons) > 2:
        raise ValueError(
            _('it has more fields than DOMAIN:BUS:SLOT.FUNCTION.')
        )
    starts = [0, *(at + 1 for at in colons)]
    ends = [*colons, len(text)]
    parts = [text[a:b] for a, b in zip(starts, ends, strict=True)]
    leading = ['', '', *parts[:-1]][-2:]
    last, masked_last = parts[-1], masked[starts[-1] :]
    escaped = masked_last.rfind('\\.')
    if escaped >= 0:
        yield [*leading, last[:escaped], last[escaped + 2 :]]
        return
    dots = [at for at, sign in enumerate(masked_last) if sign == '.']
    for at in reversed(dots):
        yield [*leading, last[:at], last[at + 1 :]]
    if not dots:
        yield [*leading, last, '']


def _compile_reading(
    fields: list[str],
) -> list[tuple[int, Callable[[int], bool]]]:
    tests = []
    for index, field in enumerate(fields):
        test = _compile_field(index, field.strip())
        if test is not None:
            tests.append((index, test))
    return tests


def _compile_field(index: int, text: str) -> _Test:
    if text in ('', '*'):
        return None
    name, greatest, form = _FIELDS[index]
    if _HEX.fullmatch(text):
        wanted = int(text, 16)
        _check(name, wanted, greatest)
        return wanted.__eq__
    if ':' in text.replace('(?:', '(') or not _SPECIAL.search(text):
        raise ValueError(
            _('the %(name)s, %(text)r, is not a hexadecimal number.')
            % {'name': name, 'text': text}
        )
    try:
        expression = expressions.compile_expression(text, ignore_case=True)
    except ValueError as error:
        raise ValueError(
            _('the %(name)s, %(text)r: %(reason)s')
            % {'name': name, 'text': text, 'reason': error}
        ) from None
    # Domains are too many to try, and few patterns are for them.
    if greatest <= 0xFF and not any(
        expression(form % number) for number in range(greatest + 1)
    ):
        raise ValueError(
            _('the %(name)s, %(text)r: no %(name)s matches it.')
            % {'name': name, 'text': text}
        )
    return lambda number: expression(form % number)


def _check(name: str, number: int, greatest: int) -> None:
    if number > greatest:
        raise ValueError(
            _('the %(name)s %(number)x is greater than %(greatest)x.')
            % {'name': name, 'number': number, 'greatest': greatest}
        )
