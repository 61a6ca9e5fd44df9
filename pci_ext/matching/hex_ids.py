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

"""Patterns of PCI ids, which are hexadecimal numbers.

sysfs and libvirt write ``0x10DE``, Nova writes ``10de``: ids are compared
without case and without ``0x``.
"""

from collections.abc import Callable
import functools
import re

from pci_ext.i18n import _
from pci_ext.matching import expressions

#: Properties that are PCI ids, with their number of digits.
#: PCI Local Bus Specification 3.0, 6.2.1 Device Identification.
DIGITS = {'vendor_id': 4, 'product_id': 4, 'device_id': 4, 'class': 6}

# Base class and subclass, without the programming interface, as lspci -nn
# writes a class.
_CLASS, _CLASS_DIGITS = 'class', 4
_HEX = re.compile('[0-9a-f]+')

# Every id of four digits, a line each: one pass of RE2 tells whether an
# expression matches any of them.
_ALL_IDS = '\n'.join(f'{number:04x}' for number in range(0x10000))
_TEXT_ANCHORS = ('\\A', '\\z', '\\Q')

# Escapes and character classes are passed over; a 0x where a branch of the
# expression begins is the prefix of an id, unless it is quantified.
_PREFIX = re.compile(
    r'\\.'
    r'|\[\^?\]?(?:\\.|[^\]\\])*\]'
    r'|(^|\||\((?:\?[^:>()]*[:>])?|\(\?[a-zA-Z-]+\))(\^?)0[xX](?![?*+{])',
    re.DOTALL,
)


def compile_hex_id(key: str, text: str) -> Callable[[str], bool]:
    """Return a function that tells whether an id matches.

    :param key: the property, of `DIGITS`
    :param text: a literal, with or without leading zeros, or a regular
        expression; a class of four digits is class and subclass
    :raises ValueError: with a reason to show
    """
    digits = DIGITS[key]
    literal = expressions.unescape(text)
    if literal is None:
        return _compile_expression(key, _PREFIX.sub(_drop_prefix, text))

    wanted = _bare(literal)
    if not wanted:
        raise ValueError(_('it is empty; write a hexadecimal number.'))
    if not _HEX.fullmatch(wanted) or len(wanted) > digits:
        raise ValueError(
            _('it is not a hexadecimal number of up to %d digits.') % digits
        )
    if key == _CLASS:
        if len(wanted) not in (_CLASS_DIGITS, digits):
            raise ValueError(
                _(
                    'write 4 digits, class and subclass, or 6, with the '
                    'programming interface.'
                )
            )
        return lambda value: (
            _bare(value).rjust(digits, '0')[: len(wanted)] == wanted
        )
    wanted = wanted.rjust(digits, '0')

    @functools.lru_cache(maxsize=expressions.REMEMBERED_VALUES)
    def matches(value: str) -> bool:
        return _bare(value).rjust(digits, '0') == wanted

    return matches


def _compile_expression(key: str, text: str) -> Callable[[str], bool]:
    expression = expressions.compile_expression(text, ignore_case=True)
    if key == _CLASS:
        return lambda value: (
            expression(_bare(value))
            or expression(_bare(value)[:_CLASS_DIGITS])
        )
    if not any(anchor in text for anchor in _TEXT_ANCHORS):
        anyone = expressions.compile_search(f'(?m)^(?:{text})$')
        if not anyone(_ALL_IDS):
            raise ValueError(
                _('no hexadecimal number of %d digits matches it.')
                % DIGITS[key]
            )
    return lambda value: expression(_bare(value))


def _bare(text: str) -> str:
    return text.lower().removeprefix('0x')


def _drop_prefix(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    return match[1] + match[2]
