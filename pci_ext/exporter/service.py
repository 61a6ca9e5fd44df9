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

"""The exporter: from a configuration to a server of metrics."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools

from oslo_config import cfg
from oslo_log import log as logging
import prometheus_client

from pci_ext.conf import exporter as exporter_conf
from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import collector
from pci_ext.exporter import hosts
from pci_ext.exporter import inventory
from pci_ext.exporter import migrations
from pci_ext.exporter import operations
from pci_ext.exporter import projects
from pci_ext.exporter import sources

LOG = logging.getLogger(__name__)


def make_registry(
    conf: cfg.ConfigOpts, cloud: cloud_api.Cloud
) -> prometheus_client.CollectorRegistry:
    """Return the metrics of a cloud."""
    registry = prometheus_client.CollectorRegistry()
    options = conf[exporter_conf.GROUP]
    readers: dict[str, Callable[[], sources.Families]] = {
        'flavors': functools.partial(inventory.read_flavors, cloud),
        'pools': functools.partial(inventory.read_pools, cloud),
        'hosts': functools.partial(hosts.read, cloud),
        'migrations': migrations.Migrations(cloud).read,
    }
    found = [
        sources.Source(name, read, options.cache_time)
        for name, read in readers.items()
    ]
    # The slowest is the last: no other waits for it.
    found.append(
        sources.Source(
            'projects',
            functools.partial(projects.read, cloud),
            options.project_cache_time,
        )
    )
    registry.register(
        collector.Collector(sources.Sources(found, options.max_wait))
    )
    return registry


@contextlib.contextmanager
def serving(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Serve the metrics of a configuration.

    :raises oslo_config.cfg.Error: or keystoneauth1's ClientException, if the
        configuration is wrong
    :raises OSError: if the address cannot be listened on
    """
    options = conf[exporter_conf.GROUP]
    registry = make_registry(conf, cloud_api.connect(conf))
    with contextlib.ExitStack() as stack:
        server, thread = prometheus_client.start_http_server(
            options.port, options.host, registry
        )
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        LOG.info(
            'Metrics are at http://%s:%s/metrics',
            options.host,
            server.server_port,
        )
        if options.notifications:
            stack.enter_context(
                operations.listening(conf, operations.Operations(registry))
            )
        yield
