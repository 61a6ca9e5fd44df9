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
"""``pci-ext-manage prepare-removal``: servers and flavors for a plain Nova.

A Nova without pci_ext ignores the requests for PCI flavors in the flavors of
servers, and finds no host for those that servers have. Aliases replace them.
"""

from nova import context as nova_context

from pci_ext.cmd.aliases import configured
from pci_ext.cmd.removal import flavors
from pci_ext.cmd.removal import servers
from pci_ext.requests import from_flavor


def prepare(dry_run: bool = False) -> int:
    """Change flavors, then servers, and print what is changed and what not.

    New servers of the changed flavors have aliases, so that a second call has
    no more servers to change.

    :param dry_run: print the changes, and make none
    :returns: the exit code: 1 if some are left as they are
    :raises UnsupportedConfiguration: if Nova would not accept the aliases
    """
    context = nova_context.get_admin_context()
    aliases = configured.read()
    is_complete = True
    for name, value, problem in flavors.prepare(context, aliases, dry_run):
        if problem:
            is_complete = False
            print(f'Flavor {name}: not changed: {problem}.')
        else:
            print(f'Flavor {name}: {from_flavor.ALIAS}={value}.')
    missing: dict[str, None] = {}
    for outcome in servers.prepare(context, aliases, dry_run):
        uuid = outcome.instance.uuid
        if outcome.problem:
            is_complete = False
            print(f'Server {uuid}: not changed: {outcome.problem}.')
        else:
            print(f'Server {uuid}: {"; ".join(outcome.changes)}.')
        missing |= dict.fromkeys(outcome.missing)
    if missing:
        print('\nAdd to the section [pci] of the configuration:')
        for line in missing:
            print(f'  {line}')
    if not is_complete:
        return 1
    if not dry_run:
        print('pci_ext can be removed.')
    return 0
