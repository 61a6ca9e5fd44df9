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

"""Operations on servers: the requests, and the states in which they fit."""

from collections.abc import Callable
import dataclasses
from typing import Any

from pci_ext.cmd.allinone import stub_services

#: By name, the extra specs of flavors of servers.
FLAVORS: dict[str, dict[str, str]] = {
    'none': {},
    'a': {'pci_passthrough:pci_flavor': '1:a'},
    'ab': {'pci_passthrough:pci_flavor': '1:a;1:b'},
    'ca': {'pci_passthrough:pci_flavor': '1:c,a'},
    'any': {'pci_passthrough:pci_flavor': '2:any'},
    'crypto': {'pci_passthrough:alias': 'crypto:1'},
}

#: By name, the PCI flavors.
PCI_FLAVORS: dict[str, dict[str, Any]] = {
    'a': {'specs': {'product_id': '0001'}, 'live_migration': 'hotplug'},
    'b': {'specs': {'product_id': '0002'}, 'live_migration': 'forbid'},
    'c': {'specs': {'product_id': '0003'}, 'live_migration': 'native'},
    'any': {'specs': {'product_id': '000[1-3]'}, 'live_migration': 'hotplug'},
}

#: Requests to attach.
ATTACHES: tuple[dict[str, str], ...] = (
    *(
        {'pci_passthrough:pci_flavor': value}
        for value in ('1:a', '2:a', '1:b', '1:c,a', '1:any', '1:a;1:c')
    ),
    {'pci_passthrough:alias': 'crypto:1'},
)

_ANY = frozenset(
    (
        *('active', 'stopped', 'paused', 'suspended', 'rescued', 'resized'),
        *('shelved_offloaded', 'error'),
    )
)


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation on a server.

    :ivar states: the states of servers in which it usually succeeds
    :ivar weight: how often it is chosen among those that fit
    :ivar body: makes the body of the action from the argument of a step; None
        if the operation is no action
    """

    states: frozenset[str]
    weight: int = 2
    body: Callable[[Any], dict[str, Any]] | None = None


def _action(
    name: str,
    *states: str,
    weight: int = 2,
    argument: Any = None,
) -> Operation:
    """An action whose body does not depend on the step."""
    return Operation(frozenset(states), weight, lambda _: {name: argument})


SERVER: dict[str, Operation] = {
    'boot': Operation(frozenset(('absent',)), 1),
    'delete': Operation(_ANY, 1),
    'attach': Operation(
        frozenset(('active', 'stopped', 'paused')),
        6,
        lambda argument: {'attach_pci': argument},
    ),
    # Its body has the devices of the server.
    'detach': Operation(frozenset(('active', 'stopped', 'paused')), 5),
    'reattach': _action('reattach_pci', 'active', weight=1),
    'stop': _action('os-stop', 'active', 'rescued'),
    'start': _action('os-start', 'stopped', weight=6),
    'soft reboot': _action('reboot', 'active', argument={'type': 'SOFT'}),
    'hard reboot': _action(
        'reboot',
        *('active', 'stopped', 'paused', 'suspended', 'error'),
        argument={'type': 'HARD'},
    ),
    'pause': _action('pause', 'active'),
    'unpause': _action('unpause', 'paused', weight=6),
    'suspend': _action('suspend', 'active'),
    'resume': _action('resume', 'suspended', weight=6),
    'rescue': _action('rescue', 'active', 'stopped', argument={}),
    'unrescue': _action('unrescue', 'rescued', weight=6),
    'rebuild': _action(
        'rebuild',
        *('active', 'stopped', 'error'),
        argument={'imageRef': stub_services.IMAGE['id']},
    ),
    'resize': Operation(
        frozenset(('active', 'stopped')),
        2,
        lambda argument: {'resize': {'flavorRef': argument}},
    ),
    'confirm': _action('confirmResize', 'resized', weight=6),
    'revert': _action('revertResize', 'resized', weight=6),
    'migrate': _action('migrate', 'active', 'stopped'),
    'live migrate': _action(
        'os-migrateLive',
        *('active', 'paused'),
        weight=3,
        argument={'host': None, 'block_migration': 'auto'},
    ),
    # The generator puts it beside a live migration.
    'abort': Operation(frozenset(), 0),
    'shelve': _action(
        'shelve', 'active', 'stopped', 'paused', 'suspended', weight=1
    ),
    'unshelve': _action('unshelve', 'shelved_offloaded', weight=6),
    'evacuate': _action(
        'evacuate', 'active', 'stopped', 'error', weight=0, argument={}
    ),
}
