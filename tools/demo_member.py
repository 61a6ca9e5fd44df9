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

"""The part of the demonstration that a user without rights has."""

from typing import Any

from demo_cloud import Cloud
from demo_cloud import DemoError
from demo_cloud import say
from demo_cloud import table

#: A server of the member, with one virtual function.
SERVER, FLAVOR, PCI_FLAVOR = 'web-1', 'net', 'fast-vf'

#: A PCI flavor for some projects only.
PRIVATE = 'reserved-vf'


def attach_and_detach(admin: Cloud, member: Cloud) -> dict[str, Any]:
    say('A device attached to a running server, and detached')
    admin.openstack(
        *('flavor', 'create', '--ram', '512', '--disk', '1', '--vcpus', '1'),
        *('--property', f'pci_passthrough:pci_flavor=1:{PCI_FLAVOR}', FLAVOR),
    )
    member.openstack(
        *('server', 'create', '--flavor', FLAVOR, '--image', 'tiny'),
        *('--nic', 'none', '--wait', SERVER),
    )
    add = ('server', 'add', 'pci', '--wait', '--pci-flavor', f'1:{PCI_FLAVOR}')
    member.run(*add, SERVER)
    devices = member.openstack('server', 'pci', 'list', '--long', SERVER)
    columns = ('Device ID', 'PCI Flavor', 'Attached', 'State')
    table(columns, ([row[key] for key in columns] for row in devices))
    hot = [row['Device ID'] for row in devices if row['Attached'] == 'hot']
    if len(devices) != 2 or len(hot) != 1:
        raise DemoError(f'the server should have got a second device: {hot}')
    member.run('server', 'remove', 'pci', '--wait', SERVER, *hot)
    return {'server': SERVER, 'devices': devices}


def limit(admin: Cloud, member: Cloud, project: str) -> str:
    say('A limit for the project of the user')
    admin.run(
        *('pci', 'flavor', 'limit', 'set', '--project', project),
        *(PCI_FLAVOR, '1'),
    )
    refused = member.run(
        *('server', 'add', 'pci', '--pci-flavor', f'1:{PCI_FLAVOR}', SERVER),
        fails=True,
    )
    if 'Quota exceeded' not in refused:
        raise DemoError(f'another reason was expected: {refused}')
    return refused


def private_flavor(admin: Cloud, member: Cloud, project: str) -> None:
    say('A private PCI flavor')
    admin.openstack(
        *('pci', 'flavor', 'create', '--private'),
        *('--property', 'product_id=154c', PRIVATE),
    )
    before = _names(member)
    admin.run('pci', 'flavor', 'access', 'add', PRIVATE, project)
    after = _names(member)
    if PRIVATE in before or PRIVATE not in after:
        raise DemoError(f'the user sees {before}, and then {after}')


def _names(member: Cloud) -> list[str]:
    rows = member.openstack('pci', 'flavor', 'list')
    names = [str(row['Name']) for row in rows]
    print(f'    {", ".join(names)}', flush=True)
    return names
