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

"""Project > Compute > Devices, and the tab of the devices of an instance."""

PANEL = 'pci_devices'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'compute'

ADD_PANEL = 'pci_ext_dashboard.project.devices.panel.Devices'
# Once: Django refuses an application that is there twice.
ADD_INSTALLED_APPS = ['pci_ext_dashboard']

_TABS = ((100, 'pci_ext_dashboard.project.devices.tabs.DevicesTab'),)
_INSTANCE_TABS = 'openstack_dashboard.dashboards.%s.instances.tabs.%s'
EXTRA_TABS = {
    _INSTANCE_TABS % ('project', 'InstanceDetailTabs'): _TABS,
    _INSTANCE_TABS % ('admin', 'AdminInstanceDetailTabs'): _TABS,
}
