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
"""``pci-ext-manage import-aliases``: PCI flavors in place of aliases."""

from collections.abc import Iterator
from collections.abc import Mapping

from nova import context as nova_context

from pci_ext import exception
from pci_ext.cmd.aliases import configured
from pci_ext.cmd.aliases import nova_flavors
from pci_ext.cmd.aliases import replacement
from pci_ext.cmd.aliases import translation
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor

Imported = Mapping[str, tuple[str, ...]]


def run(dry_run: bool = False, apply: bool = False) -> int:
    """Create PCI flavors for aliases, and print the flavors to change.

    :param dry_run: print the PCI flavors, and create none
    :param apply: change the flavors, too
    :returns: the exit code: 1 if an alias or a flavor is left as it is
    :raises UnsupportedConfiguration: if Nova would not accept the aliases
    """
    aliases = configured.read()
    imported = _import_all(aliases, dry_run)
    is_complete = len(imported) == len(aliases)
    has_changes = False
    for name, text, is_changed in _change_flavors(aliases, imported, apply):
        print(f'Flavor {name}: {text}.')
        has_changes = has_changes or is_changed
        is_complete = is_complete and is_changed
    if has_changes and not apply:
        print('The flavors are not changed: that is done with --apply.')
    return 0 if is_complete else 1


def _import_all(
    aliases: Mapping[str, configured.Alias], dry_run: bool
) -> Imported:
    """Import all aliases that can be.

    :returns: names of PCI flavors, by the name of their alias
    """
    imported = {}
    for alias in aliases.values():
        try:
            translated = translation.translate(alias)
            for flavor in translated.flavors:
                print(f'PCI flavor {flavor.name}: {_create(flavor, dry_run)}.')
        except translation.NotImportableError as error:
            print(f'Alias {alias.name}: not imported: {error}.')
            continue
        for note in translated.notes:
            print(f'Alias {alias.name}: {note}.')
        imported[alias.name] = tuple(
            flavor.name for flavor in translated.flavors
        )
    return imported


def _create(flavor: pci_flavor.PciFlavor, dry_run: bool) -> str:
    """Create a PCI flavor unless it exists; return a description.

    :raises translation.NotImportableError: if one of its name has other
        properties
    """
    selector = ', '.join(
        f'{key}={value}' for key, value in flavor.specs.items()
    )
    existing = pci_flavors.get_by_names([flavor.name])
    if not existing and not dry_run:
        try:
            pci_flavors.create(flavor)
        except exception.PciFlavorExists:
            # Another process created it meanwhile.
            existing = pci_flavors.get_by_names([flavor.name])
    if not existing:
        return selector
    if existing[0].specs != flavor.specs:
        raise translation.NotImportableError(
            f'the PCI flavor {flavor.name} has other properties than '
            f'{selector}'
        )
    return f'{selector}, exists'


def _change_flavors(
    aliases: Mapping[str, configured.Alias], imported: Imported, apply: bool
) -> Iterator[tuple[str, str, bool]]:
    """Change the flavors with aliases.

    :param apply: False: only find the changes
    :returns: for each its name, a description, and whether there is a
        replacement
    """
    context = nova_context.get_admin_context()
    for flavor in nova_flavors.list_with(context, [from_flavor.ALIAS]):
        extra_specs = dict(flavor.extra_specs)
        try:
            new = replacement.replace(extra_specs, aliases, imported)
        except replacement.NoReplacementError as error:
            yield flavor.name, f'not changed: {error}', False
            continue
        alias = extra_specs.pop(from_flavor.ALIAS)
        if apply:
            flavor.extra_specs = extra_specs | new
            flavor.save()
        values = ', '.join(f'{key}={value}' for key, value in new.items())
        yield (
            flavor.name,
            f'{values} in place of {from_flavor.ALIAS}={alias}',
            True,
        )
