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

"""Chooses steps at random, by a seed: those that fit the states of servers."""

from collections.abc import Mapping
import random
from typing import Any

from pci_ext.tests.functional.random_life import hosts
from pci_ext.tests.functional.random_life import operations
from pci_ext.tests.functional.random_life import steps

SERVERS = ('s1', 's2', 's3', 's4')

#: Shares of steps that are not operations on servers.
_RESTART, _EVACUATION, _SURROUNDINGS = 0.008, 0.008, 0.09

#: Share of operations that do not fit the state of their server.
_UNFIT = 0.05

#: Share of live migrations that are aborted.
_ABORTED = 0.25

#: Most seconds between the steps of a batch.
_SPREAD = 0.6

#: Nova serves both of these at the same time. It puts a server that is
#: unshelved twice into ERROR, and leaves its task state; a resize that is
#: confirmed and reverted leaves a server without its guest. A delete confirms
#: the resize too, and answers 500 if both meet, or two deletes.
#: A hard reboot and a start of a server on no host leave their task; a rescue
#: puts such a server into ERROR, in which it can be rebooted. A server that is
#: suspended twice stays suspended, with a guest, when it is resumed.
_SPOILING = (
    *({'unshelve'}, {'suspend'}, {'confirm', 'revert'}, {'confirm', 'delete'}),
    *({'delete'}, {'shelve', 'hard reboot'}, {'shelve', 'start'}),
    {'shelve', 'rescue'},
)

#: Requests for which nova-api takes long between its look at the vm_state and
#: the begin of the task, and those that may change the vm_state meanwhile: the
#: task then meets a server that it is not made for, or one without a host.
#: A move of a server that was resized meanwhile leaves the migration of the
#: resize without an end.
_SLOW = frozenset(('rebuild', 'resize', 'migrate', 'live migrate'))
_CHANGING = frozenset(
    (
        *('stop', 'start', 'suspend', 'resume', 'pause', 'unpause'),
        *('rescue', 'unrescue', 'shelve', 'resize', 'migrate'),
    )
)


class Generator:
    """Makes batches of steps.

    :param seed: the same seed and the same states give the same steps
    :param parallel: the most steps in a batch
    """

    def __init__(self, seed: int, parallel: int) -> None:
        self._random = random.Random(seed)
        self._parallel = parallel

    def batch(self, states: Mapping[str, str]) -> steps.Batch:
        """Choose the next batch.

        :param states: by name, the vm_state of each server that exists
        """
        chance = self._random.random()
        if chance < _EVACUATION:
            return (steps.Step('evacuate', self._choose(SERVERS)),)
        chance -= _EVACUATION
        if chance < _RESTART:
            return self._restart(states)
        chance -= _RESTART
        if chance < _SURROUNDINGS:
            return (self._surroundings(),)
        return tuple(self._operations(states))

    def _choose(self, values: Any) -> Any:
        return self._random.choice(tuple(values))

    def _restart(self, states: Mapping[str, str]) -> steps.Batch:
        """Restart the services, perhaps during operations."""
        restart = steps.Step(
            self._choose(('kill', 'terminate')),
            delay=round(self._random.uniform(0, 2 * _SPREAD), 2),
        )
        return (*self._operations(states), restart)

    def _operations(self, states: Mapping[str, str]) -> list[steps.Step]:
        count = self._random.randint(1, self._parallel)
        found: list[steps.Step] = []
        for number in range(count):
            delay = self._random.uniform(0, _SPREAD) if number else 0
            step = self._operation(states, round(delay, 2))
            if any(_spoils(step, each) for each in found):
                continue
            found.append(step)
            if (
                found[-1].name == 'live migrate'
                and self._random.random() < _ABORTED
            ):
                delay += self._random.uniform(0.2, _SPREAD)
                found.append(
                    steps.Step(
                        'abort', found[-1].server, delay=round(delay, 2)
                    )
                )
        return found

    def _operation(
        self, states: Mapping[str, str], delay: float
    ) -> steps.Step:
        server = self._choose(SERVERS)
        state = states.get(server, 'absent')
        if self._random.random() < _UNFIT and state != 'absent':
            names = sorted(operations.SERVER.keys() - {'boot', 'evacuate'})
            name = self._choose(names)
        else:
            weights = {
                name: operation.weight
                for name, operation in operations.SERVER.items()
                if state in operation.states
            }
            [name] = self._random.choices(
                tuple(weights), tuple(weights.values())
            )
        return steps.Step(name, server, self._argument(name), delay)

    def _argument(self, name: str) -> Any:
        if name in ('boot', 'resize'):
            return self._choose(operations.FLAVORS)
        if name == 'attach':
            return self._choose(operations.ATTACHES)
        if name == 'detach':
            # Numbers of devices of the server, counted around.
            return self._choose(([0], [1], [2], [0, 1]))
        return None

    def _surroundings(self) -> steps.Step:
        kind = self._choose(
            ('offer', 'hardware', 'hardware', 'fault', 'fault')
        )
        if kind == 'offer':
            return steps.Step('offer', argument=self._choose(hosts.OFFERS))
        if kind == 'fault':
            return steps.Step('fault', argument=self._faults())
        host = self._choose(hosts.HOSTS)
        address = self._choose(hosts.USUAL[host])
        usual = hosts.USUAL[host][address]
        product_id = self._choose((None, usual, usual, hosts.A, hosts.B))
        return steps.Step('hardware', argument=[host, address, product_id])

    def _faults(self) -> dict[str, Any]:
        address = self._choose(self._choose(hosts.USUAL.values()))
        choices: tuple[dict[str, Any], ...] = (
            {},
            {},
            {'release_delay': {address: 'never'}},
            {'release_delay': {address: 0.6}},
            {'busy': [address]},
            {'root_ports': 2},
            {'attach_delay': 0.5},
            {'transfer_delay': 0.7},
            {'transfer_delay': 0.7, 'abort_delay': 0.4},
            {'transfer_fails': True},
            {'prepare_fails': True},
        )
        return dict(self._choose(choices))


def _spoils(step: steps.Step, other: steps.Step) -> bool:
    """Return whether two steps at the same time spoil their server."""
    names = {step.name, other.name}
    return step.server == other.server and (
        names in _SPOILING
        or (step.name in _SLOW and other.name in _CHANGING)
        or (other.name in _SLOW and step.name in _CHANGING)
    )
