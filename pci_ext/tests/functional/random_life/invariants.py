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

"""Invariants of a quiet cloud: functions of its state."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import dataclasses

from pci_ext.tests.functional.random_life import hosts as hosts_module
from pci_ext.tests.functional.random_life import state as state_module
from pci_ext.tests.functional.random_life import steps

#: States of servers whose guest runs, and of those that have none.
RUNNING = ('active', 'paused', 'rescued')
OFF = ('stopped', 'suspended', 'shelved', 'shelved_offloaded')

#: Statuses of migrations that are at work.
MIGRATING = (
    *('accepted', 'queued', 'preparing', 'running', 'pre-migrating'),
    *('migrating', 'post-migrating', 'confirming', 'reverting'),
)

_IN_USE = ('claimed', 'allocated')

#: Steps after which a server may have fewer requests than before.
_MAY_REMOVE = ('detach', 'resize', 'revert')


@dataclasses.dataclass(frozen=True)
class Problem:
    """A disagreement.

    :ivar kind: the invariant that does not hold
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return f'{self.kind}: {self.text}'


Invariant = Callable[[state_module.State], Iterator[str]]


def check_quiet(
    state: state_module.State, interrupted: Collection[str] = ()
) -> list[Problem]:
    """Return the work that is not done yet.

    :param interrupted: uuids of migrations that ended with nova-compute
    """
    found = [
        f'{each.name} is {each.vm_state}, {each.task_state}'
        for each in state.servers.values()
        if each.task_state is not None
        or each.vm_state in ('building', 'deleted')
    ]
    found += [
        f'{state.servers[each.server].name}: migration {each.id} is '
        f'{each.status}'
        for each in state.migrations
        if each.server in state.servers
        and each.status in MIGRATING
        and each.uuid not in interrupted
    ]
    if state.unscheduled:
        found.append(f'{len(state.unscheduled)} servers are in no cell')
    return [Problem('not quiet', text) for text in found]


def check(
    state: state_module.State,
    hosts: hosts_module.Hosts,
    interrupted: Collection[str] = (),
) -> list[Problem]:
    """Return what does not hold of a quiet cloud.

    :param interrupted: as for `check_quiet`
    """
    left = {(each.source, each.server) for each in _failed_migrations(state)}
    state = dataclasses.replace(
        state,
        definitions={
            place: devices
            for place, devices in state.definitions.items()
            if place not in left or place in state.guests
        },
    )
    problems = [
        Problem(invariant.__name__.strip('_').replace('_', ' '), text)
        for invariant in INVARIANTS
        for text in invariant(state)
    ]
    problems += [
        Problem('offered devices', text)
        for text in _offered_devices(state, hosts)
    ]
    problems += [
        Problem('placement', text) for text in _placement(state, interrupted)
    ]
    if hosts.is_reported:
        problems += [
            Problem('reported devices', text)
            for text in _reported_devices(state, interrupted)
        ]
    return problems


def _device_in_two_guests(state: state_module.State) -> Iterator[str]:
    for kind, domains in (
        ('guests', state.guests),
        ('definitions', state.definitions),
    ):
        counts = Counter(
            (host, address)
            for (host, _), devices in domains.items()
            for address in devices
        )
        for place, count in counts.items():
            if count > 1:
                yield f'{place} is in {count} {kind}'


def _failed_migrations(
    state: state_module.State,
) -> list[state_module.Migration]:
    """Return failed migrations of servers that do not exist any more.

    If a server is deleted while a resize is reverted, Nova leaves the
    definition of its domain on the source, which nothing starts, and the
    allocations of the migration.
    """
    return [
        each
        for each in state.migrations
        if each.status == 'error' and each.server not in state.servers
    ]


def _failed_moves(
    state: state_module.State,
) -> set[tuple[str, str | None]]:
    """Return servers, and the hosts of cold migrations of them that failed.

    Nova leaves what such a server has on both hosts to its administrator,
    until the server is deleted; also if a restart interrupted the end.
    """
    return {
        (each.server, host)
        for each in state.migrations
        if each.status in ('error', 'confirming', 'reverting')
        and each.type in ('migration', 'resize')
        for host in (each.source, each.destination)
    }


def _domain_of_no_server(state: state_module.State) -> Iterator[str]:
    """A resized server has a domain on its old host until it is confirmed."""
    failed = _failed_moves(state)
    for host, uuid in {*state.guests, *state.definitions}:
        server = state.servers.get(uuid)
        if server is None:
            yield f'{uuid} on {host}'
        elif server.host != host and (
            (host, uuid) in state.guests
            or (server.vm_state != 'resized' and (uuid, host) not in failed)
        ):
            yield f'{server.name} is on {server.host}, its domain on {host}'


