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

"""Controllers of Nova, with the compute API that knows PCI flavors."""

from nova.api.openstack.compute import attach_interfaces
from nova.api.openstack.compute import evacuate
from nova.api.openstack.compute import migrate_server
from nova.api.openstack.compute import shelve
from nova.api.openstack.compute import volumes_boot

from pci_ext.api import compute_api
from pci_ext.api.views import servers as views


class InterfaceAttachmentController(
    attach_interfaces.InterfaceAttachmentController
):
    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()


class EvacuateController(evacuate.EvacuateController):
    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()


class MigrateServerController(migrate_server.MigrateServerController):
    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()


class ShelveController(shelve.ShelveController):
    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()


class VolumesBootController(volumes_boot.VolumesBootController):
    """The servers of Nova once more, below a path of old clients."""

    _view_builder_class = views.ViewBuilder

    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()
