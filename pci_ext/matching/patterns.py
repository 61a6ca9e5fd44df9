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

"""Patterns over the values of properties of devices.

A pattern is matched against the whole value. It is a literal, a regular
expression in RE2 syntax, or ``*`` alone for any value. PCI ids and PCI
addresses have forms of their own, see `hex_ids` and `addresses`.
"""

from collections.abc import Callable
import functools

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import addresses
from pci_ext.matching import expressions
from pci_ext.matching import hex_ids

ANY = '*'

#: Characters in a pattern. Twice the longest value, so that every value has
#: a literal pattern even if each of its characters must be escaped.
MAX_LENGTH = 510

#: Patterns kept compiled. Bounds memory: RE2 uses up to
#: `expressions.MAX_MEMORY` bytes for each that is a regular expression.
COMPILED_PATTERNS = 512


# Properties with known values: Nova's device types, and the NUMA nodes that
# Linux supports at most (CONFIG_NODES_SHIFT is not greater than 10).
_VALUES = {
    'dev_type': ('type-PCI', 'type-PF', 'type-VF', 'vdpa'),
    'numa_node': tuple(map(str, range(1024))),
}
_SHOWN_VALUES = {
    'dev_type': ', '.join(_VALUES['dev_type']),
    'numa_node': '0, 1, 2, …',
}


class Pattern:
    """One compiled pattern.

    :ivar key: the property that the pattern is for
    :ivar text: the pattern as it was written
    :ivar matches: tells whether a value, a str, matches as a whole
    """

    __slots__ = ('key', 'matches', 'text')

    def __init__(
        self, key: str, text: str, matches: Callable[[str], bool]
    ) -> None:
        self.key = key
        self.text = text
        self.matches = matches

    def __repr__(self) -> str:
        return f'Pattern({self.key!r}, {self.text!r})'


def literal(text: str) -> str:
    """Return the text of a pattern that matches exactly `text`."""
    return expressions.escape(text)


@functools.lru_cache(maxsize=COMPILED_PATTERNS)
def compile_pattern(key: str, value: str) -> Pattern:
    """Compile the pattern `value` for the property `key`.

    :raises InvalidPattern: if the pattern is not acceptable
    """
    try:
        return Pattern(key, value, _matcher(key, value))
    except ValueError as error:
        raise exception.InvalidPattern(
            key=key, value=value[:MAX_LENGTH], reason=str(error)
        ) from None


def _matcher(key: str, text: str) -> Callable[[str], bool]:
    if len(text) > MAX_LENGTH:
        raise ValueError(_('it is longer than %d characters.') % MAX_LENGTH)
    if text == ANY:
        return _present
    if key in addresses.KEYS:
        return addresses.compile_address(text)
    if key in hex_ids.DIGITS:
        return hex_ids.compile_hex_id(key, text)
    wanted = expressions.unescape(text)
    matches = (
        expressions.compile_expression(text)
        if wanted is None
        else wanted.__eq__
    )
    if key in _VALUES and not any(map(matches, _VALUES[key])):
        raise ValueError(
            _('no value matches it; the values are %s.') % _SHOWN_VALUES[key]
        )
    return matches


def _present(value: str) -> bool:
    return True
