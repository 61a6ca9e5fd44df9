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

"""The destination of a live migration: the devices claimed for it."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import time

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from oslo_log import log as logging

from pci_ext.compute import host_scan
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute import shutdown
from pci_ext.i18n import _
from pci_ext.requests import instance_requests
from pci_ext.requests import live_migration_policy

LOG = logging.getLogger(__name__)

#: Seconds to wait for the end of a migration, and between two checks.
_TIMEOUT = 60.0
_POLL_INTERVAL = 0.2


def release_claims(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    migration_id: int | None = None,
) -> None:
    """Free the devices claimed for a live migration that has failed.

    Nova does not free them if both hosts share their storage, and would claim
    over them at the next attempt. Nothing is freed if the guest runs here,
    whichever host the record of the server names.

    :param migration_id: the live migration that has ended; the claims of a
        later one are left alone
    """
    is_here = instance.host == compute.host
    if not is_here and not compute.driver.runs_here(instance):
        compute.rt.release_pci_claims(context, instance, migration_id)


def report_pools(
    scan: host_scan.HostScan,
    instance: 'objects.Instance',
    end: shutdown.Shutdown,
) -> None:
    """Report the pools of this host once a live migration has ended.

    Nova does so at the source only. Before its next scan it would not free the
    devices of the server either, if that was deleted.
    """
    context = nova_context.get_admin_context()
    deadline = time.monotonic() + _TIMEOUT
    try:
        while instance.task_state == task_states.MIGRATING:
            if time.monotonic() > deadline or end.wait(_POLL_INTERVAL):
                return
            instance = objects.Instance.get_by_uuid(context, instance.uuid)
    except nova_exception.InstanceNotFound:
        LOG.debug('The server is deleted already', instance=instance)
    scan.run()


@contextlib.contextmanager
def verified_claims(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> Iterator[None]:
    """Check that all devices are claimed; free them if the body fails.

    Nova's clean_usage may run before the migration names this host, and free
    the claims.

    :raises nova.exception.MigrationPreCheckError: if a device is not claimed
    """
    try:
        _check(compute, context, instance)
        yield
    except Exception:
        release_claims(compute, context, instance)
        raise


def _check(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> None:
    requests = instance_requests.list_without_ports(instance)
    if not requests:
        return
    claimed = instance_devices.get_devices(compute.rt, instance)
    at_source = objects.PciDeviceList.get_by_instance_uuid(
        context, instance.uuid
    )
    for request in requests:
        models = _models(claimed, request)
        if models.total() != request.count:
            raise nova_exception.MigrationPreCheckError(
                reason=_('PCI devices are not claimed on %s.') % compute.host
            )
        if live_migration_policy.NATIVE in live_migration_policy.policies_of(
            request
        ) and models != _models(at_source, request):
            # The state of a device goes into one of the same model only.
            raise nova_exception.MigrationPreCheckError(
                reason=_('%s has other PCI devices than the server.')
                % compute.host
            )
    LOG.info(
        'Live migration: PCI devices %s are claimed',
        ', '.join(sorted(device.address for device in claimed)),
        instance=instance,
    )


def _models(
    devices: 'Iterable[objects.PciDevice]',
    request: 'objects.InstancePCIRequest',
) -> Counter[tuple[str, str]]:
    return Counter(
        (device.vendor_id, device.product_id)
        for device in devices
        if device.request_id == request.request_id
    )
