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


from concurrent import futures
import threading
import types

from oslotest import base

from pci_ext.compute import host_scan


class HostScanTest(base.BaseTestCase):
    def test_calls_during_a_scan_share_the_next(self) -> None:
        begun, end = threading.Event(), threading.Event()
        scans: list[object] = []

        def update_available_resource(context: object) -> None:
            scans.append(context)
            begun.set()
            end.wait()

        scan = host_scan.HostScan(
            types.SimpleNamespace(
                update_available_resource=update_available_resource
            )
        )
        with futures.ThreadPoolExecutor() as pool:
            first = pool.submit(scan.run)
            begun.wait()
            calls = [pool.submit(scan.run) for _ in range(3)]
            ended = futures.as_completed(calls, timeout=60)
            try:
                # The third waits for its own scan, which is for all three.
                for _ in range(2):
                    next(ended).result()
            finally:
                end.set()
            for call in (first, *calls):
                call.result()
        self.assertEqual(2, len(scans))

    def test_a_failure_does_not_prevent_the_next(self) -> None:
        scans: list[object] = []

        def update_available_resource(context: object) -> None:
            scans.append(context)
            raise RuntimeError

        scan = host_scan.HostScan(
            types.SimpleNamespace(
                update_available_resource=update_available_resource
            )
        )
        for _ in range(2):
            self.assertRaises(RuntimeError, scan.run)
        self.assertEqual(2, len(scans))
