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

"""RabbitMQ, with a separate port mapper."""

import socket

from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import state_directory


def _environ(state: state_directory.State) -> dict[str, str]:
    folder = state.path('rabbitmq')
    return {
        # The folder of the cookie that authenticates Erlang's processes.
        'HOME': folder,
        'ERL_EPMD_ADDRESS': '127.0.0.1',
        'ERL_EPMD_PORT': str(state.port('epmd')),
        'RABBITMQ_NODENAME': 'pci_ext_deploy@localhost',
        'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
        'RABBITMQ_NODE_PORT': str(state.port('rabbitmq')),
        'RABBITMQ_DIST_PORT': str(state.port('rabbitmq-distribution')),
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
            '-kernel inet_dist_use_interface {127,0,0,1}'
        ),
        'RABBITMQ_MNESIA_BASE': f'{folder}/mnesia',
        'RABBITMQ_LOG_BASE': state.path('log'),
        'RABBITMQ_CONFIG_FILE': f'{folder}/rabbitmq',
        'RABBITMQ_CONF_ENV_FILE': f'{folder}/rabbitmq-env.conf',
        'RABBITMQ_ENABLED_PLUGINS_FILE': f'{folder}/enabled_plugins',
    }


def prepare(state: state_directory.State) -> None:
    state.write('rabbitmq/enabled_plugins', '[].\n')
    state.write(
        'rabbitmq/rabbitmq.conf',
        'default_user = openstack\n'
        f'default_pass = {state.passwords["rabbitmq"]}\n'
        # The deployment does not monitor the disks of the machine.
        'disk_free_limit.absolute = 50MB\n',
    )


def mapper(state: state_directory.State) -> processes.Process:
    def is_ready() -> bool:
        return listens(state.port('epmd'))

    return processes.Process(
        name='epmd',
        command=(
            programs.find('epmd'),
            *('-address', '127.0.0.1'),
            *('-port', str(state.port('epmd'))),
        ),
        is_ready=is_ready,
    )


def process(state: state_directory.State) -> processes.Process:
    def is_ready() -> bool:
        return listens(state.port('rabbitmq'))

    return processes.Process(
        name='rabbitmq',
        command=(programs.find('rabbitmq-server'),),
        environ=_environ(state),
        is_ready=is_ready,
    )


def listens(port: int) -> bool:
    """Return whether a process listens on a port of the loopback interface."""
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=5):
            return True
    except OSError:
        return False
