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

"""The aggregate in Placement that a compute host has for itself.

Placement tells the hosts of nova-scheduler by aggregates: with one for each
host, it can be asked about any set of hosts.
"""

import uuid

from nova.compute import provider_tree

#: Begins the uuids of all these aggregates: ``pcie`` in ASCII.
PREFIX = '70636965'

#: In the stats of a compute node whose host is in its aggregate. A driver
#: knows that from what nova-compute has read from Placement or written there.
IS_MEMBER = 'pci_ext_own_aggregate'

# Namespace of the uuids; the provider's own is in use as that of a provider.
_AGGREGATES = uuid.UUID('c56a4a5e-0c0d-4c0e-9a54-8a0f6c1d2b7e')


def uuid_of(provider_uuid: str) -> str:
    """Derive the uuid of the aggregate of a host from its provider's."""
    derived = str(uuid.uuid5(_AGGREGATES, provider_uuid))
    return PREFIX + derived[len(PREFIX) :]


def join(tree: 'provider_tree.ProviderTree', name: str) -> bool:
    """Add the provider of a host to its aggregate; keep its other ones.

    :param tree: Nova writes its changes to Placement
    :param name: of the provider
    :returns: whether it is a member already
    """
    provider = tree.data(name)
    own = uuid_of(provider.uuid)
    if own in provider.aggregates:
        return True
    tree.update_aggregates(
        name, {*provider.aggregates, own}, generation=provider.generation
    )
    return False
