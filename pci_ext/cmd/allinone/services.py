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

"""The services of the all-in-one, started in order and stopped together."""

from collections.abc import Iterator
from collections.abc import Sequence
import os
import sys
import threading
import time

from nova import objects
from nova import service
from nova.api.openstack import wsgi_app
from nova.conductor import rpcapi as conductor_rpcapi
import nova.conf
from nova.scheduler import rpcapi as scheduler_rpcapi
import os_brick
import os_vif
from placement import wsgi as placement_wsgi

from pci_ext.cmd.allinone import computes
from pci_ext.cmd.allinone import config
from pci_ext.cmd.allinone import identity
from pci_ext.cmd.allinone import network
from pci_ext.cmd.allinone import sqlite
from pci_ext.cmd.allinone import sqlite_connections
from pci_ext.cmd.allinone import stub_services
from pci_ext.cmd.allinone import web

CONF = nova.conf.CONF

API = ('osapi_compute', 'nova-api-os-compute')

#: Seconds after which services that are still stopping are left behind.
STOP_TIMEOUT = 6


class Services:
    """Placement and Nova, and stubs of the services that they call.

    :param settings: the settings of this all-in-one
    :param server: where their HTTP applications are to be mounted
    :param nova_args: further options of Nova's command line
    """

    def __init__(
        self,
        settings: config.Settings,
        server: web.Server,
        nova_args: Sequence[str],
    ) -> None:
        self._settings = settings
        self._server = server
        self._nova_args = nova_args
        self._running: list[service.Service] = []

    def start(self, hosts: Sequence[str]) -> Iterator[str]:
        """Start all services; yield the name of each before its start.

        :param hosts: the hosts to run a nova-compute for
        """
        settings = self._settings
        self._server.mount('identity', identity.Identity(stub_services.ADMIN))
        self._server.mount(
            'network', network.Network(settings.path('networks'))
        )
        self._server.mount(
            'image', stub_services.Image(settings.path('images'))
        )
        sqlite.install_locking()
        sqlite_connections.install()
        sqlite.create(settings)

        # Before Nova, whose logging has to be set up last.
        yield 'placement'
        os.environ['OS_PLACEMENT_CONFIG_DIR'] = settings.data_dir
        self._server.mount(
            'placement',
            stub_services.Authentication(placement_wsgi.init_application()),
        )

        yield 'databases'
        self._configure_nova()
        sqlite.migrate_nova(settings)
        sqlite.migrate_pci_ext()

        yield 'nova-api'
        self._server.mount('compute', wsgi_app.init_application(*API))

        objects.Service.enable_min_version_cache()
        yield 'nova-conductor'
        self._run(_start('nova-conductor', conductor_rpcapi.RPC_TOPIC))
        yield 'nova-scheduler'
        self._run(_start('nova-scheduler', scheduler_rpcapi.RPC_TOPIC))
        os_brick.setup(CONF)
        os_vif.initialize()
        for host in hosts:
            yield f'nova-compute on {host}'
            state_path = settings.path('computes', host)
            self._run(computes.start(host, state_path))
        sqlite.map_hosts()

    def reload(self) -> None:
        """Read the options that may change, as the services do on SIGHUP."""
        CONF.mutate_config_files()

    def stop(self) -> None:
        """Stop all services at once, and wait for them, but not for ever."""
        threads = [
            threading.Thread(target=each.stop, daemon=True)
            for each in self._running
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + STOP_TIMEOUT
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _configure_nova(self) -> None:
        # The first act of nova-api when a WSGI server loads it.
        files = ('api-paste.ini', 'nova.conf', *self._settings.config_files)
        os.environ['OS_NOVA_CONFIG_DIR'] = self._settings.data_dir
        os.environ['OS_NOVA_CONFIG_FILES'] = ';'.join(files)
        sys.argv[1:] = self._nova_args
        paths = [self._settings.path(name) for name in files]
        wsgi_app.init_global_data(paths, *API)

    def _run(self, started: service.Service) -> None:
        self._running.append(started)
        # Report at once and not in five seconds: until then a service that
        # was stopped a while ago counts as down.
        started.service_ref.report_count += 1
        started.service_ref.save()


def _start(binary: str, topic: str) -> service.Service:
    created = service.Service.create(binary=binary, topic=topic)
    created.start()
    return created
