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

"""Seam: the filters that nova-scheduler runs.

PciFlavorFilter runs in place of PciPassthroughFilter, or after the filters
that are enabled.
"""

from collections.abc import Sequence
from typing import Any

from nova.scheduler import host_manager

from pci_ext.activation import seam
from pci_ext.scheduler.filters import pci_flavor_filter

_REPLACED = 'PciPassthroughFilter'

_choose = host_manager.HostManager._choose_host_filters


def _choose_host_filters(
    self: 'host_manager.HostManager', filter_cls_names: Sequence[str] | str
) -> list[Any]:
    """Choose the filters, with exactly one for PCI devices."""
    filters = _choose(self, filter_cls_names)
    if any(_is_ours(each) for each in filters):
        # As a configuration may name it that was written for an earlier
        # version of pci_ext.
        return [each for each in filters if type(each).__name__ != _REPLACED]
    ours = pci_flavor_filter.PciFlavorFilter()
    names = [type(each).__name__ for each in filters]
    if _REPLACED in names:
        filters[names.index(_REPLACED)] = ours
    else:
        filters.append(ours)
    return filters


def _is_ours(each: Any) -> bool:
    return isinstance(each, pci_flavor_filter.PciFlavorFilter)


SEAM = seam.Seam(
    module='nova.scheduler.host_manager',
    name='HostManager._choose_host_filters',
    replacement=_choose_host_filters,
    signatures={'': ('self', 'filter_cls_names')},
)
