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

"""The machine of the hardware lab as a compute host, with real devices.

The machine is emulated (``pci_ext/tests/hwlab/machine``). It has a separate
address for the loopback interface of this machine, where the services listen.
"""

import os
import re
import shutil
import socket
import subprocess

from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import ini
from pci_ext.tests.deployment.cloud import install_page
from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory

HOST = 'lab'

#: The loopback interface of this machine, as the emulated one sees it.
_GATEWAY = '10.0.2.2'

_ADDRESS = '10.0.2.15'

_TEMPLATES = ('nova.conf', 'nova-compute.conf', 'nova-compute-lab.conf')

#: Devices of the emulated machine, see machine.sh of the hardware lab.
_OFFERS = """
[pci_ext]
pci_information = [{"address": "0000:0[12]:00.0"}, {"e.kind": "nic"}]
pci_information = [{"parent_addr": "0000:03:00.0"}, {"e.kind": "vf"}]
"""

_LAB = os.path.join(state_directory.ROOT, 'pci_ext/tests/hwlab/machine')

#: Seconds for a command in the machine.
_TIMEOUT = 120

_END = re.compile(rb'(?s)(.*)\nended (\d+)\n')


def folder(state: state_directory.State) -> str:
    """Return the folder that the machine shares with this machine."""
    return state.path('hosts', HOST)


def _write(state: state_directory.State) -> str:
    """Write nova.conf by the install page, and return its path."""
    text = services.render_nova(
        state,
        HOST,
        _TEMPLATES,
        {'address': _ADDRESS}
        | {
            f'{name}_url': state.url(listener)
            for name, listener in (
                ('placement', 'placement'),
                ('glance', 'glance-api'),
                ('neutron', 'neutron'),
            )
        },
    )
    text = install_page.enable(state, text, install_page.COMPUTE)
    text = ini.merge(text, _OFFERS).replace('127.0.0.1', _GATEWAY)
    return state.write(f'hosts/{HOST}/nova.conf', text)


def process(state: state_directory.State) -> processes.Process:
    """Return the process of the machine, ready with its nova-compute."""
    file = _write(state)
    ready = services.nova(state, 'nova-compute', HOST).is_ready
    return processes.Process(
        name=computes.service(HOST),
        command=(os.path.join(_LAB, 'compute.sh'), folder(state)),
        environ={
            name: value
            for name, value in os.environ.items()
            if name.startswith('PCI_EXT_HWLAB_')
        },
        files=(file,),
        is_ready=ready,
        timeout=600,
    )


def remove(state: state_directory.State) -> None:
    """Remove the host of a stopped machine from Nova, and its folder."""
    computes.remove(state, [HOST])
    shutil.rmtree(folder(state), ignore_errors=True)


def is_built() -> bool:
    """Return whether the images of the machine are built."""
    done = subprocess.run(
        [os.path.join(_LAB, 'build.sh'), '--check'], stdout=subprocess.DEVNULL
    )
    return done.returncode == 0


def run(state: state_directory.State, command: str) -> str:
    """Run a command in the machine, and return its output.

    :raises DeployError: if it fails, or the machine does not respond
    """
    with socket.socket(socket.AF_UNIX) as shell:
        shell.settimeout(_TIMEOUT)
        shell.connect(os.path.join(folder(state), 'shell'))
        shell.sendall(f'{command}\ns=$?; echo; echo ended $s\n'.encode())
        output = b'\n'
        while (ended := _END.search(output)) is None:
            try:
                received = shell.recv(65536)
            except TimeoutError as error:
                raise state_directory.DeployError(
                    f'{HOST} does not respond: {command}'
                ) from error
            if not received:
                raise state_directory.DeployError(
                    f'{HOST} has ended: {command}'
                )
            output += received
    text = ended[1].decode(errors='replace').strip()
    if int(ended[2]):
        raise state_directory.DeployError(f'{HOST}: {command} failed: {text}')
    return text
