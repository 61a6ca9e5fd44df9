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

# Escapes and character classes are passed over; a 0x where a branch of the
# expression begins is the prefix of an id, unless it is quantified.
_PREFIX = re.compile(
    r'\\.'
    r'|\[\^?\]?(?:\\.|[^\]\\])*\]'
    r'|(^|\||\((?:\?[^:>()]*[:>])?|\(\?[a-zA-Z-]+\))(\^?)0[xX](?![?*+{])',
    re.DOTALL,
)


def compile_hex_id(text: str, digits: int) -> Callable[[str], bool]:
    """Return a function that tells whether an id matches.

    :param text: a literal, with or without leading zeros, or a regular
        expression
    :param digits: digits of such an id when written in full
    :raises ValueError: with a reason to show
    """
    literal = expressions.unescape(text)
    if literal is None:
        without_prefix = _PREFIX.sub(_drop_prefix, text)
        expression = expressions.compile_expression(
            without_prefix, ignore_case=True
        )
        return lambda value: expression(_bare(value))

    wanted = _bare(literal)
    if not wanted:
        raise ValueError(_('it is empty; write a hexadecimal number.'))
    wanted = wanted.rjust(digits, '0')

    @functools.lru_cache(maxsize=expressions.REMEMBERED_VALUES)
    def matches(value: str) -> bool:
        return _bare(value).rjust(digits, '0') == wanted

    return matches


def _bare(text: str) -> str:
    return text.lower().removeprefix('0x')


def _drop_prefix(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    return match[1] + match[2]
