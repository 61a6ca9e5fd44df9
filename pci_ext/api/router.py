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

"""The router of nova-api: the paths of Nova and those of pci_ext."""

from collections.abc import Callable
from collections.abc import Iterable
import functools
from typing import Any

from nova.api import openstack
from nova.api import wsgi
from nova.api.openstack import wsgi as nova_wsgi
from nova.api.openstack.compute import routes as nova_routes
from oslo_config import cfg
from oslo_log import log as logging
from routes import middleware
from stevedore import extension as stevedore_extension
import webob.exc

from pci_ext import conf
from pci_ext import exception
from pci_ext.activation import active
from pci_ext.api import microversions
from pci_ext.api import policy
from pci_ext.api import routes
from pci_ext.api import visible_flavors
from pci_ext.db import api as db_api

LOG = logging.getLogger(__name__)

#: Each entry point names a sequence of routes, in the form of
#: :data:`pci_ext.api.routes.ROUTES`.
NAMESPACE = 'pci_ext.api.extensions'


class APIRouter(nova_routes.APIRouterV21):
    """Mounts the routes of Nova, then other routes.

    The custom routes of Nova's router cannot replace the controller of a path
    that Nova has, so its list is walked here.
    """

    def __init__(self, others: Iterable[routes.Route]) -> None:
        # The constructor of Nova's router would mount Nova's controllers.
        wsgi.Router.__init__(self, openstack.ProjectMapper())
        # Without the parameter _method, which would replace the method: Nova
        # does not intend to have it, and a malformed form as body fails where
        # it is looked for.
        self._router = middleware.RoutesMiddleware(
            self._dispatch, self.map, use_method_override=False
        )
        for path, methods in nova_routes.ROUTE_LIST:
            if isinstance(methods, str):
                self.map.redirect(path, methods)
                continue
            for method, (factory, action) in methods.items():
                self.map.create_route(
                    path, method, _replaced(factory)(), action
                )
        for path, actions in others:
            for method, (controller, action) in actions.items():
                resource = microversions.Resource(controller())
                self.map.create_route(path, method, resource, action)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        with visible_flavors.for_request(environ.get('nova.context')):
            return _answer(super().__call__, environ, start_response)


class RouterWithoutDatabase(nova_routes.APIRouterV21):
    """Nova's router, where the database of PCI flavors is not configured."""

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        with visible_flavors.without_database():
            return _answer(super().__call__, environ, start_response)


def _answer(
    application: Callable[..., Any],
    environ: dict[str, Any],
    start_response: Callable[..., Any],
) -> Iterable[bytes]:
    """Answer with 503 if the database of PCI flavors makes a request fail.

    Controllers of Nova need it for servers and flavors that request PCI
    flavors, and answer with 500.
    """
    request = nova_wsgi.Request(environ)
    with db_api.noting_errors() as errors:
        response = request.get_response(application)
    if errors and response.status_int == 500:
        response = request.get_response(
            nova_wsgi.Fault(
                webob.exc.HTTPServiceUnavailable(
                    explanation=errors[-1].format_message()
                )
            )
        )
    answer: Iterable[bytes] = response(environ, start_response)
    return answer


def _replaced(factory: functools.partial[Any]) -> functools.partial[Any]:
    """Replace the controllers that a factory of Nova makes a resource of.

    :param factory: a function of Nova, applied to the class of the controller
        and the classes of its actions
    """
    controller, actions, *rest = factory.args
    return functools.partial(
        factory.func,
        routes.REPLACED.get(controller, controller),
        [
            *(routes.REPLACED.get(action, action) for action in actions),
            *routes.ACTIONS.get(controller, ()),
        ],
        *rest,
    )


def _refuse_to_start(
    manager: Any, entry_point: Any, error: BaseException
) -> None:
    raise error


def load_routes() -> list[routes.Route]:
    """List the routes of pci_ext, then those of its extensions.

    :raises Exception: any error of loading an extension: nova-api should not
        start with a part of its API missing
    """
    manager: Any = stevedore_extension.ExtensionManager(
        NAMESPACE, on_load_failure_callback=_refuse_to_start
    )
    return [
        *routes.ROUTES,
        *(route for extension in manager for route in extension.plugin),
    ]


def create_router() -> nova_routes.APIRouterV21:
    """Return the application of nova-api.

    :returns: that of Nova, if there is no database of PCI flavors
    :raises NotActivated: if nova.conf lacks the line that activates pci_ext
    """
    conf.register_opts()
    active.require('the API router')
    try:
        db_api.configure(cfg.CONF)
    except exception.DatabaseNotConfigured as error:
        # Nova's own API, so that the activating line can come first.
        _report_no_flavors(error.format_message())
        return RouterWithoutDatabase()
    policy.register_rules()
    return APIRouter(load_routes())


@functools.cache
def _report_no_flavors(reason: str) -> None:
    LOG.error(
        'nova-api serves no PCI flavors. %s Then run "pci-ext-manage db sync" '
        'and restart nova-api.',
        reason,
    )


def app_factory(
    global_config: Any, **local_config: str
) -> nova_routes.APIRouterV21:
    """Return the application for a paste file that names it."""
    LOG.info(
        'api-paste.ini need not name pci_ext any more: restore the section '
        'osapi_compute_app_v21 of Nova'
    )
    return create_router()
