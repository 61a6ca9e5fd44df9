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

"""The panel of the devices that a project may use."""

from django.utils.translation import gettext_lazy as _
import horizon

from pci_ext.policies import pci_flavors
from pci_ext_dashboard import policies


class Devices(horizon.Panel):
    name = _('Devices')
    slug = 'pci_devices'
    permissions = ('openstack.services.compute',)
    policy_rules = policies.rules(pci_flavors.DETAIL)
