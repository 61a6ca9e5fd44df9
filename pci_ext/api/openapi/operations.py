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

"""The operations of the API, as its routes and controllers declare them.

Nova's decorators keep their arguments with the functions that they decorate.
These are read here, and so never written twice.
"""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import inspect
import re
from typing import Any

import routes

from pci_ext import exception
from pci_ext.api import microversions

Schema = dict[str, Any]

_VARIABLE = re.compile(r'([^/]*)/{(\w+)(?::[^}]*)?}')

#: The name of a variable and its meaning, by the part of the path before it.
#: Routes name most of them ``id``, as Nova's do.
_VARIABLES = {
    'access': ('project_id', 'Id of the project.'),
    'os-pci-devices': ('device', 'Uuid of the device.'),
    'os-pci-flavors': ('pci_flavor', 'Uuid or name of the PCI flavor.'),
    'servers': ('server_id', 'Uuid of the server.'),
}


@dataclasses.dataclass(frozen=True)
class Operation:
    """A method of a path, or one action of the servers.

    :ivar method: of HTTP, in capitals
    :ivar path: without the project; a variable is ``{name}``, named by what
        it identifies
    :ivar function: that of the controller
    :ivar action: name of the action in the body, if it is one
    :ivar versioned: whether it is under the versions of pci_ext
    """

    method: str
    path: str
    function: Callable[..., Any]
    action: str | None
    versioned: bool

    @property
    def id(self) -> str:
        module = inspect.unwrap(self.function).__module__.rpartition('.')[2]
        return f'{module}.{self.action or self.function.__name__}'

    @property
    def description(self) -> str:
        """The docstring: a line, and paragraphs after it."""
        return inspect.getdoc(self.function) or ''

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the path, with their meanings."""
        return {
            found[2]: _VARIABLES.get(found[1], ('', ''))[1]
            for found in _VARIABLE.finditer(self.path)
        }

    @property
    def body(self) -> Schema | None:
        return self._declared('request_body_schemas')

    @property
    def query(self) -> Schema | None:
        return self._declared('request_query_schemas')

    @property
    def response(self) -> Schema | None:
        return self._declared('response_body_schemas')

    @property
    def status(self) -> int:
        """The status of success."""
        declared = getattr(self.function, 'wsgi_codes', None)
        return declared._codes[-1][0] if declared else 200

    @property
    def errors(self) -> tuple[int, ...]:
        """The statuses of the errors that the controller expects.

        :raises SeamChanged: if the decorator does not have its argument where
            it is looked for
        """
        function: Any = self.function
        while function is not None:
            if function.__code__.co_name == 'wrapped':
                known = inspect.getclosurevars(function).nonlocals
                if 'errors' in known:
                    errors = known['errors']
                    return (
                        (errors,) if isinstance(errors, int) else tuple(errors)
                    )
            function = getattr(function, '__wrapped__', None)
        raise exception.SeamChanged(
            seam=f'the result of expected_errors of Nova for {self.id}',
            expected='a function that encloses the errors',
            found='another one, or not decorated',
        )

    def _declared(self, name: str) -> Schema | None:
        """Return the newest schema that a decorator was given."""
        declared = getattr(self.function, name, None)
        return declared._schemas[-1][0] if declared else None


def served(mapper: routes.Mapper) -> Iterator[Operation]:
    """List the operations that are not of Nova, in the order of routes."""
    for route in mapper.matchlist:
        # Each path is there again below that of a project.
        if route.redirect or route.routepath.startswith('/{project_id'):
            continue
        resource = route.defaults['controller']
        name = route.defaults['action']
        if name == 'action':
            functions = dict(resource.wsgi_actions)
        else:
            functions = {None: getattr(resource.controller, name, None)}
        for action, function in functions.items():
            if function is None or _is_of_nova(function):
                continue
            yield Operation(
                method=route.conditions['method'][0],
                path=_VARIABLE.sub(_name_variable, route.routepath),
                function=function,
                action=action,
                versioned=isinstance(resource, microversions.Resource),
            )


def _name_variable(found: re.Match[str]) -> str:
    part = found[1]
    name, _ = _VARIABLES.get(part, (found[2], ''))
    return f'{part}/{{{name}}}'


def _is_of_nova(function: Callable[..., Any]) -> bool:
    module = inspect.unwrap(function).__module__
    return module.partition('.')[0] == 'nova'
