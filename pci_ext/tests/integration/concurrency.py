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

"""Concurrent requests of the API."""

from concurrent import futures
import threading

from pci_ext.db import pci_flavors
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors'
AT_ONCE = 8


class ConcurrencyTestCase(base.RouterTestCase):
    def call_at_once(
        self, method: str, *calls: tuple[str, dict[str, str]]
    ) -> list[int]:
        """Send requests from threads that start together.

        :param calls: for each request its path and the values of pci_flavor
        :returns: the status codes, sorted
        """
        barrier = threading.Barrier(len(calls))

        def call(path: str, values: dict[str, str]) -> int:
            barrier.wait()
            response = self.call(method, path, {'pci_flavor': values})
            return int(response.status_int)

        with futures.ThreadPoolExecutor(len(calls)) as pool:
            return sorted(pool.map(call, *zip(*calls, strict=True)))

    def names(self) -> list[str]:
        return [flavor.name for flavor in pci_flavors.get_all()]

    def test_creates_only_one_pci_flavor_of_a_name(self) -> None:
        # The first request of a process is slow.
        self.call('GET', PATH)
        for number in range(5):
            name = f'GPU{number}'
            self.assertEqual(
                [201] + [409] * (AT_ONCE - 1),
                self.call_at_once('POST', *[(PATH, {'name': name})] * AT_ONCE),
            )
            self.assertEqual(number + 1, len(self.names()))

    def test_renames_only_one_pci_flavor_to_a_name(self) -> None:
        for number in range(AT_ONCE):
            self.call('POST', PATH, {'pci_flavor': {'name': f'old{number}'}})
        self.assertEqual(
            [200] + [409] * (AT_ONCE - 1),
            self.call_at_once(
                'PUT',
                *(
                    (f'{PATH}/old{number}', {'name': 'new'})
                    for number in range(AT_ONCE)
                ),
            ),
        )
        self.assertEqual(1, self.names().count('new'))
