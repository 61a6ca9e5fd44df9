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

from pci_ext.tests.component.compute import base
from pci_ext.virt.fake import domain_transfer


class DomainTransferTestCase(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(devices=0)
        self.source = self.compute.driver._domains

    def assertFails(self, aborted: threading.Event) -> None:
        error = self.assertRaises(
            domain_transfer.TransferFailedError,
            domain_transfer.transfer,
            *(self.server, self.source, self.source, {}, aborted),
        )
        self.assertEqual('domain is not running', str(error))

    def test_refuses_a_domain_that_does_not_run(self) -> None:
        self.source.stop(self.server)
        self.assertFails(threading.Event())

    def test_fails_if_the_guest_ends_meanwhile(self) -> None:
        class Ending(threading.Event):
            def wait(event, timeout: float | None = None) -> bool:
                self.source.stop(self.server)
                return False

        self.assertFails(Ending())
