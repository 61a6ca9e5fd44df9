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

import threading
from unittest import mock

from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import host
from oslotest import base

from pci_ext import exception
from pci_ext.virt.libvirt import connection


class ConnectionTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        patched = mock.patch.object(host, 'libvirt', fakelibvirt)
        patched.start()
        self.addCleanup(patched.stop)

    def test_loss_is_noticed_by_the_test_of_the_connection(self) -> None:
        """libvirt calls back in the thread that tests the connection."""
        nova_host = host.Host('qemu:///system')
        connection.make_reentrant(nova_host)
        lost, new = (mock.Mock(spec=fakelibvirt.Connection) for _ in range(2))

        def notice() -> None:
            nova_host._connection_closed(lost, False, 'lost')
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError,
                'Cannot recv data: Connection reset by peer',
                error_code=fakelibvirt.VIR_ERR_SYSTEM_ERROR,
                error_domain=fakelibvirt.VIR_FROM_RPC,
            )

        lost.getLibVersion.side_effect = notice
        connections = iter((lost, new))
        found: list[object] = []
        with mock.patch.object(
            nova_host,
            '_get_new_connection',
            autospec=True,
            side_effect=lambda: next(connections),
        ):
            nova_host.get_connection()
            thread = threading.Thread(
                target=lambda: found.append(nova_host.get_connection()),
                daemon=True,
            )
            thread.start()
            thread.join(30)
        self.assertEqual([new], found)

    def test_fails_without_the_lock_of_nova(self) -> None:
        self.assertRaises(
            exception.SeamChanged, connection.make_reentrant, object()
        )
