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

"""The client of the resources, and the constraints that use it."""

from typing import Any

from heat.engine import constraints
from heat.engine.clients.os import openstacksdk
from openstack import connection
from openstack import exceptions

from pci_ext import sdk

CLIENT_NAME = 'pci'


class PciClientPlugin(openstacksdk.OpenStackSDKPlugin):
    """Makes a connection of openstacksdk that has the service ``pci``."""

    service_types = [COMPUTE] = ['compute']

    def _create(self, version: Any = None) -> connection.Connection:
        conn: connection.Connection = super()._create(version)
        sdk.load(conn)
        return conn

    def is_conflict(self, ex: Exception) -> bool:
        return isinstance(ex, exceptions.ConflictException)

    def find_pci_flavor(self, name_or_id: str) -> str:
        """Find the uuid of a PCI flavor.

        :raises NotFoundException: if the project sees none of the name or uuid
        """
        pci: Any = self.client().pci
        return str(pci.find_flavor(name_or_id, ignore_missing=False).id)


class PciFlavorConstraint(constraints.BaseCustomConstraint):
    """The value is the name or the uuid of a PCI flavor."""

    expected_exceptions = (exceptions.NotFoundException,)
    resource_client_name = CLIENT_NAME
    resource_getter_name = 'find_pci_flavor'
