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
"""The flavors of Nova, by their extra specs."""

from collections.abc import Collection

from nova import context as nova_context
from nova import objects
from nova.db.api import api as nova_api_db
from nova.db.api import models as nova_api_models


def list_with(
    context: nova_context.RequestContext, keys: Collection[str]
) -> list['objects.Flavor']:
    """List the flavors that have one of some extra specs, by name."""
    return [
        objects.Flavor.get_by_flavor_id(context, flavor_id)
        for flavor_id in _list_ids(context, keys)
    ]


@nova_api_db.context_manager.reader
def _list_ids(
    context: nova_context.RequestContext, keys: Collection[str]
) -> list[str]:
    flavors = nova_api_models.Flavors
    extra_specs = nova_api_models.FlavorExtraSpecs
    return [
        row.flavorid
        for row in context.session.query(flavors.flavorid, flavors.name)
        .filter(flavors.extra_specs.any(extra_specs.key.in_(keys)))
        .order_by(flavors.name, flavors.flavorid)
    ]


def format_extra_spec(counts: dict[str, int]) -> str:
    """Return the value of pci_passthrough:alias for devices by alias."""
    return ','.join(f'{name}:{count}' for name, count in counts.items())
