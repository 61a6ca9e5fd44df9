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

"""The files and processes of the services, except on compute hosts."""

from collections.abc import Iterable
import functools
import hashlib
import json
import os
import sys

import urllib3

from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import ini
from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import releases
from pci_ext.tests.deployment.cloud import state_directory

#: The host of the services that are not on compute hosts.
CONTROLLER = 'controller'

#: The services of Nova among them. They share a configuration file.
NOVA = ('nova-api', 'nova-conductor', 'nova-scheduler')

_TEMPLATES = ('nova.conf', 'nova-controller.conf')

#: By service with an HTTP API: its module and the folder of its files.
_WEB = {
    'keystone': ('keystone.wsgi.api', 'keystone'),
    'glance-api': ('glance.wsgi.api', 'glance'),
    'placement': ('placement.wsgi.api', 'placement'),
    'neutron': ('neutron.wsgi.api', 'neutron'),
    'nova-api': ('nova.wsgi.osapi_compute', CONTROLLER),
}

#: The file that only nova-api reads, beside nova.conf.
API_FILE = 'nova-api.conf'

#: Configuration files by service, if they are not the default.
_CONFIG_FILES = {
    'neutron': 'neutron.conf',
    'nova-api': f'api-paste.ini;nova.conf;{API_FILE}',
}

#: Threads of each service; each serves one request at a time.
_THREADS = 16


def write(state: state_directory.State) -> None:
    """Write the configuration of all services."""
    connections = {
        f'{name}_db': state.database(name, account)
        for name, account in databases.DATABASES.items()
    }
    auth = {
        f'{name}_auth': state.auth(name)
        for name in ('glance', 'placement', 'neutron', 'nova')
    }
    for name in ('keystone', 'glance-api', 'placement', 'neutron'):
        content = state.render(f'{name}.conf', **connections, **auth)
        state.write(f'etc/{_WEB[name][1]}/{name}.conf', content)
    source = os.path.join(sys.prefix, 'etc/nova/api-paste.ini')
    with open(source) as stream:
        paste = stream.read()
    content = render_nova(state, CONTROLLER, _TEMPLATES, connections)
    if state.enabled:
        sections = install_page.controller_sections()
        content = install_page.enable(state, content, sections)
        paste = install_page.enable(state, paste, sections, 'api-paste.ini')
    write_nova(state, CONTROLLER, content)
    state.write(f'etc/{CONTROLLER}/api-paste.ini', paste)
    log = state.path('log', 'nova-api.log')
    name = f'etc/{CONTROLLER}/{API_FILE}'
    state.write(name, f'[DEFAULT]\nlog_file = {log}\n')


def render_nova(
    state: state_directory.State,
    host: str,
    templates: Iterable[str],
    values: dict[str, str],
) -> str:
    """Return the nova.conf of a host."""
    values = {
        **values,
        'host': host,
        'config_file': nova_conf(state, host),
        'nova_auth': state.auth('nova'),
    }
    texts = (state.render(template, **values) for template in templates)
    return functools.reduce(ini.merge, texts)


def write_nova(state: state_directory.State, host: str, content: str) -> None:
    """Write the nova.conf of a host on this machine."""
    # nova-compute does not create the parent of its directory.
    os.makedirs(state.path('nova', host, 'instances'), exist_ok=True)
    state.write(f'etc/{host}/nova.conf', content)


def nova_conf(state: state_directory.State, host: str) -> str:
    """Return the path of the nova.conf of a host."""
    return state.path('etc', host, 'nova.conf')


