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

"""The service ``pci`` of a connection."""

from openstack import connection
from openstack import proxy
from openstack import service_description

from pci_ext.sdk.v1 import _proxy


class PciService(service_description.ServiceDescription[_proxy.Proxy]):
    """The PCI API, which is part of the compute service.

    Its endpoint, its versions and all settings are those of that service: the
    catalog has no service of this type.
    """

    #: By the major version of the compute API.
    supported_versions = {'2': _proxy.Proxy}

    def _make_proxy(
        self, instance: connection.Connection
    ) -> _proxy.Proxy | proxy.Proxy:
        compute = service_description.ServiceDescription[_proxy.Proxy](
            'compute', dict(self.supported_versions)
        )
        return compute._make_proxy(instance)
