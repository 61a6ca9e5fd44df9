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

"""The resource os-pci-devices: all devices of all hosts."""

from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova.api import validation
from nova.api.openstack import common
from nova.api.openstack import wsgi
from oslo_utils import uuidutils
import webob.exc

from pci_ext.api import paging
from pci_ext.api import policy
from pci_ext.api import response_schema
from pci_ext.api import visible_flavors
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import filters
from pci_ext.api.inventory import first_devices
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.api.schemas import pci_devices as schema
from pci_ext.api.views import pci_devices as views
from pci_ext.i18n import _
from pci_ext.policies import pci_devices as policies


def _column(key: str) -> str:
    return {'server_uuid': 'instance_uuid'}.get(key, key)


def _read(key: str) -> Callable[[model.Device], Any]:
    if key == 'host':
        return lambda device: device.host
    return lambda device: getattr(device.row, _column(key))


_SORT_KEYS = {key: _read(key) for key in schema.SORT_KEYS}

_DEFAULT_KEYS = ('host', 'address')


@validation.validated
class PciDevicesController(wsgi.Controller):
    _view_builder_class = views.ViewBuilder

    @wsgi.expected_errors((400, 503))
    @validation.query_schema(schema.index_query)
    @response_schema.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request) -> views.View:
        """List devices."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.INDEX, target={})
        flavors = visible_flavors.get_all(context)
        is_listed = filters.make_filter(req, schema.index_query, flavors)
        found = reader.read_devices(
            context,
            cell_queries.DeviceFilter(
                uuid=req.GET.get('uuid'),
                host=req.GET.get('host'),
                status=req.GET.get('status'),
                address=req.GET.get('address'),
                owner_uuid=req.GET.get('server_uuid'),
            ),
            _cut(req),
        )
        page = paging.page(
            req,
            [
                device
                for device in found.devices
                if is_listed(device.properties, device.pool)
            ],
            _SORT_KEYS,
            uuid_of=lambda device: device.row.uuid,
            default_keys=_DEFAULT_KEYS,
            find=lambda uuid: _find(context, uuid),
        )
        return self._view_builder.index(
            req, page, flavor_matches.Matches(flavors), found.cells_down
        )

    @wsgi.expected_errors((404, 503))
    @validation.query_schema(schema.show_query)
    @validation.response_body_schema(schema.show_response)
    def show(self, req: wsgi.Request, id: str) -> views.View:
        """Show a device, by uuid."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.SHOW, target={})
        if not uuidutils.is_uuid_like(id):
            raise _not_found(id)
        found = reader.read_devices(
            context, cell_queries.DeviceFilter(uuid=id)
        )
        for device in found.devices:
            return self._view_builder.show(
                req,
                device,
                flavor_matches.Matches(visible_flavors.get_all(context)),
            )
        if found.cells_down:
            raise webob.exc.HTTPServiceUnavailable(
                explanation=_(
                    'PCI device %(id)s was not found in the cells that '
                    'answer; it may be in one that does not: %(cells)s.'
                )
                % {'id': id, 'cells': ', '.join(found.cells_down)}
            )
        raise _not_found(id)


def _find(
    context: nova_context.RequestContext, uuid: str
) -> list[model.Device]:
    return reader.read_devices(
        context, cell_queries.DeviceFilter(uuid=uuid)
    ).devices


def _cut(req: wsgi.Request) -> first_devices.Cut | None:
    """Return the part of the devices that a page needs of each cell.

    :returns: None if devices are filtered after they are read
    """
    if filters.has_filter(req, schema.index_query):
        return None
    limit, marker = common.get_limit_and_marker(req)
    order = paging.order_of(req, _DEFAULT_KEYS)
    after = None
    if marker is not None:
        for device in _find(req.environ['nova.context'], marker):
            after = (
                *(_SORT_KEYS[key](device) for key, _descending in order),
                device.row.uuid,
            )
    return first_devices.Cut(
        tuple((_column(key), descending) for key, descending in order),
        after,
        limit,
    )


def _not_found(id: str) -> webob.exc.HTTPNotFound:
    return webob.exc.HTTPNotFound(
        explanation=_('PCI device %s could not be found.') % id
    )
