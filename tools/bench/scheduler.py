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
"""A nova-scheduler that boots servers, and the time of each of its parts.

It is Nova's manager, with Placement's application in the same process, so that
the processor time of both is counted. A process of its own each for Nova with
pci_ext and for Nova alone: activation cannot be taken back.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
import functools
import json
import sys
import time
from typing import Any

from nova import config as nova_config
from nova import context as nova_context
from nova import objects
from nova.scheduler import host_manager
from nova.scheduler import manager
from nova.scheduler import request_filter
from nova.scheduler import utils
from nova.scheduler.client import report
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import uuidutils
from placement import conf as placement_conf
from placement import db_api
from placement import deploy
from wsgi_intercept import interceptor

from tools.bench import cloud

#: The URL of Placement in this process.
ENDPOINT = 'http://placement.test/placement'
# The first boots fill caches.
_WARM_UP = 2

#: What a server requests: a GPU that one host in a hundred has, or nothing.
REQUESTS: dict[str, tuple[dict[str, str], ...]] = {
    'PCI flavor': ({**cloud.WANTED, 'pci_flavor': 'gpu'},),
    'alias': (cloud.WANTED,),
    'no devices': (),
}

#: Parts of a boot: the functions to measure.
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    'request filters': ((request_filter, 'process_reqspec'),),
    'hosts with devices': ((utils, 'resources_from_request_spec'),),
    'Placement': (
        (report.SchedulerReportClient, 'get_allocation_candidates'),
        (report.SchedulerReportClient, 'claim_resources'),
    ),
    'reading hosts': ((host_manager.HostManager, '_get_computes_for_cells'),),
    'host states': ((manager.SchedulerManager, '_get_all_host_states'),),
    'filters': ((host_manager.HostManager, 'get_filtered_hosts'),),
    'weighers': ((host_manager.HostManager, 'get_weighed_hosts'),),
}


class Stopwatch:
    """Processor time by part, of each without the parts inside."""

    def __init__(self) -> None:
        self.times: collections.Counter[str] = collections.Counter()
        self._inside = ['other']
        self._since = 0.0

    def start(self) -> None:
        self.times.clear()
        self._since = time.process_time()

    def stop(self) -> dict[str, float]:
        self._switch()
        return dict(self.times)

    def _switch(self) -> None:
        now = time.process_time()
        self.times[self._inside[-1]] += now - self._since
        self._since = now

    def measure(
        self, part: str, run: Callable[..., Any]
    ) -> Callable[..., Any]:
        @functools.wraps(run)
        def measured(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._inside.append(part)
            try:
                found = run(*args, **kwargs)
                # Host states are built while they are iterated over.
                return list(found) if part == 'host states' else found
            finally:
                self._switch()
                self._inside.pop()

        return measured


def _start_placement(url: str) -> None:
    conf = cfg.ConfigOpts()
    placement_conf.register_opts(conf)
    conf.set_override('connection', url, 'placement_database')
    conf.set_override('auth_strategy', 'noauth2', 'api')
    conf([], default_config_files=[])
    db_api.configure(conf)
    application = deploy.loadapp(conf)
    interceptor.RequestsInterceptor(
        lambda: application, url=ENDPOINT
    ).install_intercept()


def _server(request: str) -> objects.RequestSpec:
    return objects.RequestSpec(
        instance_uuid=uuidutils.generate_uuid(),
        num_instances=1,
        project_id='project',
        user_id='user',
        availability_zone=None,
        image=objects.ImageMeta(properties=objects.ImageMetaProps()),
        flavor=objects.Flavor(
            flavorid='1',
            name='gpu',
            vcpus=1,
            memory_mb=512,
            root_gb=1,
            ephemeral_gb=0,
            swap=0,
            disabled=False,
            is_public=True,
            extra_specs={},
        ),
        force_hosts=None,
        force_nodes=None,
        ignore_hosts=None,
        instance_group=None,
        is_bfv=False,
        limits=objects.SchedulerLimits(),
        numa_topology=None,
        pci_requests=objects.InstancePCIRequests(
            requests=[
                objects.InstancePCIRequest(
                    count=1,
                    spec=[spec],
                    alias_name='gpu',
                    request_id=uuidutils.generate_uuid(),
                )
                for spec in REQUESTS[request]
            ]
        ),
        request_level_params=objects.RequestLevelParams(),
        requested_destination=None,
        requested_networks=objects.NetworkRequestList(objects=[]),
        requested_resources=[],
        retry=None,
        scheduler_hints={},
        security_groups=objects.SecurityGroupList(objects=[]),
    )


def main() -> int:
    """Boot servers; write the seconds of each boot by part."""
    config_file, placement_url, result, number, request = sys.argv[1:]
    _start_placement(placement_url)
    nova_config.parse_args(['nova-scheduler', '--config-file', config_file])
    logging.setup(cfg.CONF, 'nova')
    objects.register_all()
    objects.Service.enable_min_version_cache()
    stopwatch = Stopwatch()
    scheduler = manager.SchedulerManager()
    # Last: pci_ext refuses to start where another stands in for its functions.
    for part, functions in PARTS.items():
        for owner, name in functions:
            setattr(owner, name, stopwatch.measure(part, getattr(owner, name)))
    boots = []
    for _ in range(_WARM_UP + int(number)):
        server = _server(request)
        started = time.perf_counter()
        stopwatch.start()
        [[selection]] = scheduler.select_destinations(
            nova_context.get_admin_context(),
            spec_obj=server,
            instance_uuids=[server.instance_uuid],
            return_objects=True,
        )
        times = stopwatch.stop()
        if REQUESTS[request]:
            assert cloud.has_wanted(selection.service_host)
        boots.append({**times, 'wall': time.perf_counter() - started})
    with open(result, 'w') as stream:
        json.dump(boots[_WARM_UP:], stream)
    return 0


if __name__ == '__main__':
    sys.exit(main())