def sync(state: state_directory.State) -> None:
    """Migrate the databases to the versions of the packages.

    It takes more than a minute, so it is repeated only for other versions.
    """
    conf = {
        name: state.path('etc', folder, f'{name}.conf')
        for name, (_, folder) in _WEB.items()
    }
    nova = programs.python('nova-manage')
    nova_file = ('--config-file', nova_conf(state, CONTROLLER))
    neutron_file = ('--config-file', conf['neutron'])
    placement_file = ('--config-file', conf['placement'])
    keystone_file = ('--config-file', conf['keystone'])
    glance_file = ('--config-file', conf['glance-api'])
    for name, *arguments in (
        ('keystone-manage', *keystone_file, 'db_sync'),
        ('glance-manage', *glance_file, 'db_sync'),
        ('placement-manage', *placement_file, 'db', 'sync'),
        ('neutron-db-manage', *neutron_file, 'upgrade', 'heads'),
        ('nova-manage', *nova_file, 'api_db', 'sync'),
    ):
        run_once(state, programs.python(name), *arguments)
    cell0 = state.database('nova_cell0', 'nova')
    run_once(
        *(state, nova, *nova_file, 'cell_v2', 'map_cell0'),
        *('--database_connection', cell0),
    )
    run_once(state, nova, *nova_file, 'db', 'sync')
    cells = databases.query(state, 'SELECT name FROM nova_api.cell_mappings')
    if ('cell1',) not in cells:
        programs.run(
            nova, *nova_file, 'cell_v2', 'create_cell', '--name', 'cell1'
        )


def run_once(state: state_directory.State, *command: str) -> None:
    """Run a command, unless it was run with these packages before."""
    path = state.path('synced.json')
    done: list[str] = []
    if os.path.exists(path):
        with open(path) as stream:
            done = json.load(stream)
    mark = hashlib.sha256(
        repr((command, programs.versions())).encode()
    ).hexdigest()
    if mark not in done:
        programs.run(*command)
        state.write('synced.json', json.dumps([*done, mark]))


def web(state: state_directory.State, name: str) -> processes.Process:
    """Return the process of a service with an HTTP API."""
    module, folder = _WEB[name]
    directory = state.path('etc', folder)
    prefix = f'OS_{name.partition("-")[0].upper()}_CONFIG'
    port = state.port(name)
    files = [os.path.join(directory, file) for file in os.listdir(directory)]

    def is_ready() -> bool:
        try:
            urllib3.request(
                'GET', f'{state.url(name)}/', retries=False, timeout=60
            )
        except urllib3.exceptions.HTTPError:
            return False
        return True

    environ = {
        f'{prefix}_DIR': directory,
        'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true',
        **releases.environ(state, name),
    }
    if name in _CONFIG_FILES:
        environ[f'{prefix}_FILES'] = _CONFIG_FILES[name]
    return processes.Process(
        name=name,
        command=(
            programs.python('uwsgi'),
            *('--http-socket', f'127.0.0.1:{port}'),
            *('--module', f'{module}:application'),
            *('--virtualenv', sys.prefix),
            *('--master', '--processes', '1', '--threads', str(_THREADS)),
            *('--enable-threads', '--lazy-apps', '--need-app'),
            *('--die-on-term', '--buffer-size', '65535', '--listen', '100'),
            # Bytes of a part of an upload. Nova uploads snapshots in parts of
            # a mebibyte; with their lengths these exceed the default.
            *('--chunked-input-limit', str(16 * 2**20)),
            # Reused connections are reset at times.
            *('--add-header', 'Connection: close'),
        ),
        environ=environ,
        files=tuple(sorted(files)),
        is_ready=is_ready,
    )


def nova(
    state: state_directory.State,
    program: str,
    host: str = CONTROLLER,
    *,
    inside: str | None = None,
) -> processes.Process:
    """Return the process of a service of Nova with an RPC API."""
    name = program if host == CONTROLLER else f'{program}-{host}'
    files = (nova_conf(state, host),)
    before = databases.reports(state, host, program)

    def is_ready() -> bool:
        return databases.reports(state, host, program) not in (0, before)

    return processes.Process(
        name=name,
        command=(
            programs.python(program),
            *(f'--config-file={path}' for path in files),
            f'--log-file={state.path("log", name)}.log',
        ),
        environ={
            'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true',
            **releases.environ(state, name),
        },
        files=files,
        is_ready=is_ready,
        inside=inside,
        # A host reaches the services on the management network, which its
        # guests do not use.
        network=False,
    )
