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

"""nova-compute: on hosts with libvirt, and on simulated ones."""

from collections.abc import Iterable
import dataclasses
import sys

from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.deployment.cloud import keystone
from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory

#: The module that runs on simulated hosts without pci_ext.
_PLAIN_COMPUTE = 'pci_ext.tests.deployment.cloud.plain_compute'

_LIBVIRT = ('nova.conf', 'nova-compute.conf')


def service(host: str) -> str:
    """Return the name of the service of a host."""
    return f'nova-compute-{host}'


def write(state: state_directory.State, host: str) -> None:
    """Write the configuration of a host with libvirt."""
    values = {'address': hypervisors.address(host)}
    content = services.render_nova(state, host, _LIBVIRT, values)
    if state.enabled:
        content = install_page.enable(state, content, install_page.COMPUTE)
    services.write_nova(state, host, content)


def process(state: state_directory.State, host: str) -> processes.Process:
    if host in hypervisors.HOSTS:
        inside = hypervisors.namespaces_name(host)
        return services.nova(state, 'nova-compute', host, inside=inside)
    process = services.nova(state, 'nova-compute', host)
    if state.enabled:
        return process
    _, *arguments = process.command
    return dataclasses.replace(
        process, command=(sys.executable, '-m', _PLAIN_COMPUTE, *arguments)
    )


def remove(state: state_directory.State, hosts: Iterable[str]) -> None:
    """Remove stopped hosts without servers from Nova."""
    compute = keystone.connect(state).compute
    for found in list(compute.services(binary='nova-compute')):
        if found.host in hosts:
            compute.delete_service(found)
    databases.purge_deleted_services(state)


def mapped(state: state_directory.State, host: str) -> bool:
    """Return whether a host is mapped to a cell."""
    return bool(
        databases.query(
            state,
            'SELECT id FROM nova_api.host_mappings WHERE host = :host',
            host=host,
        )
    )
