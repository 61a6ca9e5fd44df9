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

"""Retry a reattach with growing delays."""

from collections.abc import Callable
import contextlib
import enum

from nova import context as nova_context
from nova import exception as nova_exception
from nova import utils
from nova.compute import utils as compute_utils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import nova_compute
from pci_ext.compute import shutdown
from pci_ext.compute.operations import reattach
from pci_ext.i18n import _

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Tells that a thread has the server, or waits for its lock.
AtWork = Callable[[], contextlib.AbstractContextManager[None]]

#: The delay, in seconds, does not grow beyond this.
_MAX_DELAY = 60.0


class _Stopped(exception.PciExtException):
    """nova-compute is being stopped."""

    msg_fmt = _('nova-compute was stopped; its next start tries again')


class _Outcome(enum.Enum):
    DONE = enum.auto()
    #: Another task has the server; does not count as an attempt.
    BUSY = enum.auto()


def retry_reattach(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
    end: shutdown.Shutdown,
    at_work: AtWork,
) -> None:
    """Try to reattach the missing devices of a guest until it succeeds.

    Returns when it has succeeded or the attempts are used up, and records an
    event of the server. Devices that cannot be attached stay allocated; a user
    can request another attempt. A shutdown of nova-compute ends the attempts;
    its next start makes others.

    :param context: the context of the action that detached the devices
    :param at_work: entered for each attempt
    """
    task = _reattach(compute, context, server_uuid)
    if any(task.events_ended()):
        # Nova cannot end a second event of one name in an action.
        context = reattach.start_action(server_uuid)
        task = _reattach(compute, context, server_uuid)
    with (
        contextlib.suppress(exception.PciAttachFailed, _Stopped),
        _Event(task),
    ):
        _retry(compute, context, server_uuid, end, at_work)
    # Not before: healing ends the event of an operation that is on record.
    task.forget()


class _Event(compute_utils.EventReporter):
    """The event of a reattach, which a restart of nova-compute continues."""

    def __init__(self, task: reattach.Reattach) -> None:
        super().__init__(
            task.context,
            f'compute_{task.name}',
            task.compute.host,
            task.server_uuid,
            graceful_exit=True,
        )
        self._task = task

    def __enter__(self) -> None:
        if all(self._task.events_ended()):
            super().__enter__()


def _reattach(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> reattach.Reattach:
    return reattach.Reattach(
        compute, context, server_uuid, str(context.request_id)
    )


def _retry(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
    end: shutdown.Shutdown,
    at_work: AtWork,
) -> None:
    delay = float(CONF.pci_ext.reattach_delay)
    attempts = 0
    while attempts < CONF.pci_ext.reattach_attempts:
        if end.wait(delay):
            raise _Stopped()
        delay = min(delay * 2, _MAX_DELAY)
        last = attempts + 1 >= CONF.pci_ext.reattach_attempts
        try:
            with (
                at_work(),
                end.delayed_by(
                    reattach.Reattach.name, server_uuid, context.request_id
                ),
            ):
                outcome = _attempt(
                    _reattach(compute, context, server_uuid),
                    server_state.FAILED if last else server_state.RETRYING,
                )
        except nova_exception.InstanceNotFound:
            return
        except Exception as error:
            # The hypervisor, the conductor or the database may be away.
            LOG.warning(
                '%s (attempt %d)',
                error,
                attempts + 1,
                instance_uuid=server_uuid,
            )
            if last:
                raise
            attempts += 1
            continue
        if outcome is _Outcome.DONE:
            return


def _attempt(task: reattach.Reattach, state: str) -> _Outcome:
    @utils.synchronized(task.server_uuid)
    def run() -> _Outcome:
        task.reload()
        if task.instance.host != task.compute.host:
            # The host that it is on reattaches its devices.
            return (
                _Outcome.DONE
                if task.instance.task_state is None
                else _Outcome.BUSY
            )
        # A response to an earlier attempt may have been lost.
        has_server = task.is_current(task.instance)
        if not has_server and (
            task.instance.task_state or not task.acquire_server()
        ):
            return _Outcome.BUSY
        try:
            task.record_missing()
            if server_state.pending_reattach(task.instance):
                task.attempt(state)
        except Exception:
            with excutils.save_and_reraise_exception():
                task.release_server()
                if state == server_state.RETRYING:
                    # Between two attempts, it does not have the server.
                    task.forget()
        task.release_server()
        return _Outcome.DONE

    return run()
