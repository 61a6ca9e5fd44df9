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

"""The policies of pci_ext."""

import itertools

from oslo_policy import policy

from pci_ext.policies import pci_devices
from pci_ext.policies import pci_flavor_access
from pci_ext.policies import pci_flavor_limits
from pci_ext.policies import pci_flavors
from pci_ext.policies import pci_pools
from pci_ext.policies import pci_versions


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """List every policy, for the entry point oslo.policy.policies too."""
    return list(
        itertools.chain(
            pci_devices.list_rules(),
            pci_flavor_access.list_rules(),
            pci_flavor_limits.list_rules(),
            pci_flavors.list_rules(),
            pci_pools.list_rules(),
            pci_versions.list_rules(),
        )
    )
