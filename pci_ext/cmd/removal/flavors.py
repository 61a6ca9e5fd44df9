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
"""The flavors of Nova that request PCI flavors, changed to aliases."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping

from nova import context as nova_context

from pci_ext import exception
from pci_ext.cmd.aliases import nova_flavors
from pci_ext.cmd.removal import plain_requests
from pci_ext.matching import request_grammar
from pci_ext.requests import from_flavor


class NoAliasError(Exception):
    """The reason that aliases cannot replace the PCI flavors of a flavor."""


def prepare(
    context: nova_context.RequestContext,
    aliases: plain_requests.Aliases,
    dry_run: bool,
) -> Iterator[tuple[str, str, str]]:
    """Change the flavors with extra specs of pci_ext.

    :param dry_run: yield the changes, and make none
    :returns: for each the name, and its new alias or the reason that it is
        not changed
    """
    keys = (from_flavor.PCI_FLAVOR, from_flavor.PCI_NAME)
    for flavor in nova_flavors.list_with(context, keys):
        try:
            value = replacement(flavor.extra_specs, aliases)
        except NoAliasError as error:
            yield flavor.name, '', str(error)
            continue
        yield flavor.name, value, ''
        if not dry_run:
            kept = {
                key: each
                for key, each in flavor.extra_specs.items()
                if key not in keys
            }
            flavor.extra_specs = kept | {from_flavor.ALIAS: value}
            flavor.save()


def replacement(
    extra_specs: Mapping[str, str], aliases: plain_requests.Aliases
) -> str:
    """Return the alias that replaces the PCI flavors of a flavor.

    An alias replaces the PCI flavor of its name.

    :returns: the value of the extra spec pci_passthrough:alias
    :raises NoAliasError: if there is none, or a request has alternatives,
        which only an operator can put into one alias
    """
    if from_flavor.PCI_NAME in extra_specs:
        raise NoAliasError('devices have no names in aliases')
    try:
        requests = request_grammar.parse_requests(
            extra_specs[from_flavor.PCI_FLAVOR]
        )
    except exception.MalformedPciRequest as error:
        raise NoAliasError(error.format_message()) from error
    counts: Counter[str] = Counter()
    for request in requests:
        if len(request.alternatives) > 1:
            raise NoAliasError(
                f'{",".join(request.alternatives)} are alternatives'
            )
        [name] = request.alternatives
        if name not in aliases:
            raise NoAliasError(f'no alias is named {name}')
        counts[name] += request.count
    parts = [nova_flavors.format_extra_spec(counts)]
    if from_flavor.ALIAS in extra_specs:
        parts.insert(0, extra_specs[from_flavor.ALIAS])
    return ','.join(parts)
