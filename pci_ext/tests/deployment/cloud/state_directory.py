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

"""The directory of a deployment, with its ports and secrets."""

from collections.abc import Iterator
import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import socket
import string
import sys

#: The source tree, with the install page and the hardware lab.
ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), '../../../..'))

TEMPLATES = os.path.join(os.path.dirname(__file__), 'templates')

#: A file that exists while the lines of the install page are there.
_ENABLED = 'enabled'

#: Listeners on the loopback interface, in the order of their ports.
LISTENERS = (
    'mariadb',
    'rabbitmq',
    'rabbitmq-distribution',
    'epmd',
    'keystone',
    'glance-api',
    'placement',
    'neutron',
    'nova-api',
)

#: Accounts of the databases and keystone, each with its own password.
ACCOUNTS = (
    *('admin', 'member', 'reader', 'other', 'rabbitmq'),
    *('keystone', 'glance', 'placement', 'neutron', 'nova', 'pci_ext'),
)


class DeployError(Exception):
    """An error that an operator must correct; one sentence."""


@dataclasses.dataclass(frozen=True)
class State:
    """The directory, ports and passwords of a deployment.

    :ivar directory: absolute path of the directory
    :ivar port_base: the first of the TCP ports
    :ivar passwords: the password of each account
    """

    directory: str
    port_base: int
    passwords: dict[str, str]

    def path(self, *names: str) -> str:
        """Return a path in the directory."""
        return os.path.join(self.directory, *names)

    def port(self, listener: str) -> int:
        return self.port_base + LISTENERS.index(listener)

    def url(self, listener: str) -> str:
        return f'http://127.0.0.1:{self.port(listener)}'

    def database(self, name: str, account: str | None = None) -> str:
        """Return the URL of a database.

        :param account: user of the database; by default of the same name
        """
        account = account or name
        return (
            f'mysql+pymysql://{account}:{self.passwords[account]}@127.0.0.1:'
            f'{self.port("mariadb")}/{name}?charset=utf8mb4'
        )

    @property
    def transport_url(self) -> str:
        return (
            f'rabbit://openstack:{self.passwords["rabbitmq"]}@127.0.0.1:'
            f'{self.port("rabbitmq")}/'
        )

    def auth(self, account: str) -> str:
        """Return the options of keystoneauth for a service."""
        options = {
            'auth_type': 'password',
            'auth_url': self.url('keystone') + '/v3',
            'username': account,
            'password': self.passwords[account],
            'project_name': 'service',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
            'region_name': 'RegionOne',
        }
        return '\n'.join(f'{key} = {value}' for key, value in options.items())

    @property
    def enabled(self) -> bool:
        """True if the lines of the install page of pci_ext are there."""
        return os.path.exists(self.path(_ENABLED))

    def mark_enabled(self, enabled: bool = True) -> None:
        if enabled:
            self.write(_ENABLED, '')
        elif self.enabled:
            os.remove(self.path(_ENABLED))

    def render(self, template: str, **values: str) -> str:
        """Return the content of a template with its values."""
        with open(os.path.join(TEMPLATES, template)) as stream:
            return string.Template(stream.read()).substitute(
                {
                    'state_dir': self.directory,
                    'log_dir': self.path('log'),
                    'venv': sys.prefix,
                    'privsep': os.path.join(sys.prefix, 'bin/privsep-helper'),
                    'transport_url': self.transport_url,
                    **values,
                }
            )

    def write(self, name: str, content: str) -> str:
        """Write a file that only its owner can read, and return its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, 'w') as stream:
            stream.truncate()
            stream.write(content)
        return path


def default_directory() -> str:
    home = os.environ.get('XDG_STATE_HOME') or os.path.expanduser(
        '~/.local/state'
    )
    return os.path.join(home, 'pci_ext', 'deploy')


def load(directory: str) -> State | None:
    """Return the deployment in a directory, None without one."""
    try:
        with open(os.path.join(directory, 'state.json')) as stream:
            return State(directory=directory, **json.load(stream))
    except FileNotFoundError:
        return None


def make(directory: str, port_base: int | None) -> State:
    """Return the deployment in a directory; create it if there is none.

    :param port_base: the first port; None for a free range
    :raises DeployError: if the existing deployment has other ports
    """
    found = load(directory)
    if found is not None:
        if port_base not in (None, found.port_base):
            raise DeployError(
                f'The deployment in {directory} has its ports from '
                f'{found.port_base} on.'
            )
        return found
    state = State(
        directory=directory,
        port_base=port_base or _free_ports(),
        # Hexadecimal digits: a password that starts with "-" would be parsed
        # as an option in a command line.
        passwords={name: secrets.token_hex(12) for name in ACCOUNTS},
    )
    fields = {'port_base': state.port_base, 'passwords': state.passwords}
    state.write('state.json', json.dumps(fields, indent=1))
    return state


@contextlib.contextmanager
def locked(directory: str) -> Iterator[None]:
    """Prevent other commands on a deployment.

    :raises DeployError: if another command runs
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    with open(os.path.join(directory, 'lock'), 'w') as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DeployError(
                f'Another command is at work in {directory}.'
            ) from error
        yield


def _free_ports() -> int:
    for base in range(18700, 28000, 100):
        with contextlib.ExitStack() as stack:
            try:
                for offset in range(len(LISTENERS)):
                    taken = stack.enter_context(socket.socket())
                    taken.bind(('127.0.0.1', base + offset))
            except OSError:
                continue
            return base
    raise DeployError('No range of ports is free.')
