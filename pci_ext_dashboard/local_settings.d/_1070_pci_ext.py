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

# Horizon executes this file within its settings.
# ruff: noqa: F821

import os

import pci_ext_dashboard

_PCI_EXT_CONF = os.path.join(
    os.path.dirname(pci_ext_dashboard.__file__), 'conf'
)

POLICY_FILES = {
    **POLICY_FILES,
    'pci_ext': os.path.join(_PCI_EXT_CONF, 'pci_ext_policy.yaml'),
}
DEFAULT_POLICY_FILES = {
    **DEFAULT_POLICY_FILES,
    'pci_ext': os.path.join(_PCI_EXT_CONF, 'default_policies/pci_ext.yaml'),
}
