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
"""The servers with state of pci_ext, changed to those of a plain Nova."""

from collections.abc import Iterator
import dataclasses

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import vm_states
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_utils import timeutils
import sqlalchemy as sa

from pci_ext import server_state
from pci_ext.cmd.aliases import nova_flavors
from pci_ext.cmd.removal import plain_requests
from pci_ext.matching import compiled_requests
from pci_ext.requests import from_flavor
from pci_ext.requests import instance_requests
from pci_ext.requests import moves

#: Extra specs that Nova does not know.
EXTRA_SPECS = (
    from_flavor.PCI_FLAVOR,
    from_flavor.PCI_NAME,
    server_state.RESOLVED,
)

_METADATA = (server_state.PREFIX, server_state.RESERVED)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome for a server.

    :ivar changes: descriptions of the changes
    :ivar problem: the reason that it is not changed; empty if it is
    :ivar missing: descriptions of the aliases that the configuration lacks
    """

    instance: 'objects.Instance'
    changes: tuple[str, ...] = ()
    problem: str = ''
    missing: tuple[str, ...] = ()


def prepare(
    context: nova_context.RequestContext,
    aliases: plain_requests.Aliases,
    dry_run: bool,
) -> Iterator[Outcome]:
    """Change the servers of all cells.

    Servers in the cell of those without a host are left as they are: they can
    be deleted and nothing else.

    :param dry_run: yield the changes, and make none
    :returns: the outcome for each server with state of pci_ext
    """
    yield from _list_being_built(context)
    for cell in objects.CellMappingList.get_all(context):
        if cell.is_cell0():
            continue
        with nova_context.target_cell(context, cell) as cell_context:
            for uuid in _list_uuids(cell_context):
                try:
                    instance = objects.Instance.get_by_uuid(
                        cell_context,
                        uuid,
                        expected_attrs=[
                            'flavor',
                            'pci_devices',
                            'pci_requests',
                            'system_metadata',
                        ],
                    )
                    outcome = _prepare(context, instance, aliases, dry_run)
                except nova_exception.InstanceNotFound:
                    # It was deleted meanwhile.
                    continue
                if outcome.changes or outcome.problem:
                    yield outcome


def _list_being_built(
    context: nova_context.RequestContext,
) -> Iterator[Outcome]:
    """List servers with PCI flavors that no cell has yet."""
    for request in objects.BuildRequestList.get_all(context):
        instance = request.instance
        if any(key in instance.flavor.extra_specs for key in EXTRA_SPECS):
            yield Outcome(instance, problem='it is being built')


@db_api.pick_context_manager_reader
def _list_uuids(context: nova_context.RequestContext) -> list[str]:
    """List the servers that may have state of pci_ext."""
    instance, extra = models.Instance, models.InstanceExtra
    metadata = models.InstanceSystemMetadata
    requests = (*compiled_requests.MARKERS, server_state.PREFIX)
    rows = (
        context.session.query(instance.uuid)
        .outerjoin(extra, extra.instance_uuid == instance.uuid)
        .filter(
            instance.deleted == 0,
            sa.or_(
                *(extra.pci_requests.contains(text) for text in requests),
                *(extra.flavor.contains(text) for text in EXTRA_SPECS),
                sa.exists().where(
                    metadata.instance_uuid == instance.uuid,
                    metadata.deleted == 0,
                    sa.or_(*(metadata.key.startswith(x) for x in _METADATA)),
                ),
            ),
        )
        .order_by(instance.uuid)
    )
    return [row.uuid for row in rows]


def _prepare(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    aliases: plain_requests.Aliases,
    dry_run: bool,
) -> Outcome:
    if problem := _find_operation(instance):
        return Outcome(instance, problem=problem)
    plain = plain_requests.convert(
        instance_requests.list_requests(instance),
        instance.pci_devices or (),
        aliases,
    )
    if plain.missing:
        return Outcome(
            instance,
            problem='no alias has its PCI devices',
            missing=tuple(plain.missing),
        )
    changes = tuple(_change(instance, plain))
    if changes and not dry_run:
        _save_request_spec(context, instance)
        if not _save(instance._context, instance):
            return Outcome(instance, problem='an operation has begun')
    return Outcome(instance, changes)


def _find_operation(instance: 'objects.Instance') -> str:
    """Return the reason that a server cannot be changed; empty if it can."""
    if instance.task_state:
        return f'its task state is {instance.task_state}'
    if instance.vm_state == vm_states.RESIZED:
        return 'its resize or migration is to be confirmed or reverted'
    if server_state.operation_id(instance):
        return 'an attach or detach is under way'
    if any(
        server_state.is_attaching(request)
        for request in instance_requests.list_requests(instance)
    ):
        return 'an attach is not completed'
    if addresses := server_state.pending_detaches(instance):
        return (
            f'its guest has not released {", ".join(sorted(addresses))}: stop '
            'and start the server'
        )
    if server_state.pending_reattach(instance):
        return (
            'devices are to be reattached after a live migration: stop and '
            'start the server'
        )
    return ''


def _change(
    instance: 'objects.Instance', plain: plain_requests.PlainRequests
) -> Iterator[str]:
    """Change a server, which is not saved; yield descriptions."""
    requests = objects.InstancePCIRequests(
        instance_uuid=instance.uuid, requests=plain.requests
    )
    extra_specs = {
        key: value
        for key, value in instance.flavor.extra_specs.items()
        if key not in EXTRA_SPECS
    }
    has_changed = bool(
        instance.pci_requests
        and requests.to_json() != instance.pci_requests.to_json()
    )
    if has_changed or extra_specs != instance.flavor.extra_specs:
        extra_specs.pop(from_flavor.ALIAS, None)
        if plain.aliases:
            value = nova_flavors.format_extra_spec(plain.aliases)
            extra_specs[from_flavor.ALIAS] = value
            yield f'{from_flavor.ALIAS}={value} in its flavor'
        else:
            yield f'no {from_flavor.ALIAS} in its flavor'
        flavor = instance.flavor
        flavor.extra_specs = extra_specs
        # Nova saves a flavor that is set, not one that is changed.
        instance.flavor = flavor
    if has_changed:
        instance.pci_requests = requests
        yield (
            'requests '
            + ', '.join(
                request.alias_name or f'port {request.requester_id}'
                for request in plain.requests
            )
        )
    marks = [
        key for key in instance.system_metadata if key.startswith(_METADATA)
    ]
    if marks:
        for key in marks:
            del instance.system_metadata[key]
        yield f'no {", ".join(sorted(marks))}'


@db_api.pick_context_manager_writer
def _save(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> bool:
    """Save a server unless an operation has begun.

    Nova checks the task state after it has saved requests and flavor.

    :returns: whether it is saved
    """
    is_idle = (
        context.session.query(models.Instance)
        .filter_by(
            uuid=instance.uuid, task_state=None, vm_state=instance.vm_state
        )
        .update({'updated_at': timeutils.utcnow()}, synchronize_session=False)
    )
    if is_idle:
        instance.save()
    return bool(is_idle)


def _save_request_spec(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    """Change the request spec as the server, whose changes are not saved.

    It comes first: a server that was not saved is found again.
    """
    try:
        spec = objects.RequestSpec.get_by_instance_uuid(context, instance.uuid)
    except nova_exception.RequestSpecNotFound:
        return
    if instance.pci_requests:
        moves.sync_request_spec(spec, instance)
        for request in spec.pci_requests.requests:
            plain_requests.convert_port(request)
    flavor = spec.flavor
    flavor.extra_specs = dict(instance.flavor.extra_specs)
    spec.flavor = flavor
    spec.save()
