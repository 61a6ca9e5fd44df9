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

"""Live migration policies of devices, stored in their requests.

The requests keep the policy that the PCI flavor had when it was resolved: a
later change does not affect servers that have its devices.
"""

from collections.abc import Mapping
from typing import Any

from nova import objects

from pci_ext.matching import compiled_requests
from pci_ext.objects import pci_flavor
from pci_ext.requests import compiler

FORBID = pci_flavor.LiveMigration.FORBID
HOTPLUG = pci_flavor.LiveMigration.HOTPLUG
NATIVE = pci_flavor.LiveMigration.NATIVE

#: The policy of devices requested by name, without a PCI flavor: the agent of
#: CloudStack detached all PCI devices before a migration and attached others
#: after it ("PCI-Passthrough with CloudStack (Improved)", 2013).
FOR_NAMED_DEVICES = HOTPLUG

# The safest comes first.
_ORDER = (FORBID, HOTPLUG, NATIVE)


def spec_keys(policy: str) -> dict[str, str]:
    """Return the keys that state a policy in an alternative of a request.

    The policy forbid has no keys, as an alternative without a policy.
    """
    if policy == FORBID:
        return {}
    keys = {compiled_requests.LIVE_MIGRATION: policy}
    if policy == NATIVE:
        keys[compiled_requests.LIVE_MIGRATABLE] = 'true'
    return keys


def policies_of(request: 'objects.InstancePCIRequest') -> list[str]:
    """List the policies of the alternatives of a request.

    A request by alias has one alternative, with Nova's live_migratable.
    """
    if compiled_requests.is_by_pci_flavor(request.spec):
        return [
            item.get(compiled_requests.LIVE_MIGRATION, FORBID)
            for item in request.spec
        ]
    return [NATIVE if request.is_live_migratable() else FORBID]


def policy_of_device(
    request: 'objects.InstancePCIRequest', pool: Mapping[str, Any]
) -> str:
    """Return the policy of a device of a server.

    :param request: the request that the device was claimed for
    :param pool: properties of the pool of the device
    """
    policies = policies_of(request)
    if len(policies) == 1:
        return policies[0]
    alternative = compiler.compile_requests([request]).pool_costs(pool)[0]
    if alternative is None:
        # The host groups its devices by other attributes since the claim.
        return min(policies, key=_ORDER.index)
    return policies[alternative]
