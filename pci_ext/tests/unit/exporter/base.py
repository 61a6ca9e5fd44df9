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

"""A cloud for the exporter: the answers of its API, over HTTP."""

import contextlib
from http import server
import json
import threading
from urllib import parse

import fixtures
from oslo_config import cfg
from oslotest import base

from pci_ext.conf import exporter as exporter_conf
from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import service

CONFIG = """
[service_user]
auth_type = none
[compute]
endpoint_override = {url}/compute/v2.1
[identity]
endpoint_override = {url}/identity/v3
[exporter]
port = 0
"""


def pool(host, uuid, total, available, flavors=(), **properties):
    return {
        'host': host,
        'uuid': uuid,
        'count': available,
        'properties': properties,
        'usage': usage(total, available, total - available),
        'pci_flavors': list(flavors),
    }


def usage(total, available, allocated):
    return {'total': total, 'available': available, 'allocated': allocated}


def host_service(host, updated_at, status='enabled'):
    return {
        'host': host,
        'binary': 'nova-compute',
        'status': status,
        'state': 'up',
        'updated_at': updated_at,
    }


class Cloud(fixtures.Fixture):
    """A compute and an identity service with the items of its lists.

    :ivar page_size: of pools, PCI flavors and migrations
    :ivar limits: list of limits by the id of the project
    :ivar devices: list of devices by the uuid of the server
    :ivar faults: status by path
    :ivar requests: paths and queries of the received requests
    :ivar gate: requests wait for this event
    """

    def __init__(self):
        self.page_size = 1000
        self.pools = []
        self.cells_down = []
        self.flavors = []
        self.services = []
        self.migrations = []
        self.projects = []
        self.limits = {}
        self.devices = {}
        self.faults = {}
        self.requests = []
        self.gate = threading.Event()
        self.gate.set()

    def _setUp(self):
        cloud = self

        class Handler(server.BaseHTTPRequestHandler):
            def do_GET(self):
                cloud.gate.wait(30)
                url = parse.urlsplit(self.path)
                query = dict(parse.parse_qsl(url.query))
                path = url.path.partition('/v')[2].partition('/')[2]
                cloud.requests.append((path, query))
                status, body = cloud.faults.get(path), {}
                if status is None:
                    status, body = cloud.answer(path, query)
                # The exporter may have ended meanwhile.
                with contextlib.suppress(BrokenPipeError):
                    self.send_response(status)
                    self.send_header('Content-Type', 'application/json')
                    self.end_headers()
                    self.wfile.write(json.dumps(body).encode())

            def log_message(self, *args):
                pass

        self._server = server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={'poll_interval': 0.02}
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.stop)
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    def stop(self):
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, query):
        match path.split('/'):
            case ['os-pci-pools']:
                page = self._page('pci_pools', self.pools, query)
                return 200, {**page, 'cells_down': self.cells_down}
            case ['os-pci-flavors', 'detail']:
                return 200, self._page('pci_flavors', self.flavors, query)
            case ['os-services']:
                return 200, {'services': self.services}
            case ['os-migrations']:
                return 200, self._page('migrations', self.migrations, query)
            case ['servers', uuid, 'os-pci-devices']:
                if uuid in self.devices:
                    return 200, {'pci_devices': self.devices[uuid]}
            case ['os-pci-limits']:
                if query['project_id'] in self.limits:
                    limits = self.limits[query['project_id']]
                    return 200, {'pci_limits': limits}
                return 400, {'badRequest': {'message': 'No project.'}}
            case ['projects']:
                return 200, {'projects': self.projects}
        return 404, {'itemNotFound': {'message': 'Not found.'}}

    def _page(self, name, items, query):
        start = 0
        if 'marker' in query:
            uuids = [item['uuid'] for item in items]
            start = uuids.index(query['marker']) + 1
        page = items[start : start + self.page_size]
        if len(page) < self.page_size:
            return {name: page}
        return {name: page, f'{name}_links': [{'rel': 'next', 'href': '-'}]}

    def paths(self):
        return [path for path, _query in self.requests]


def load_conf(directory, text):
    """Read the text of a configuration file."""
    path = directory.join('exporter.conf')
    with open(path, 'w') as file:
        file.write(text)
    conf = cfg.ConfigOpts()
    exporter_conf.register_opts(conf)
    conf([f'--config-file={path}'], project='pci_ext')
    return conf


class ExporterTestCase(base.BaseTestCase):
    """Has a cloud, and the metrics of an exporter that reads from it."""

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(Cloud())
        self.directory = self.useFixture(fixtures.TempDir())
        self.conf = load_conf(
            self.directory, CONFIG.format(url=self.cloud.url)
        )
        # Each scrape reads, unless a test has it otherwise.
        self.set_options(cache_time=0, project_cache_time=0, max_wait=60)
        self.registry = service.make_registry(
            self.conf, cloud_api.connect(self.conf)
        )

    def set_options(self, **options):
        for name, value in options.items():
            self.conf.set_override(name, value, exporter_conf.GROUP)

    def scrape(self):
        """Return the families of a scrape by their names."""
        return {family.name: family for family in self.registry.collect()}

    def values(self, name, *labels):
        """Return the samples of a metric in a new scrape.

        :param labels: the labels whose values are the keys
        """
        return values_in(self.scrape(), name, *labels)


def values_in(families, name, *labels):
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name
    }
