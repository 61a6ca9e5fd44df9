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

"""The filters of lists of pools and devices, applied after reading."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping

from nova.api.openstack import wsgi
import webob.exc

from pci_ext import exception
from pci_ext.api import errors
from pci_ext.api.inventory import available_attributes
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory as schema
from pci_ext.i18n import _
from pci_ext.matching import grouping
from pci_ext.matching import selectors
from pci_ext.objects import pci_flavor

Properties = Mapping[str, str | None]

#: Tells whether a pool or device with some properties is to be listed.
Filter = Callable[[Properties], bool]


def has_filter(request: wsgi.Request, query: common.Schema) -> bool:
    """Tell whether a list has filters that are applied after reading.

    :param query: the schema of the parameters of the list
    """
    return any(
        key == 'flavor' or key not in _parameters(query) for key in request.GET
    )


def _parameters(query: common.Schema) -> Collection[str]:
    """List the parameters that are no attributes."""
    return query['properties'].keys() - set(schema.ATTRIBUTES)


def make_filter(
    request: wsgi.Request,
    query: common.Schema,
    flavors: Iterable[pci_flavor.PciFlavor],
) -> Callable[[Properties, Properties], bool]:
    """Return the filter of a list.

    :param query: the schema of the parameters of the list
    :param flavors: PCI flavors that the user sees
    :returns: a function of the properties of an item and those of its pool,
        which tells whether the item is to be listed
    :raises webob.exc.HTTPBadRequest: if a parameter is not acceptable
    """
    has_attributes = _by_attributes(request, _parameters(query))
    is_of_flavor = _by_flavor(request, flavors)
    return lambda properties, pool: (
        has_attributes(properties) and is_of_flavor(pool)
    )


def _by_attributes(
    request: wsgi.Request, parameters: Collection[str]
) -> Filter:
    """Return the filter by attributes.

    :param parameters: names of other parameters; all the rest are patterns
    """
    with errors.as_http():
        selector = selectors.Selector(
            {
                key: text
                for key, text in request.GET.items()
                if key not in parameters
            }
        )
    unknown = {
        key
        for key in selector.keys.difference(schema.ATTRIBUTES)
        if not key.startswith(grouping.ATTRIBUTE_PREFIX)
    }
    if unknown:
        available = available_attributes.available(
            request.environ['nova.context']
        )
        if unknown - available:
            raise _unknown(min(unknown - available), parameters, available)
    return selector.matches


def _unknown(
    key: str, parameters: Iterable[str], available: Iterable[str]
) -> webob.exc.HTTPBadRequest:
    return webob.exc.HTTPBadRequest(
        explanation=_(
            '%(key)r is not a parameter, nor does a compute host group its '
            'PCI devices by it. Parameters are %(parameters)s. Attributes '
            'are %(attributes)s, and all that begin with e.'
        )
        % {
            'key': key,
            'parameters': ', '.join(sorted(parameters)),
            'attributes': ', '.join(
                sorted(
                    each
                    for each in {*available, *schema.ATTRIBUTES}
                    if not each.startswith(grouping.ATTRIBUTE_PREFIX)
                )
            ),
        }
    )


def _by_flavor(
    request: wsgi.Request, flavors: Iterable[pci_flavor.PciFlavor]
) -> Filter:
    """Return the filter by PCI flavor, which is compared with pools."""
    id = request.GET.get('flavor')
    if id is None:
        return lambda pool: True
    for flavor in flavors:
        if id in (flavor.uuid, flavor.name):
            matching = flavor_matches.Matches([flavor])
            return lambda pool: bool(matching.names(pool))
    # Not 404: the list exists.
    raise webob.exc.HTTPBadRequest(
        explanation=exception.PciFlavorNotFound(pci_flavor=id).format_message()
    )
