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
"""From an alias to the PCI flavors that match the same devices."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from oslo_utils import strutils

from pci_ext import exception
from pci_ext.cmd.aliases import configured
from pci_ext.matching import patterns
from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor

_PROPERTIES = ('vendor_id', 'product_id', 'dev_type')

_LIVE_MIGRATABLE = 'live_migratable'

#: Keys of an alias that Nova uses if PCI devices are in Placement.
_OF_PLACEMENT = ('resource_class', 'traits')


class NotImportableError(Exception):
    """The reason that no PCI flavor matches the devices of an alias."""


@dataclasses.dataclass(frozen=True)
class Translation:
    """The translation of an alias.

    :ivar flavors: PCI flavors, which a request has as alternatives
    :ivar notes: on parts of the alias that a PCI flavor does not have
    """

    flavors: tuple[pci_flavor.PciFlavor, ...]
    notes: tuple[str, ...]


def translate(alias: configured.Alias) -> Translation:
    """Translate an alias; several entries become one pattern if they can.

    :raises NotImportableError: if the alias names no property of devices, or
        its name is none for PCI flavors
    """
    try:
        request_grammar.validate_name(alias.name)
    except exception.InvalidPciFlavor as error:
        raise NotImportableError(error.format_message()) from error
    selectors = [
        {
            key: patterns.literal(spec[key])
            for key in _PROPERTIES
            if key in spec
        }
        for spec in alias.specs
    ]
    if not all(selectors):
        raise NotImportableError(
            'it has no vendor_id and product_id, and PCI flavors do not know '
            'resource classes'
        )
    is_migratable = all(
        strutils.bool_from_string(spec.get(_LIVE_MIGRATABLE))
        for spec in alias.specs
    )
    merged = _merge(selectors)
    return Translation(
        tuple(
            pci_flavor.PciFlavor(
                name=alias.name if number == 1 else f'{alias.name}-{number}',
                description=f'The alias {alias.name}.',
                live_migration=(
                    pci_flavor.LiveMigration.NATIVE
                    if is_migratable
                    else pci_flavor.LiveMigration.FORBID
                ),
                is_public=True,
                specs=selector,
                projects=[],
            )
            for number, selector in enumerate(merged, start=1)
        ),
        tuple(_notes(alias)),
    )


def _merge(
    selectors: Sequence[Mapping[str, str]],
) -> Sequence[Mapping[str, str]]:
    """Make one selector of several that differ in one property only."""
    keys = set().union(*selectors)
    values = {
        key: tuple(dict.fromkeys(each.get(key, '') for each in selectors))
        for key in keys
    }
    different = [key for key in keys if len(values[key]) > 1]
    if len(different) > 1 or not all(
        '' not in values[key] for key in different
    ):
        return selectors
    return [{key: '|'.join(values[key]) for key in _PROPERTIES if key in keys}]


def _notes(alias: configured.Alias) -> Iterator[str]:
    if any(_LIVE_MIGRATABLE in spec for spec in alias.specs):
        yield (
            'live_migratable became the live migration policy: the PCI flavor '
            'also matches devices with another live_migratable'
        )
    found = [
        key
        for key in _OF_PLACEMENT
        if any(key in spec for spec in alias.specs)
    ]
    if found:
        yield f'{" and ".join(found)} are not imported'
