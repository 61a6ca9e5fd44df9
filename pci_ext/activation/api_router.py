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

"""Seam: the router of nova-api.

It is that of an entry point, as the modules of the API are loaded in nova-api
alone.
"""

import sys
from typing import Any

from stevedore import driver

from pci_ext.activation import seam

NAMESPACE = 'pci_ext.api.router'

#: Loaded in nova-api, and the metadata service, before they are activated.
_APPLICATION = 'nova.api.openstack.wsgi_app'


def factory(cls: type, /, global_config: Any, **local_config: Any) -> Any:
    """Return the application of nova-api; called by paste, once a version."""
    manager: Any = driver.DriverManager(NAMESPACE, 'router')
    return manager.driver()


_SEAM = seam.Seam(
    module='nova.api.openstack.compute.routes',
    name='APIRouterV21.factory',
    replacement=classmethod(factory),
    signatures={'': ('global_config', 'local_config')},
)


def seams() -> tuple[seam.Seam, ...]:
    """List the seam if this process is nova-api."""
    return (_SEAM,) if _APPLICATION in sys.modules else ()
