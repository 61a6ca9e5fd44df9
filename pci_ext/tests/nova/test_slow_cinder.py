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

"""Attach and detach while nova-api waits for cinder.

nova-api has loaded the server by then, and saves it afterwards. The tests of
glance and neutron are functional ones; their cloud has no cinder.
"""

from collections.abc import Callable
from typing import Any

import fixtures
from nova import objects
from nova import utils
from nova.tests import fixtures as nova_fixtures
from nova.volume import cinder

from pci_ext.tests.nova import test_libvirt_attach

IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'


class SlowCinderTest(test_libvirt_attach.LibvirtAttachTestCase):
    """A server with a root volume and two devices."""

    def setUp(self) -> None:
        super().setUp()
        self.emit_removed_events()
        self.attach('1:accelerator')

    def boot(self, request: str, **kwargs: Any) -> dict:
        self.useFixture(nova_fixtures.CinderFixture(self))
        flavor = self._create_flavor(
            extra_spec={'pci_passthrough:pci_flavor': request}
        )
        server = self._build_server(
            image_uuid='', flavor_id=flavor, networks='none'
        )
        del server['imageRef']
        server['block_device_mapping_v2'] = [
            {
                'boot_index': 0,
                'uuid': nova_fixtures.CinderFixture.IMAGE_BACKED_VOL,
                'source_type': 'volume',
                'destination_type': 'volume',
            }
        ]
        posted = self.api.post_server({'server': server})
        return self._wait_for_state_change(posted, 'ACTIVE')

    def rebuild(self, meanwhile: Callable[[], None]) -> None:
        """Rebuild the server; another action is taken meanwhile."""
        get = cinder.API.get
        begun = False

        def wait_and_get(*args: Any, **kwargs: Any) -> Any:
            nonlocal begun
            if not begun:
                begun = True
                meanwhile()
            return get(*args, **kwargs)

        # Later ones write an image to the volume.
        with (
            fixtures.MockPatchObject(
                cinder.API, 'get', autospec=False, side_effect=wait_and_get
            ),
            utils.temporary_mutation(self.api, microversion='2.92'),
        ):
            self.api.post_server_action(
                self.server['id'], {'rebuild': {'imageRef': IMAGE}}
            )
        self.assertTrue(begun)
        self._wait_for_server_parameter(
            self.server, {'OS-EXT-STS:task_state': None}
        )

    def detach_one(self) -> None:
        self.detach(min(self.devices_of(self.server)))

    def attach_one(self) -> None:
        self.attach('1:accelerator')

    def assertDevices(self, count: int) -> None:
        """Check the devices of the server, also after a new start."""
        self._reboot_server(self.server, hard=True)
        devices = self.devices_of(self.server)
        self.assertEqual(count, len(devices))
        self.assertEqual(devices, self.hostdevs_of('compute1', self.server))
        requests = objects.InstancePCIRequests.get_by_instance_uuid(
            self.ctxt, self.server['id']
        ).requests
        self.assertEqual(count, sum(each.count for each in requests))

    def test_attach_during_a_rebuild(self) -> None:
        self.rebuild(self.attach_one)
        self.assertDevices(3)

    def test_detach_during_a_rebuild(self) -> None:
        self.rebuild(self.detach_one)
        self.assertDevices(1)
