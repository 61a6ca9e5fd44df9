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

"""The resource os-pci-flavors of the API."""

from collections.abc import Collection
import operator

from nova import context as nova_context
from nova.api import validation
from nova.api.openstack import identity
from nova.api.openstack import wsgi
from oslo_utils import strutils
from oslo_utils import uuidutils
import webob.exc

from pci_ext import exception
from pci_ext.api import errors
from pci_ext.api import paging
from pci_ext.api import pci_flavor_notifications
from pci_ext.api import policy
from pci_ext.api import response_schema
from pci_ext.api import visible_flavors
from pci_ext.api.inventory import available_attributes
from pci_ext.api.inventory import capacity
from pci_ext.api.schemas import pci_flavors as schema
from pci_ext.api.views import pci_flavors as views
from pci_ext.db import pci_flavors as db
from pci_ext.i18n import _
from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor
from pci_ext.policies import pci_flavor_access as access_policies
from pci_ext.policies import pci_flavors as policies

#: Ids that show the available attributes.
_RESERVED_IDS = frozenset(
    (views.AVAILABLE_ATTRIBUTES_ID, request_grammar.RESERVED_NAME)
)

#: The path of the detailed list, in the place of a name.
_DETAIL = 'detail'

#: Parts of a path that are removed on the way.
_RELATIVE = frozenset(('.', '..'))


_SORT_KEYS = {key: operator.attrgetter(key) for key in schema.SORT_KEYS}


@validation.validated
class PciFlavorsController(wsgi.Controller):
    _view_builder_class = views.ViewBuilder

    @wsgi.expected_errors((400, 503))
    @validation.query_schema(schema.index_query)
    @response_schema.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request) -> views.View:
        """List the PCI flavors that the project can use."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.INDEX)
        return self._view_builder.index(req, _page(req))

    @wsgi.expected_errors((400, 503))
    @validation.query_schema(schema.detail_query)
    @response_schema.response_body_schema(schema.detail_response)
    def detail(self, req: wsgi.Request) -> views.View:
        """List the PCI flavors that the project can use, with details."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.DETAIL)
        flavors = _page(req)
        return self._view_builder.detail(
            req, flavors, _count(context, flavors)
        )

    @wsgi.expected_errors((404, 503))
    @validation.query_schema(schema.show_query)
    @validation.response_body_schema(schema.show_response)
    def show(self, req: wsgi.Request, id: str) -> views.View:
        """Show a PCI flavor, by uuid or name, or the available attributes."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.SHOW)
        if id in _RESERVED_IDS:
            return self._view_builder.available_attributes(
                available_attributes.available(context)
            )
        with errors.as_http():
            flavor = visible_flavors.find(context, id)
        usage = _count(context, [flavor])
        view = self._view_builder.show(req, flavor, usage.get(flavor.name))
        if not flavor.is_public and policy.authorize(
            context, access_policies.INDEX, target={}, fatal=False
        ):
            view['pci_flavor']['projects'] = list(flavor.projects)
        return view

    @wsgi.response(201)
    @wsgi.expected_errors((400, 409, 503))
    @validation.schema(schema.create)
    @validation.response_body_schema(schema.create_response)
    def create(
        self, req: wsgi.Request, body: views.View
    ) -> wsgi.ResponseObject:
        """Create a PCI flavor.

        Its specs can be set later; without specs it matches no device.
        """
        context = req.environ['nova.context']
        policy.authorize(context, policies.CREATE, target={})
        values = dict(body['pci_flavor'])
        with errors.as_http():
            _verify_name(values['name'])
            values['specs'] = available_attributes.check_specs(
                context, values.get('specs', {})
            )
            _verify_projects(context, values)
            flavor = db.create(pci_flavor.PciFlavor(**values))
        pci_flavor_notifications.notify(
            context, pci_flavor_notifications.CREATE, flavor
        )
        view = self._view_builder.show(req, flavor)
        response = wsgi.ResponseObject(view)
        response['Location'] = view['pci_flavor']['links'][0]['href']
        return response

    @wsgi.expected_errors((400, 404, 409, 503))
    @validation.schema(schema.update)
    @validation.response_body_schema(schema.update_response)
    def update(
        self, req: wsgi.Request, id: str, body: views.View
    ) -> views.View:
        """Change the given fields of a PCI flavor; a spec of null is removed.

        Servers that have its devices keep them.
        """
        context = req.environ['nova.context']
        policy.authorize(context, policies.UPDATE, target={})
        _refuse_reserved(id)
        values = dict(body['pci_flavor'])
        with errors.as_http():
            if 'name' in values:
                _verify_name(values['name'])
            if 'specs' in values:
                values['specs'] = available_attributes.check_specs(
                    context, values['specs']
                )
            flavor = db.update_by_uuid(
                visible_flavors.find(context, id).uuid, values
            )
        pci_flavor_notifications.notify(
            context, pci_flavor_notifications.UPDATE, flavor
        )
        return self._view_builder.show(req, flavor)

    @wsgi.response(204)
    @wsgi.expected_errors((400, 404, 503))
    @validation.response_body_schema(schema.delete_response)
    def delete(self, req: wsgi.Request, id: str) -> None:
        """Delete a PCI flavor. Servers that have its devices keep them."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.DELETE, target={})
        _refuse_reserved(id)
        with errors.as_http():
            flavor = visible_flavors.find(context, id)
            db.delete_by_uuid(flavor.uuid)
        pci_flavor_notifications.notify(
            context, pci_flavor_notifications.DELETE, flavor
        )


