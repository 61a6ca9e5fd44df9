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

"""The API of pci_ext in openstacksdk: ``conn.pci``.

``load`` is a hook for openstacksdk: a cloud in clouds.yaml names it by
``vendor_hook: pci_ext.sdk:load``. Programs can call it with a connection.
"""

from openstack import connection

from pci_ext.sdk import pci_service


def load(conn: connection.Connection) -> None:
    """Add the service ``pci`` to a connection.

    No request is sent before the service is used.
    """
    conn.add_service(pci_service.PciService('pci'))
