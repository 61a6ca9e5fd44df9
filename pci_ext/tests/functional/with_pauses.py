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

"""The all-in-one, with a nova-api that waits where a test lets it.

It waits before it calls glance or neutron, once for each socket with the name
of the service in the directory of the data directory.
"""

from collections.abc import Callable
import contextlib
import functools
import os
import socket
import sys
from typing import Any

if os.environ.get('OS_NOVA_DISABLE_EVENTLET_PATCHING') == 'false':
    from pci_ext.tests.functional import with_eventlet  # noqa: F401
from pci_ext.cmd import allinone
from pci_ext.cmd.allinone import web


def path(directory: str, service: str) -> str:
    """Return the path of the socket on which a test waits for nova-api.

    :param directory: the directory of the all-in-one
    """
    return os.path.join(directory, f'{service}.socket')


def _before(service: str, directory: str, function: Callable[..., Any]) -> Any:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with (
            contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
            socket.socket(socket.AF_UNIX) as connection,
        ):
            connection.connect(path(directory, service))
            # Until the test closes its end.
            connection.recv(1)
        return function(*args, **kwargs)

    return wrapped


@functools.cache
def _install(directory: str) -> None:
    from nova.image import glance
    from nova.network import neutron

    glance.API.get = _before('image', directory, glance.API.get)
    neutron.API.instance_has_extended_resource_request = _before(
        'network',
        directory,
        neutron.API.instance_has_extended_resource_request,
    )


def main(directory: str) -> None:
    """Run the all-in-one; Nova can be imported once it mounts its services."""
    mount = web.Server.mount

    def install_and_mount(*args: Any) -> None:
        _install(directory)
        mount(*args)

    web.Server.mount = install_and_mount  # type: ignore[method-assign]
    allinone.main()


if __name__ == '__main__':
    main(os.path.dirname(sys.argv[sys.argv.index('--data-dir') + 1]))
