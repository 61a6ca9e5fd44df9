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

"""The claims of a server whose guest is to arrive at this host."""

from collections import Counter
from collections.abc import Iterator
import contextlib
import time
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from oslo_log import log as logging

from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.i18n import _
from pci_ext.requests import live_migration_policy

LOG = logging.getLogger(__name__)

#: Seconds to wait for the end of a migration, and between looks at it.
_PATIENCE = 60.0
_POLL_INTERVAL = 0.2


def forget(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    migration_id: int | None = None,
) -> None:
    """Free what is claimed for a server that does not come after all.

    Nova forgets it where both hosts share their storage, and would then claim
    over it at the next attempt. Nothing is freed if its guest is here,
    whatever the record of the server says.

    :param migration_id: the live migration that is over, where another may
        have been begun since
    """
    is_here = instance.host == compute.host
    if not is_here and not compute.driver.runs_here(instance):
        compute.rt.release_pci_claims(context, instance, migration_id)


def publish(
    compute: nova_compute.ComputeManager, instance: 'objects.Instance'
) -> None:
    """Report the pools of this host once a server has come, or has not.

    Nova does so at the source only. Until it looks at its resources anyway, it
    would not free the devices of the server either if that was deleted.
    """
    context = nova_context.get_admin_context()
    deadline = time.monotonic() + _PATIENCE
    try:
        while instance.task_state == task_states.MIGRATING:
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_INTERVAL)
            instance = objects.Instance.get_by_uuid(context, instance.uuid)
    except nova_exception.InstanceNotFound:
        LOG.debug('It is gone already', instance=instance)
    compute.update_available_resource(context)


@contextlib.contextmanager
def expected(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> Iterator[None]:
    """See that all is claimed, and free it if what follows fails.

    :raises nova.exception.MigrationPreCheckError: if it is not. Nova looks
        for claims that nobody needs while it does not yet know for whom this
        one is
    """
    try:
        _check(compute, context, instance)
        yield
    except Exception:
        forget(compute, context, instance)
        raise


def _check(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> None:
    requests = [
        request
        for request in instance_devices.requests_of(instance)
        if request.source != objects.InstancePCIRequest.NEUTRON_PORT
    ]
    if not requests:
        return
    claimed = instance_devices.devices_of(compute.rt, instance)
    leaving = objects.PciDeviceList.get_by_instance_uuid(
        context, instance.uuid
    )
    for request in requests:
        arriving = _kinds(claimed, request)
        if arriving.total() != request.count:
            raise nova_exception.MigrationPreCheckError(
                reason=_('PCI devices are not claimed on %s.') % compute.host
            )
        if live_migration_policy.NATIVE in live_migration_policy.policies_of(
            request
        ) and arriving != _kinds(leaving, request):
            # The state of a device goes into one of the same kind only.
            raise nova_exception.MigrationPreCheckError(
                reason=_('%s has other PCI devices than the server.')
                % compute.host
            )
    LOG.info(
        'Live migration: PCI devices %s are claimed',
        ', '.join(sorted(device.address for device in claimed)),
        instance=instance,
    )


def _kinds(
    devices: Any, request: 'objects.InstancePCIRequest'
) -> Counter[tuple[str, str]]:
    return Counter(
        (device.vendor_id, device.product_id)
        for device in devices
        if device.request_id == request.request_id
    )
