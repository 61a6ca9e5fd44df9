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

"""The pools of a host, as nova-scheduler knows them."""

from collections.abc import Sequence
from typing import Any

from pci_ext.matching import grouping


def get_pools(host_state: Any) -> Sequence[dict[str, Any]]:
    """Return the pools of a host from which PCI flavors select.

    :returns: none if the host never reported any
    """
    stats = host_state.pci_stats
    return grouping.selectable(stats.shared_pools) if stats else ()
