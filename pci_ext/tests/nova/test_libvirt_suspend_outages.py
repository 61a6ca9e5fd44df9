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

"""libvirt and nova-conductor are away during a suspend or a resume.

Each of their calls fails once, or all calls from that call on fail until the
action has ended; libvirt may also lose the responses to a suspend. Then the
service is back, and the server has its devices again: a periodic task heals
it, or an operator reboots it where Nova set it to the state error.
"""

from collections.abc import Iterator
import contextlib
import functools
import itertools
import time
from typing import Any

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt

from pci_ext import server_state
from pci_ext.tests.component.compute import outages
from pci_ext.tests.nova import test_libvirt_attach

CONDUCTOR, LIBVIRT = 'conductor', 'libvirt'

#: Seconds for the devices of a server to be attached again.
_TIMEOUT = 60

_CALLS_OF_LIBVIRT = (
    (fakelibvirt.Connection, 'lookupByUUIDString'),
    *(
        (fakelibvirt.Domain, name)
        for name in (
            *('XMLDesc', 'managedSave', 'createWithFlags'),
            *('attachDeviceFlags', 'detachDeviceFlags'),
        )
    ),
)


class LibvirtOutage(outages.Outage):
    """libvirt is away for nova-compute; the guests run on."""

    def _setUp(self) -> None:
        for owner, name in _CALLS_OF_LIBVIRT:
            self.useFixture(
                fixtures.MockPatchObject(
                    owner, name, self._interrupt(name, getattr(owner, name))
                )
            )

    def _interrupt(self, name: str, function: Any) -> Any:
        def interrupted(*args: Any, **kwargs: Any) -> Any:
            return self.call(
                name,
                functools.partial(function, *args, **kwargs),
                fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    'the connection is lost',
                    error_code=fakelibvirt.VIR_ERR_OPERATION_FAILED,
                    error_message='the connection is lost',
                ),
            )

        return interrupted


class SuspendOutagesTest(test_libvirt_attach.LibvirtAttachTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        self.flags(group='pci_ext', reattach_delay=0.1)
        # Nova calls it without flags, which libvirt allows.
        self.useFixture(
            fixtures.MockPatchObject(
                fakelibvirt.Domain,
                'managedSaveRemove',
                functools.partialmethod(
                    fakelibvirt.Domain.managedSaveRemove, 0
                ),
            )
        )
        self.emit_removed_events()
        self.attach('accelerator')
        self.before = self.devices_of(self.server)
        self.assertEqual(2, len(self.before))
        self.driver = self.computes['compute1'].driver

    def outage(self, service: str, *args: Any) -> outages.Outage:
        if service == CONDUCTOR:
            return outages.ConductorOutage(*args)
        return LibvirtOutage(*args)

    @contextlib.contextmanager
    def interrupt(self, action: str, outage: outages.Outage) -> Iterator[None]:
        """Let a service be away while the driver does an action."""
        function = getattr(self.driver, action)

        def interrupted(*args: Any, **kwargs: Any) -> None:
            with outage:
                function(*args, **kwargs)

        with fixtures.MockPatchObject(self.driver, action, interrupted):
            yield

    def check(self, action: str, service: str, *how: Any) -> None:
        for first in itertools.count(1):
            if action == 'resume':
                self.server = self._suspend_server(self.server)
            outage = self.outage(service, first, *how)
            with self.interrupt(action, outage):
                # In Nova's tests casts are calls, so the request may fail.
                self.api.post_server_action(
                    self.server['id'],
                    {action: None},
                    check_response_status=[202, 500],
                )
            self.heal(action)
            self.assertSameDevices(outage.failed)
            if not outage.failed:
                break
        self.assertLess(1, first)

    def heal(self, action: str) -> None:
        self._wait_for_server_parameter(
            self.server, {'OS-EXT-STS:task_state': None}
        )
        self.heal_unhealthy()
        status = self.api.get_server(self.server['id'])['status']
        if status == 'ERROR':
            # A guest that still runs is as it was before the suspend.
            if action == 'suspend':
                self.assertFalse(self.domain().isActive())
            self.server = self._reboot_server(self.server, hard=True)
        elif status == 'SUSPENDED':
            self.server = self._resume_server(self.server)

    def heal_unhealthy(self) -> None:
        """Run the periodic task, without the delays between attempts."""
        unhealthy = self.driver._pci_manager._unhealthy
        with fixtures.MockPatchObject(
            unhealthy, 'due', lambda: list(unhealthy._schedules)
        ):
            self.driver._pci_manager._heal_due(None)

    def assertSameDevices(self, failed: list[str]) -> None:
        """Check the devices of the server, and that nothing is unfinished."""
        manager = self.driver._pci_manager
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            if not manager.workers.is_busy(self.server['id']):
                if self.server['id'] not in manager._unhealthy:
                    break
                self.heal_unhealthy()
            time.sleep(0.05)
        found = self.hostdevs_of('compute1', self.server)
        self.assertEqual(self.before, found, failed)
        self.assertEqual(self.before, self.devices_of(self.server))
        keys = self.instance().system_metadata
        self.assertEqual(
            [],
            [key for key in keys if key.startswith(server_state.PREFIX)],
            failed,
        )


def _add_tests() -> None:
    """Add a test for each action, service and kind of outage."""
    for action, service, (kind, how) in itertools.product(
        ('suspend', 'resume'), (CONDUCTOR, LIBVIRT), outages.KINDS.items()
    ):
        # A lost response differs from a failure where the call changes
        # something, which only a suspend ends with.
        if kind == 'response_lost' and (action, service) != (
            'suspend',
            LIBVIRT,
        ):
            continue
        test = functools.partialmethod(
            SuspendOutagesTest.check, action, service, *how
        )
        setattr(SuspendOutagesTest, f'test_{action}_{service}_{kind}', test)


_add_tests()
