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

"""Devices of an action, from the check of the quota to the reservation."""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import contextvars

from nova import context as nova_context
from nova import objects
from oslo_utils import excutils

from pci_ext import server_state
from pci_ext.api.quota import checks

#: Counts by the uuids of PCI flavors.
Devices = Mapping[str, int]

#: Set by `prepare`, read by `recheck`, both called by ComputeAPI.
_prepared: contextvars.ContextVar[Devices | None] = contextvars.ContextVar(
    'pci_ext_reservation', default=None
)


@contextlib.contextmanager
def scope() -> Iterator[None]:
    """Forget prepared devices at the end of an action."""
    token = _prepared.set(None)
    try:
        yield
    finally:
        _prepared.reset(token)


def prepare(devices: Devices) -> None:
    """Keep devices that passed a check, until the action begins."""
    _prepared.set(devices)


def recheck(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    reserve: bool,
) -> None:
    """Check the prepared devices again, once the server has its task state.

    :param reserve: whether to save a reservation: no record of the server
        has the devices until its host claims them
    :raises nova.exception.OverQuota: if another request took the devices
        since the first check; the task state of the server is reset
    """
    devices = _prepared.get() or {}
    task_state = instance.task_state
    if reserve and server_state.reserve(instance, devices):
        # Only now no other process writes these.
        instance.refresh()
        server_state.reserve(instance, devices)
        instance.save(expected_task_state=[task_state])
    try:
        checks.recheck(context, instance.project_id, devices)
    except Exception:
        with excutils.save_and_reraise_exception():
            instance.task_state = None
            server_state.release_reservation(instance)
            instance.save(expected_task_state=[task_state])
