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

"""The programs of a deployment, and their packages."""

import functools
from importlib import metadata
import os
import shutil
import subprocess
import sys

from pci_ext.tests.deployment.cloud import state_directory

#: The Debian package of each program.
PACKAGES = {
    'mariadbd': 'mariadb-server',
    'mariadb-install-db': 'mariadb-server',
    'epmd': 'erlang-base',
    'rabbitmq-server': 'rabbitmq-server',
    'rabbitmqctl': 'rabbitmq-server',
    'libvirtd': 'libvirt-daemon-system',
    'virsh': 'libvirt-clients',
    'qemu-system-x86_64': 'qemu-system-x86',
    'qemu-img': 'qemu-utils',
    'unshare': 'util-linux',
    'bindfs': 'bindfs',
    'ip': 'iproute2',
}

#: Checks whether hosts can be created.
_NAMESPACES = os.path.join(os.path.dirname(__file__), 'namespaces.sh')

# The programs of RabbitMQ in /usr/sbin on Debian change to the user rabbitmq,
# who cannot read the directory of a deployment.
_FOLDERS = (
    '/usr/lib/rabbitmq/bin',
    *os.get_exec_path(),
    '/usr/sbin',
    '/sbin',
)


def find(name: str) -> str:
    """Return the path of a program of the machine.

    :raises DeployError: with the name of its package, if it is missing
    """
    found = shutil.which(name, path=os.pathsep.join(_FOLDERS))
    if found is None:
        raise state_directory.DeployError(
            f'The program {name} is missing. Run "apt-get install '
            f'{PACKAGES[name]}", or install all that "bindep -b deploy" names.'
        )
    return found


def check() -> None:
    """Check that all programs exist, and that hosts can be created.

    :raises DeployError: if a program is missing or namespaces are not allowed
    """
    for name in PACKAGES:
        find(name)
    run(_NAMESPACES)


def python(name: str) -> str:
    """Return the path of a program of the virtual environment."""
    return os.path.join(sys.prefix, 'bin', name)


def run(*command: str) -> str:
    """Run a command, and return its output.

    :raises DeployError: with its output, if it fails
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise state_directory.DeployError(
            f'{" ".join(command)} failed with status {done.returncode}:\n'
            f'{done.stdout}'
        )
    return done.stdout


@functools.cache
def versions() -> tuple[str, ...]:
    """Return the versions of the services."""
    names = ('keystone', 'glance', 'openstack-placement', 'neutron', 'nova')
    return tuple(f'{name} {metadata.version(name)}' for name in names)
