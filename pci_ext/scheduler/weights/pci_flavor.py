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

"""Weigh hosts by how well their devices fit the PCI flavors requested."""

from collections.abc import Sequence
import math
from typing import Any

from nova import objects
from nova.scheduler import utils
from nova.scheduler import weights
from oslo_config import cfg

from pci_ext import exception
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.requests import compiler
from pci_ext.scheduler import host_pools

CONF = cfg.CONF


class PciFlavorWeigher(weights.BaseHostWeigher):
    """Prefer earlier alternatives, then hosts that fit tightest."""

    def weight_multiplier(self, host_state: Any) -> float:
        return float(
            utils.get_weight_multiplier(
                host_state,
                'pci_flavor_weight_multiplier',
                CONF.pci_ext.pci_flavor_weight_multiplier,
            )
        )

    def _weigh_object(
        self, host_state: Any, request_spec: 'objects.RequestSpec'
    ) -> float:
        # Nova requires the method of each weigher, but does not call it here.
        return 0.0

    def weigh_objects(
        self,
        weighed_obj_list: Sequence[Any],
        weight_properties: 'objects.RequestSpec',
    ) -> list[float]:
        """Weigh hosts by their rank, the best highest.

        Nova scales the weights of all hosts to 0 to 1: by any other measure
        one host that fits badly would let the others look alike, and the
        weighers of Nova decide between them.
        """
        requests = compiler.compile_request_spec(weight_properties)
        if requests is None:
            return [0.0] * len(weighed_obj_list)
        budget = exclusion.Budget()
        fits = [
            _fit(requests, weighed.obj, budget) for weighed in weighed_obj_list
        ]
        # A step down the alternatives outweighs any number of devices left.
        keys = [
            (math.inf, 0) if fit is None else (fit.cost, fit.left)
            for fit in fits
        ]
        ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        return [-float(ranks[key]) for key in keys]


def _fit(
    requests: compiled_requests.CompiledRequests,
    host: Any,
    budget: exclusion.Budget,
) -> compiled_requests.HostFit | None:
    try:
        return requests.fit(host_pools.get_pools(host), budget)
    except exception.AssignmentGivenUp:
        return None
