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
"""Boots of servers without devices, in all services of Nova.

An all-in-one runs with pci_ext, and one without it: nova-api, nova-conductor,
nova-scheduler, nova-compute and Placement in one process each. The hypervisor
is simulated. Servers are created and deleted in both in turns.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import tempfile
import time
from typing import Any

import psutil
import urllib3

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import process
from tools.bench import rows

SERVERS = {False: 20, True: 100}
ROUNDS = 5

_CARD = {'kind': 'gpu', 'vendor_id': '8086', 'product_id': '0001'}
_HOSTS = {
    f'host-{number}': [{**_CARD, 'address': '0000:01:00.0'}]
    for number in range(4)
}
_CONFIG = """
[DEFAULT]
# As rarely as can be: only the boots are to be measured.
update_resources_interval = 86400
[pci_ext]
pci_information = [{"vendor_id": "8086"}, {}]
[pci]
device_spec = {"vendor_id": "8086"}
"""

_SIZES = {'name': 'none', 'ram': 64, 'disk': 1, 'vcpus': 1}
_INTERVAL = 0.2


class _Cloud:
    """An all-in-one.

    :param module: the module to run
    """

    def __init__(self, directory: str, module: str) -> None:
        os.mkdir(directory)
        self._allinone = process.AllInOne(directory, _HOSTS, _CONFIG)
        self._allinone.MODULE = module
        self._http = urllib3.PoolManager()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._allinone.start()
        try:
            created = self._request('POST', '/flavors', {'flavor': _SIZES})
            self._flavor = created['flavor']['id']
            yield
        finally:
            self._allinone.stop()

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        response = self._http.request(
            method,
            self._allinone.compute_url + path,
            json=body,
            headers={
                'OpenStack-API-Version': 'compute 2.96',
                'X-Auth-Token': self._allinone.token('pci-ext'),
            },
        )
        if response.status >= 300:
            raise SystemExit(f'{method} {path}: {response.data.decode()}')
        return response.json() if response.data else None

    def boot(self, number: int) -> float:
        """Create and delete servers; return the processor time of one."""
        assert self._allinone.process is not None
        found = psutil.Process(self._allinone.process.pid)
        before = found.cpu_times()
        server = {
            'name': 'server',
            'imageRef': stub_services.IMAGE['id'],
            'flavorRef': self._flavor,
            'networks': 'none',
        }
        for _ in range(number):
            self._request('POST', '/servers', {'server': server})
        self._wait_until({'ACTIVE': number})
        for each in self._list():
            self._request('DELETE', f'/servers/{each["id"]}')
        self._wait_until({})
        after = found.cpu_times()
        spent = after.user + after.system - before.user - before.system
        return spent / number

    def _list(self) -> list[dict[str, Any]]:
        return list(self._request('GET', '/servers/detail')['servers'])

    def _wait_until(self, expected: dict[str, int]) -> None:
        while True:
            statuses = [each['status'] for each in self._list()]
            if {each: statuses.count(each) for each in statuses} == expected:
                return
            if 'ERROR' in statuses:
                raise SystemExit('A server is in ERROR')
            # Long, as answers cost processor time, too.
            time.sleep(_INTERVAL)


def measure(large: bool) -> Iterator[rows.Row]:
    number = SERVERS[large]
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        clouds = [
            _Cloud(os.path.join(folder, name), module)
            for name, module in (
                ('with', process.AllInOne.MODULE),
                ('without', process.PLAIN_NOVA),
            )
        ]
        for each in clouds:
            stack.enter_context(each.running())
            # The first servers fill the caches.
            each.boot(5)
        ours, rival = rows.in_turns(
            *((lambda each=each: each.boot(number)) for each in clouds), ROUNDS
        )
    yield rows.Row(
        'boot and delete without devices, all services',
        *('ms', ours * 1e3, rival * 1e3, 0.98),
    )