def _power(state: state_module.State) -> Iterator[str]:
    for server in state.servers.values():
        runs = (server.host, server.uuid) in state.guests
        if runs and server.vm_state in OFF:
            yield f'{server.name} is {server.vm_state} and has a guest'
        if not runs and server.vm_state in RUNNING:
            yield f'{server.name} is {server.vm_state} and has no guest'


def _guest_and_records(state: state_module.State) -> Iterator[str]:
    """The guest has what the tracker says, but for explained differences."""
    for server in state.servers.values():
        own = {
            device.address
            for device in state.devices_of(server.uuid)
            if device.host == server.host
        }
        failed = set(server.marks('reattach_error'))
        for kind, domains in (
            ('guest', state.guests),
            ('definition', state.definitions),
        ):
            has = domains.get((server.host or '', server.uuid))
            if has is None:
                continue
            if has - own:
                yield (
                    f'{server.name}: the {kind} has {sorted(has - own)}, '
                    'which are not its own'
                )
            missing = own - has - failed
            if kind == 'definition':
                # A detach changes it first.
                missing -= server.marks('detach').keys()
            if server.vm_state in RUNNING and missing:
                yield f'{server.name}: the {kind} lacks {sorted(missing)}'


def _owners(state: state_module.State) -> Iterator[str]:
    """Each device in use is of a server that is there."""
    resized = {
        (each.server, each.source)
        for each in state.migrations
        if each.status == 'finished'
    }
    failed = _failed_moves(state)
    for device in state.devices:
        where = f'{device.address} on {device.host} is {device.status}'
        server = state.servers.get(device.server or '')
        if device.status not in _IN_USE:
            if device.server is not None:
                yield f'{where} and has the server {device.server}'
        elif server is None:
            yield f'{where} for {device.server}, which does not exist'
        elif (
            server.host != device.host
            and (server.uuid, device.host) not in failed
            and (
                server.vm_state != 'resized'
                or (server.uuid, device.host) not in resized
            )
        ):
            yield f'{where} for {server.name}, which is on {server.host}'
        elif device.status == 'claimed' and not server.marks('reattach_error'):
            yield f'{where} for {server.name}, which nothing attaches'


def _requests(state: state_module.State) -> Iterator[str]:
    """A server on a host has the devices that it asks for, and no others."""
    for server in state.servers.values():
        if server.attaching:
            yield f'{server.name}: {sorted(server.attaching)} are attaching'
        if server.host is None:
            continue
        counts = Counter(
            device.request_id
            for device in state.devices_of(server.uuid)
            if device.host == server.host
        )
        # A server that could not be built may have a host without a claim.
        if server.vm_state == 'error' and not counts:
            continue
        if counts != Counter(server.requests):
            yield (
                f'{server.name} asks for {dict(server.requests)} and has '
                f'{dict(counts)}'
            )


def _marks(state: state_module.State) -> Iterator[str]:
    """Each mark of a server has a reason.

    The next host of an offloaded server removes its marks. A resize may be
    reverted, to a guest that then has released the devices. A guest that could
    not be started releases them with its next start.
    """
    for server in state.servers.values():
        if server.vm_state == 'shelved_offloaded':
            continue
        place = (server.host or '', server.uuid)
        guest = state.guests.get(place, frozenset())
        is_waiting = server.vm_state == 'resized' or (
            server.vm_state == 'error' and place not in state.guests
        )
        for address in server.marks('detach'):
            if address not in guest and not is_waiting:
                yield f'{server.name}: detach of {address} is not pending'
        own = {device.address for device in state.devices_of(server.uuid)}
        for address in server.marks('reattach_error'):
            if address in guest or address not in own:
                yield f'{server.name}: reattach of {address} has an error'
        if server.marks('reattach') and not server.marks('reattach_error'):
            yield f'{server.name}: {server.marks("reattach")} are pending'
        for key, value in server.metadata.items():
            # A resize may save the id of an operation that has just ended
            # anew; the server is healed when it is no longer resized.
            is_ended = (
                key in ('pci_ext:operation', 'pci_ext:done')
                and server.vm_state != 'resized'
            )
            if is_ended or key.startswith('pci_ext_asked:'):
                yield f'{server.name}: {key} is {value}'


def _pools(state: state_module.State) -> Iterator[str]:
    free = Counter(
        (device.host, device.product_id)
        for device in state.devices
        if device.status == 'available'
    )
    for place in {*free, *state.pools}:
        count = state.pools.get(place, 0)
        if free[place] != count:
            yield f'{place}: {free[place]} are free, {count} are in the pools'


def _events(state: state_module.State) -> Iterator[str]:
    """Each operation on devices ends with a result."""
    for uuid, event, request_id in state.unfinished_events:
        if uuid in state.servers and event.endswith('_pci'):
            yield f'{state.servers[uuid].name}: {event} of {request_id}'