def _page(req: wsgi.Request) -> list[pci_flavor.PciFlavor]:
    """Read the PCI flavors that a request for a list selects."""
    visible = visible_flavors.get_all(req.environ['nova.context'])
    name = req.GET.get('name')
    is_public = req.GET.get('is_public')
    return paging.page(
        req,
        [
            flavor
            for flavor in visible
            if name in (None, flavor.name)
            and (
                is_public is None
                or strutils.bool_from_string(is_public) == flavor.is_public
            )
        ],
        _SORT_KEYS,
        uuid_of=operator.attrgetter('uuid'),
        default_keys=('name',),
        find=lambda uuid: [each for each in visible if each.uuid == uuid],
    )


def _count(
    context: nova_context.RequestContext,
    flavors: Collection[pci_flavor.PciFlavor],
) -> dict[str, capacity.Capacity]:
    """Count the devices of PCI flavors, if the user may see the numbers."""
    if not policy.authorize(context, policies.USAGE, fatal=False):
        return {}
    return capacity.count_flavors(context, flavors)


def _verify_name(name: str) -> None:
    request_grammar.validate_name(name)
    # The path of such a name is that of another resource, or may become so.
    reason = None
    if uuidutils.is_uuid_like(name):
        reason = _('it reads as a uuid.')
    elif name == _DETAIL:
        reason = _('it is reserved.')
    elif '/' in name or name in _RELATIVE:
        reason = _('it cannot be a part of a path.')
    if reason:
        raise exception.InvalidPciFlavor(field='name', reason=reason)


def _verify_projects(
    context: nova_context.RequestContext, values: views.View
) -> None:
    projects = values.get('projects', ())
    if projects and values.get('is_public', True):
        raise exception.InvalidPciFlavor(
            field='projects',
            reason=_(
                'all projects have access to a public PCI flavor. Set '
                'is_public to false to give access to some.'
            ),
        )
    for project_id in projects:
        identity.verify_project_id(context, project_id)


def _refuse_reserved(id: str) -> None:
    if id in _RESERVED_IDS:
        raise webob.exc.HTTPBadRequest(
            explanation=_(
                'PCI flavor %s shows the attributes that compute hosts report '
                'and cannot be changed.'
            )
            % id
        )
