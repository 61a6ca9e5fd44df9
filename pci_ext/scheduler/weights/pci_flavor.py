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

from typing import Any

from nova import objects
from nova.scheduler import utils
from nova.scheduler import weights
from oslo_config import cfg

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
        """Higher weights win.

        A step down the alternatives counts 1, devices left free count less
        than that in all.
        """
        requests = compiler.compile_request_spec(request_spec)
        fit = (
            requests.fit(host_pools.get_pools(host_state))
            if requests
            else None
        )
        if fit is None:
            return 0.0
        return -(fit.cost + fit.left / (fit.left + 1))
