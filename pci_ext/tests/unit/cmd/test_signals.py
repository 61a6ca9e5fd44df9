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

import signal
import threading

import fixtures
from oslotest import base

from pci_ext.cmd import signals

#: Seconds after which a test that hangs fails.
_TIMEOUT = 20


class WaitTest(base.BaseTestCase):
    def test_signal_is_delivered_to_another_thread(self) -> None:
        self.useFixture(fixtures.Timeout(_TIMEOUT, gentle=True))
        event = threading.Event()
        before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        done = threading.Event()
        self.addCleanup(done.set)

        def receive() -> None:
            # Let the main thread begin to wait.
            done.wait(0.2)
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            done.wait()

        threading.Thread(target=receive, daemon=True).start()
        signals.wait(event)
        self.assertTrue(event.is_set())
