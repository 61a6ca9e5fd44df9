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

"""The all-in-one with a second nova-scheduler, as in a cloud of many hosts."""

import os
from typing import Any

if os.environ.get('OS_NOVA_DISABLE_EVENTLET_PATCHING') == 'false':
    from pci_ext.tests.functional import with_eventlet  # noqa: F401
from pci_ext.cmd import allinone
from pci_ext.cmd.allinone import web

_BINARY = 'nova-scheduler'


def _install() -> None:
    """Let the start of nova-scheduler start another one before."""
    from nova import service

    create = service.Service.create

    def create_two(*args: Any, **kwargs: Any) -> service.Service:
        if kwargs.get('binary') == _BINARY:
            create(*args, host='controller-2', **kwargs).start()
        return create(*args, **kwargs)

    service.Service.create = create_two


def main() -> None:
    """Run the all-in-one; Nova can be imported once it mounts its services."""
    mount = web.Server.mount

    def install_and_mount(*args: Any) -> None:
        if args[1] == 'compute':
            _install()
        mount(*args)

    web.Server.mount = install_and_mount  # type: ignore[method-assign]
    allinone.main()


if __name__ == '__main__':
    main()
