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
"""Weigher: the first of the hosts that fit, in a fixed order."""

from collections.abc import Sequence
import re
from typing import Any

from nova import objects
from nova.scheduler import utils
from nova.scheduler import weights
from oslo_config import cfg

from pci_ext.requests import compiler

CONF = cfg.CONF


class FirstFitWeigher(weights.BaseHostWeigher):
    """Prefer hosts in the order of their names; numbers in them count."""

    def weight_multiplier(self, host_state: Any) -> float:
        return float(
            utils.get_weight_multiplier(
                host_state,
                'first_fit_weight_multiplier',
                CONF.pci_ext.first_fit_weight_multiplier,
            )
        )

    def _weigh_object(
        self, host_state: Any, request_spec: 'objects.RequestSpec'
    ) -> float:
        """A host on its own has no place."""
        return 0.0

    def weigh_objects(
        self,
        weighed_obj_list: Sequence[Any],
        weight_properties: 'objects.RequestSpec',
    ) -> list[float]:
        """Weigh each host by its place, counted from the end."""
        if compiler.compile_request_spec(weight_properties) is None:
            return [0.0] * len(weighed_obj_list)
        ordered = sorted(
            range(len(weighed_obj_list)),
            key=lambda index: _order_of(weighed_obj_list[index].obj),
            reverse=True,
        )
        places = {index: place for place, index in enumerate(ordered)}
        return [float(places[index]) for index in range(len(places))]


def _order_of(host_state: Any) -> tuple[tuple[str, int], ...]:
    name = f'{host_state.host} {host_state.nodename}'
    return tuple(
        (text, int(number or 0))
        for text, number in re.findall(r'(\D*)(\d*)', name)
    )