INVARIANTS: tuple[Invariant, ...] = (
    _device_in_two_guests,
    _domain_of_no_server,
    _power,
    _guest_and_records,
    _owners,
    _requests,
    _marks,
    _pools,
    _events,
)


def _offered_devices(
    state: state_module.State, hosts: hosts_module.Hosts
) -> Iterator[str]:
    """Free are those devices on offer that no server has."""
    for host in hosts_module.HOSTS:
        on_record = {
            device.address: device
            for device in state.devices
            if device.host == host
        }
        offered = hosts.offered(host)
        for address, product_id in offered.items():
            device = on_record.get(address)
            if device is None:
                yield f'{address} on {host} is offered and not on record'
            elif (
                device.status == 'available'
                and device.product_id != product_id
            ):
                yield (
                    f'{address} on {host} is a {product_id}, on record is '
                    f'a {device.product_id}'
                )
        for address in on_record.keys() - offered:
            if on_record[address].status not in _IN_USE:
                yield f'{address} on {host} is on record and not offered'


def _placement(
    state: state_module.State, interrupted: Collection[str]
) -> Iterator[str]:
    """Placement knows the servers, and their moves.

    Nova leaves the allocations of a move that a restart interrupted.
    """
    moves = {
        each.uuid
        for each in state.migrations
        if each.server in state.servers and each.status == 'finished'
    }
    moves |= {each.uuid for each in _failed_migrations(state)}
    moves |= set(interrupted)
    for consumer, provider, name, _ in state.allocations:
        if consumer not in state.servers and consumer not in moves:
            yield f'{consumer} has allocations of {name} on {provider}'


def _reported_devices(
    state: state_module.State, interrupted: Collection[str]
) -> Iterator[str]:
    """The allocations of devices are those of the records.

    Those of a migration are of its server. If a restart interrupted it, Nova
    may have moved them to it, and leaves them so. Nova removes all allocations
    of a server whose rebuild failed.
    """
    servers = {each.uuid: each.server for each in state.migrations}
    reported: Counter[tuple[str, str]] = Counter()
    reported_left: Counter[tuple[str, str]] = Counter()
    for consumer, provider, name, used in state.allocations:
        if name.startswith('CUSTOM_PCI_'):
            counts = reported_left if consumer in interrupted else reported
            counts[provider, servers.get(consumer, consumer)] += used
    recorded = Counter(
        (f'{device.host}_{device.address.upper()}', device.server)
        for device in state.devices
        if device.server is not None
    )
    failed = {server for server, _ in _failed_moves(state)}
    failed |= {
        server.uuid
        for server in state.servers.values()
        if server.vm_state == 'error'
    } - {consumer for consumer, *_ in state.allocations}
    missing = recorded - reported - reported_left
    for provider, server in (reported - recorded) + missing:
        if server in failed:
            continue
        yield (
            f'{provider} has {reported[provider, server]} allocations of '
            f'{server}, on record are {recorded[provider, server]}'
        )


def check_new_devices(
    before: state_module.State,
    after: state_module.State,
    hosts: hosts_module.Hosts,
) -> list[Problem]:
    """Return the devices that a guest got and that are others on record."""
    records = {
        (device.host, device.address): device.product_id
        for device in after.devices
    }
    return [
        Problem(
            'model',
            f'{uuid} got {address} on {host}: on record is '
            f'{records.get((host, address))}, in the host '
            f'{hosts.models[host].get(address)}',
        )
        for (host, uuid), devices in after.guests.items()
        for address in devices - before.guests.get((host, uuid), frozenset())
        if records.get((host, address)) != hosts.models[host].get(address)
    ]


def check_lost_requests(
    before: state_module.State,
    after: state_module.State,
    hosts: hosts_module.Hosts,
    batch: steps.Batch,
) -> list[Problem]:
    """Return the servers that lost requests for devices without a reason.

    A detach that is pending ends with the next start of the guest. A device
    that its host does not offer any more leaves the server then, too.
    """
    if any(step.name in ('hardware', 'offer') for step in batch):
        return []
    changed = {step.server for step in batch if step.name in _MAY_REMOVE}
    problems = []
    for uuid in before.servers.keys() & after.servers.keys():
        old, new = before.servers[uuid], after.servers[uuid]
        if sum(old.requests.values()) <= sum(new.requests.values()):
            continue
        is_explained = (
            old.name in changed
            or old.marks('detach')
            or any(
                hosts.offered(device.host).get(device.address)
                != device.product_id
                for device in before.devices_of(uuid)
            )
        )
        if not is_explained:
            problems.append(
                Problem(
                    'lost requests',
                    f'{old.name} asked for {dict(old.requests)} and asks for '
                    f'{dict(new.requests)}',
                )
            )
    return problems
