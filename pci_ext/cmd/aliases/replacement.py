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
"""From the alias in the extra specs of a flavor to PCI flavors."""

from collections.abc import Mapping

from pci_ext import exception
from pci_ext.cmd.aliases import configured
from pci_ext.matching import request_grammar
from pci_ext.requests import from_flavor

NUMA_POLICY = 'hw:pci_numa_affinity_policy'

#: The policy of requests if nothing names one.
_DEFAULT_POLICY = 'legacy'


class NoReplacementError(Exception):
    """The reason that PCI flavors cannot replace the alias of a flavor."""


def replace(
    extra_specs: Mapping[str, str],
    aliases: Mapping[str, configured.Alias],
    imported: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """Return the extra specs that replace pci_passthrough:alias.

    :param aliases: of the configuration, by name
    :param imported: names of PCI flavors, by the name of their alias
    :raises NoReplacementError: if an alias is not imported, or two have
        different NUMA policies, of which a flavor has one
    """
    requests = []
    policies = set()
    for item in extra_specs[from_flavor.ALIAS].split(','):
        name, _, count = (part.strip() for part in item.partition(':'))
        if name not in imported:
            raise NoReplacementError(f'the alias {name} has no PCI flavor')
        if not count.isdecimal():
            raise NoReplacementError(f'{item.strip()!r} is not ALIAS:COUNT')
        requests.append(request_grammar.Request(int(count), imported[name]))
        policies.add(aliases[name].numa_policy)
    value = request_grammar.format_requests(requests)
    if from_flavor.PCI_FLAVOR in extra_specs:
        first = extra_specs[from_flavor.PCI_FLAVOR].strip().rstrip(';')
        value = f'{first};{value}'
    try:
        request_grammar.parse_requests(value)
    except exception.MalformedPciRequest as error:
        raise NoReplacementError(error.format_message()) from error
    replaced = {from_flavor.PCI_FLAVOR: value}
    # A policy of the flavor has precedence over those of aliases already.
    if NUMA_POLICY not in extra_specs and policies != {_DEFAULT_POLICY}:
        if len(policies) > 1:
            raise NoReplacementError(
                f'its aliases have the NUMA policies '
                f'{" and ".join(sorted(policies))}'
            )
        [replaced[NUMA_POLICY]] = policies
    return replaced
