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
"""A nova-api in this process, the times of its requests, and its memory.

It is the application that a WSGI server loads, with all its middleware; a
stub stands for keystone's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
import gc
import json
import os
import sys
import time
from typing import Any

from nova.api.openstack import wsgi_app
import webob

from tools.bench import rows

#: PCI flavors in the database; an evaluation requests a device of each.
PCI_FLAVORS = 256

#: At the end of the names of figures that are elapsed times.
ELAPSED = ', elapsed'

_ROUNDS = 3
_AT_ONCE = 8


def name_of(place: int) -> str:
    """Return the name of a PCI flavor.

    :param place: from 1 to PCI_FLAVORS
    """
    return f'flavor{place}'


_REQUESTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    'GET of a PCI flavor': (f'os-pci-flavors/{name_of(1)}', None),
    'GET of 1,000 devices': ('os-pci-devices?limit=1000', None),
    'GET of a device, the first of all': ('os-pci-devices?limit=1', None),
    f'GET of {PCI_FLAVORS} PCI flavors with details': (
        'os-pci-flavors/detail',
        None,
    ),
    'GET of 1,000 pools': ('os-pci-pools?limit=1000', None),
    f'evaluation of {PCI_FLAVORS} requests': (
        'os-pci-flavors/evaluate',
        {
            'evaluate': {
                'request': ';'.join(
                    name_of(place) for place in range(1, PCI_FLAVORS + 1)
                )
            }
        },
    ),
}


def _caller(
    application: Any, path: str, body: dict[str, Any] | None
) -> Callable[[], None]:
    def call() -> None:
        request = webob.Request.blank(f'/v2.1/{path}')
        if body is not None:
            request.method = 'POST'
            request.json = body
        response = request.get_response(application)
        if response.status_int != 200 or response.json.get('cells_down'):
            raise SystemExit(f'{path}: {response.text[:1000]}')

    return call


def _peak() -> float:
    """Return the most memory that the process has had, in MB."""
    with open('/proc/self/status') as stream:
        [line] = [line for line in stream if line.startswith('VmHWM:')]
    return int(line.split()[1]) / 1024


def _measure(application: Any) -> dict[str, tuple[str, float]]:
    figures: dict[str, tuple[str, float]] = {}
    call = None
    for name, (path, body) in _REQUESTS.items():
        call = _caller(application, path, body)
        # The first call fills caches.
        call()
        times = []
        for _ in range(_ROUNDS):
            gc.collect()
            started = time.perf_counter()
            used = rows.seconds(call, collect=False)
            times.append((used, time.perf_counter() - started))
        used, elapsed = (min(each) for each in zip(*times, strict=True))
        figures[name] = 's', used
        figures[f'{name}{ELAPSED}'] = 's', elapsed
    assert call
    figures['peak of memory, one evaluation at a time'] = 'MB', _peak()
    with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        for times in 'first', 'second':
            for done in [pool.submit(call) for _ in range(_AT_ONCE)]:
                done.result()
            name = f'peak of memory, {_AT_ONCE} at once the {times} time'
            figures[name] = 'MB', _peak()
    return figures


def main() -> int:
    folder, result = sys.argv[1:]
    os.environ['OS_NOVA_CONFIG_DIR'] = folder
    sys.argv[1:] = []
    application = wsgi_app.init_application(
        'osapi_compute', 'nova-api-os-compute'
    )
    figures = _measure(application)
    with open(result, 'w') as stream:
        json.dump(figures, stream)
    return 0


if __name__ == '__main__':
    sys.exit(main())
