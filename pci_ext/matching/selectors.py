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

"""Selectors: patterns by property."""

from collections.abc import Callable
from collections.abc import Mapping

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import patterns

#: Characters in a key.
MAX_KEY_LENGTH = 255

#: Other names of properties.
SYNONYMS = {'device_id': 'product_id'}

#: Keys that name one machine or slot, and keys of a request's spec that select
#: nothing: not for PCI flavors, which are for the whole cloud.
_NOT_FOR_FLAVORS = frozenset(
    (
        'address',
        'parent_addr',
        'dev_id',
        'host',
        'compute_node_id',
        'pci_flavor',
        'live_migration',
    )
)

#: Keys that mean something else to Nova or in a request than a property.
_RESERVED = {
    'pci_name': _('it names a device of [pci_ext] pci_devices in requests.'),
    'live_migratable': _(
        'the live migration policy of the PCI flavor decides instead.'
    ),
    'one_time_use': _('PCI flavors do not match devices for one-time use.'),
}


class Selector:
    """Patterns by property: a device matches if all of its values do.

    A selector without keys matches every device.

    :ivar specs: the patterns' texts by key, with product_id for device_id
    :ivar keys: the keys
    """

    __slots__ = ('_tests', 'keys', 'specs')

    def __init__(self, specs: Mapping[str, str]) -> None:
        """Compile the patterns.

        :raises InvalidSelector: if a key is not acceptable
        :raises InvalidPattern: if a pattern is not acceptable
        """
        self.specs: dict[str, str] = {}
        for given, text in specs.items():
            _check_item(given, text)
            key = SYNONYMS.get(given, given)
            if key in self.specs:
                raise exception.InvalidSelector(
                    key=key, reason=_('device_id is another name of it.')
                )
            self.specs[key] = text
        self.keys = frozenset(self.specs)
        self._tests = {
            key: patterns.compile_pattern(key, text).matches
            for key, text in self.specs.items()
        }

    def test_of(self, key: str) -> Callable[[str], bool]:
        """Return the test of the values of a key, one of its keys."""
        return self._tests[key]

    def matches(self, properties: Mapping[str, str | None]) -> bool:
        """Tell whether a device or pool with these properties matches.

        A property that is absent or None matches no pattern.
        """
        for key, matches in self._tests.items():
            value = properties.get(key)
            if value is None or not matches(value):
                return False
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return self.specs == other.specs

    def __hash__(self) -> int:
        return hash(frozenset(self.specs.items()))

    def __repr__(self) -> str:
        return f'Selector({self.specs!r})'


def validate_flavor_keys(specs: Mapping[str, str]) -> None:
    """Refuse keys that a PCI flavor must not select by.

    :raises InvalidSelector: naming the first such key
    """
    for key in specs:
        if key in _NOT_FOR_FLAVORS:
            raise exception.InvalidSelector(
                key=key,
                reason=_(
                    'a PCI flavor is for the whole cloud and cannot select '
                    'by a key that names one machine, slot or PCI flavor.'
                ),
            )
        if key in _RESERVED:
            raise exception.InvalidSelector(key=key, reason=_RESERVED[key])


def _check_item(key: object, text: object) -> None:
    reason = None
    if not isinstance(key, str) or not isinstance(text, str):
        reason = _('key and value must be strings, so write "1" for 1.')
    elif not key or key != key.strip():
        reason = _('it is empty or has white space at its ends.')
    elif len(key) > MAX_KEY_LENGTH:
        reason = _('it is longer than %d characters.') % MAX_KEY_LENGTH
        key = key[:MAX_KEY_LENGTH]
    elif not key.isprintable():
        reason = _('it has characters that cannot be printed.')
    if reason:
        raise exception.InvalidSelector(key=key, reason=reason)
