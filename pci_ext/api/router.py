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
from typing import Any

from nova.api import openstack
from nova.api import wsgi
from nova.api.openstack.compute import routes
from oslo_config import cfg
from routes import middleware
from stevedore import extension as stevedore_extension

from pci_ext import conf
from pci_ext import exception
from pci_ext.activation import activator
from pci_ext.api import extension
from pci_ext.api import policy
from pci_ext.api import visible_flavors
from pci_ext.db import api as db_api
from pci_ext.i18n import _

NAMESPACE = 'pci_ext.api.extensions'


class APIRouter(routes.APIRouterV21):
    """Mounts the routes of Nova, then those of the extensions.

    The custom routes of Nova's router cannot replace the controller of a path
    that Nova has, so its list is walked here.
    """

    def __init__(self, extensions: Iterable[extension.ApiExtension]) -> None:
        # The constructor of Nova's router would mount Nova's controllers.
        wsgi.Router.__init__(self, openstack.ProjectMapper())
        # Without the parameter _method that stands in for the method: Nova
        # does not mean to have it, and bodies that are forms, but broken,
        # fail where it is looked for.
        self._router = middleware.RoutesMiddleware(
            self._dispatch, self.map, use_method_override=False
        )
        extensions = tuple(extensions)
        replacements = _merge_replacements(extensions)
        for path, methods in routes.ROUTE_LIST:
            if isinstance(methods, str):
                self.map.redirect(path, methods)
            else:
                self._mount(path, methods, replacements)
        for each in extensions:
            for path, methods in each.routes():
                self._mount(path, methods, {})

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        with visible_flavors.for_request(environ.get('nova.context')):
            return super().__call__(environ, start_response)

    def _mount(
        self,
        path: str,
        methods: extension.Methods,
        replacements: extension.Replacements,
    ) -> None:
        for method, (factory, action) in methods.items():
            controller = replacements.get(factory, factory)()
            self.map.create_route(path, method, controller, action)


def _merge_replacements(
    extensions: Iterable[extension.ApiExtension],
) -> extension.Replacements:
    merged: dict[extension.ControllerFactory, extension.ControllerFactory] = {}
    for each in extensions:
        for factory, replacement in each.replacements().items():
            if factory in merged:
                raise exception.UnsupportedConfiguration(
                    reason=_('two API extensions replace %s') % factory
                )
            merged[factory] = replacement
    return merged


def _refuse_to_start(
    manager: Any, entry_point: Any, error: BaseException
) -> None:
    raise error


def load_extensions() -> list[extension.ApiExtension]:
    """Load the extensions of the API.

    :raises Exception: whatever an extension raises: nova-api should not start
        with a part of its API missing
    """
    manager: Any = stevedore_extension.ExtensionManager(
        NAMESPACE,
        invoke_on_load=True,
        on_load_failure_callback=_refuse_to_start,
    )
    return [each.obj for each in manager]


def app_factory(global_config: Any, **local_config: str) -> APIRouter:
    """Make the application of nova-api; called by paste, once a version.

    :raises NotActivated: if nova.conf lacks the line that activates pci_ext
    """
    conf.register_opts()
    activator.require('the API router')
    policy.register_rules()
    db_api.configure(cfg.CONF)
    return APIRouter(load_extensions())
