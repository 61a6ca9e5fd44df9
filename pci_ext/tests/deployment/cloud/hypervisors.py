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

"""Compute hosts: separate namespaces with a libvirtd in each.

A host has folders of the deployment mounted over the folders of libvirt, a
separate host name and separate network interfaces. The namespaces remain when
libvirtd or nova-compute end.
"""

import os
import shlex
import subprocess
import uuid

from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import state_directory

HOSTS = ('compute-1', 'compute-2')

#: The network interface of each host for migrations.
_LINK = 'migration'

#: Folders of the machine that are separate on each host.
_FOLDERS = (
    '/run/libvirt',
    '/var/lib/libvirt',
    '/var/log/libvirt',
    '/var/cache/libvirt',
    '/etc/libvirt',
)


def namespaces_name(host: str) -> str:
    return f'{host}.namespaces'


def prepare(state: state_directory.State, host: str) -> None:
    for folder in _FOLDERS:
        os.makedirs(_own(state, host, folder), exist_ok=True)
        # The machine lacks it if libvirt was never started.
        os.makedirs(folder, exist_ok=True)
    os.makedirs(state.path('instances'), exist_ok=True)
    for name in ('libvirtd.conf', 'qemu.conf'):
        content = state.render(
            name,
            host=host,
            address=address(host),
            host_uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, host)),
        )
        state.write(f'hosts/{host}/etc-libvirt/{name}', content)


def _own(state: state_directory.State, host: str, folder: str) -> str:
    return state.path('hosts', host, folder[1:].replace('/', '-'))


def namespaces(state: state_directory.State, host: str) -> processes.Process:
    """Return the process that holds the namespaces of a host."""
    instances = shlex.quote(state.path('instances'))
    lines = [
        'set -e',
        f'hostname {host}',
        # libvirt migrates guests only if their disks are on a file system of
        # a shared type; this one reports such a type.
        f'{programs.find("bindfs")} -f -o nonempty,subtype=glusterfs '
        f'{instances} {instances} &',
        f'until mountpoint --quiet {instances}; do sleep 0.1; done',
        f'{programs.find("ip")} link set lo up',
        *(
            f'mount --bind {shlex.quote(_own(state, host, folder))} {folder}'
            for folder in _FOLDERS
        ),
        'exec sleep infinity',
    ]
    supervisor = processes.Supervisor(state)

    def is_ready() -> bool:
        pid = supervisor.pid(namespaces_name(host))
        if pid is None:
            return False
        with open(f'/proc/{pid}/comm') as stream:
            return stream.read() == 'sleep\n'

    return processes.Process(
        name=namespaces_name(host),
        command=(
            programs.find('unshare'),
            *('--mount', '--uts', '--net', '--propagation', 'private'),
            *('sh', '-c', '\n'.join(lines)),
        ),
        is_ready=is_ready,
    )


def connect(state: state_directory.State) -> None:
    """Create a network between the hosts for migrations."""
    supervisor = processes.Supervisor(state)
    ip = programs.find('ip')
    pids = {host: str(supervisor.pid(namespaces_name(host))) for host in HOSTS}
    inside = {
        host: ('nsenter', f'--target={pid}', '--net', ip)
        for host, pid in pids.items()
    }
    first, second = HOSTS
    if _LINK in programs.run(*inside[first], '-brief', 'link'):
        return
    programs.run(
        *(ip, 'link', 'add', _LINK, 'netns', pids[first]),
        *('type', 'veth', 'peer', 'name', _LINK, 'netns', pids[second]),
    )
    for host, command in inside.items():
        programs.run(
            *(*command, 'address', 'add', f'{address(host)}/24'),
            *('dev', _LINK),
        )
        programs.run(*command, 'link', 'set', _LINK, 'up')


def address(host: str) -> str:
    """Return the address of a host for migrations."""
    return f'10.9.0.{HOSTS.index(host) + 1}'


def libvirtd(state: state_directory.State, host: str) -> processes.Process:
    def is_ready() -> bool:
        try:
            virsh(state, host, 'uri')
        except (state_directory.DeployError, subprocess.CalledProcessError):
            return False
        return True

    folder = _own(state, host, '/etc/libvirt')
    return processes.Process(
        name=f'{host}.libvirtd',
        command=(
            *(programs.find('libvirtd'), '--listen'),
            *('--pid-file', '/run/libvirt/pid'),
        ),
        files=tuple(
            os.path.join(folder, name)
            for name in ('libvirtd.conf', 'qemu.conf')
        ),
        is_ready=is_ready,
        inside=namespaces_name(host),
    )


def enter_command(state: state_directory.State, host: str) -> tuple[str, ...]:
    """Return the command that runs its arguments on a host.

    :raises DeployError: if the host does not run
    """
    pid = processes.Supervisor(state).pid(namespaces_name(host))
    if pid is None:
        raise state_directory.DeployError(f'{host} does not run.')
    return ('nsenter', f'--target={pid}', '--mount', '--uts', '--')


def virsh(state: state_directory.State, host: str, *arguments: str) -> str:
    """Run virsh on a host, and return its output.

    :raises CalledProcessError: if it fails
    """
    done = subprocess.run(
        (
            *enter_command(state, host),
            *(programs.find('virsh'), '--connect', 'qemu:///system'),
            *('--quiet', *arguments),
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def domains(state: state_directory.State, host: str) -> list[str]:
    """Return the ids of the servers that a host runs."""
    return virsh(state, host, 'list', '--uuid').split()


def destroy_domains(state: state_directory.State, host: str) -> None:
    """Destroy the domains of a host."""
    if processes.Supervisor(state).pid(f'{host}.libvirtd') is None:
        return
    for domain in domains(state, host):
        virsh(state, host, 'destroy', domain)
