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

"""What an extension of the API gives the router."""

import abc
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

#: Makes the WSGI application of a controller.
ControllerFactory = Callable[[], Any]

#: By HTTP method the controller and the name of its action.
Methods = Mapping[str, tuple[ControllerFactory, str]]

#: A path and its methods, as in Nova's list of routes.
Route = tuple[str, Methods]

#: Controllers of Nova and what stands in for them.
Replacements = Mapping[ControllerFactory, ControllerFactory]


class ApiExtension(abc.ABC):
    """An extension of the compute API.

    Extensions are loaded from the entry points ``pci_ext.api.extensions`` and
    constructed without arguments, once for each router.
    """

    @abc.abstractmethod
    def routes(self) -> tuple[Route, ...]:
        """List the paths that Nova does not have."""

    def replacements(self) -> Replacements:
        """Map controllers of Nova to what stands in for them.

        This is how a resource that Nova has is extended.
        """
        return {}
