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

"""Filter hosts by the PCI flavors of a server."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.scheduler import utils
from nova.scheduler.filters import pci_passthrough_filter

from pci_ext import exception
from pci_ext.activation import active
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.requests import compiler
from pci_ext.scheduler import host_pools
from pci_ext.scheduler import shortage


class PciFlavorFilter(pci_passthrough_filter.PciPassthroughFilter):
    """Replaces PciPassthroughFilter, and calls it for other requests.

    A host passes if its pools can serve all requests of the server at once,
    in any order.
    """

    def __init__(self) -> None:
        active.require('The scheduler filter PciFlavorFilter')
        super().__init__()

    def filter_all(
        self, filter_obj_list: Iterable[Any], spec_obj: 'objects.RequestSpec'
    ) -> Iterator[Any]:
        """Compile the requests once, then match them with every host.

        :raises nova.exception.NoValidHost: if there is none, and for a host
            the search was given up: Nova's own error would not say that
        """
        requests = compiler.compile_request_spec(spec_obj)
        if requests is None or utils.request_is_rebuild(spec_obj):
            yield from super().filter_all(filter_obj_list, spec_obj)
            return
        refused = []
        given_up = None
        passed = False
        others = _has_others(requests, spec_obj)
        budget = exclusion.Budget()
        for host in filter_obj_list:
            try:
                passes = self._passes(requests, others, host, spec_obj, budget)
            except exception.AssignmentGivenUp as error:
                passes = False
                given_up = error
            if passes:
                passed = True
                yield host
            elif not passed:
                refused.append(host)
        if given_up:
            shortage.log_given_up(given_up, spec_obj)
            # Of several servers the first may have its host already: Nova
            # must free it.
            if not passed and spec_obj.num_instances == 1:
                raise nova_exception.NoValidHost(
                    reason=given_up.format_message()
                ) from given_up
        if refused and not passed:
            shortage.log_shortage(
                requests, map(host_pools.get_pools, refused), spec_obj
            )

    def host_passes(
        self, host_state: Any, spec_obj: 'objects.RequestSpec'
    ) -> bool:
        requests = compiler.compile_request_spec(spec_obj)
        if requests is None:
            return bool(super().host_passes(host_state, spec_obj))
        others = _has_others(requests, spec_obj)
        try:
            return self._passes(
                requests, others, host_state, spec_obj, exclusion.Budget()
            )
        except exception.AssignmentGivenUp:
            return False

    def _passes(
        self,
        requests: compiled_requests.CompiledRequests,
        others: bool,
        host_state: Any,
        spec_obj: 'objects.RequestSpec',
        budget: exclusion.Budget,
    ) -> bool:
        pools = host_pools.get_pools(host_state)
        if requests.fit(pools, budget) is None:
            shortage.log_explanation(
                requests, pools, spec_obj, host_state, budget
            )
            return False
        # Requests of other kinds may want the same devices.
        return not others or bool(super().host_passes(host_state, spec_obj))


def _has_others(
    requests: compiled_requests.CompiledRequests,
    spec_obj: 'objects.RequestSpec',
) -> bool:
    """Tell whether a server has requests of other kinds."""
    return len(requests.requests) < len(spec_obj.pci_requests.requests)
