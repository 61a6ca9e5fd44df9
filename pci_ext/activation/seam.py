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

"""Seams: replacements of attributes of Nova's modules and classes.

A seam is installed by rebinding an attribute of Nova. That is correct only
while Nova has the shape that the replacement was written for, so every seam
states this shape and is checked before any seam is installed.
"""

import dataclasses
import importlib
import inspect
import sys
from typing import Any

from pci_ext import exception


@dataclasses.dataclass(frozen=True)
class Seam:
    """A replacement of one attribute of one module of Nova.

    :param module: name of the module
    :param name: name of the attribute; ``Class.method`` for a method
    :param replacement: the new value; it derives from the original or calls
        it
    :param signatures: the expected parameter names, by method name; the empty
        name means the attribute itself
    """

    module: str
    name: str
    replacement: Any
    signatures: dict[str, tuple[str, ...]]

    @property
    def qualified_name(self) -> str:
        return f'{self.module}.{self.name}'

    @property
    def owner(self) -> Any:
        """The module, or the class of a method; None if Nova has none."""
        module = importlib.import_module(self.module)
        class_name = self.name.rpartition('.')[0]
        return getattr(module, class_name, None) if class_name else module

    @property
    def attribute(self) -> str:
        return self.name.rpartition('.')[2]

    @property
    def current(self) -> Any:
        """The current value of the attribute; None if Nova has none.

        That of a class method is the function with its decorator.
        """
        return inspect.getattr_static(self.owner, self.attribute, None)

    @property
    def installed(self) -> bool:
        return self.current is self.replacement

    def check(self) -> None:
        """Compare Nova with the expected shape.

        :raises SeamChanged: naming the difference
        """
        for method, expected in self.signatures.items():
            part = (
                f'{self.qualified_name}.{method}'
                if method
                else self.qualified_name
            )
            found = getattr(self.owner, self.attribute, None)
            if method and found is not None:
                found = getattr(found, method, None)
            check_parameters(part, expected, found)
        for module in _holders_of(self.current, self.module):
            raise exception.SeamChanged(
                seam=f'{module}',
                expected=f'a user of {self.qualified_name} by its module',
                found='an importer of the name, which no replacement reaches',
            )

    def install(self) -> None:
        setattr(self.owner, self.attribute, self.replacement)


def check_parameters(
    part: str,
    expected: tuple[str, ...],
    found: Any,
    *,
    leading: bool = False,
) -> None:
    """Compare the parameters of a callable of Nova with those expected.

    :param expected: the names of its parameters
    :param leading: whether others may come after these
    :raises SeamChanged: naming the difference
    """
    wanted = f'callable with ({", ".join(expected)})'
    if not callable(found):
        raise exception.SeamChanged(
            seam=part, expected=wanted, found=f'{found!r}'
        )
    # The constructor of a class is listed as __init__ in the signatures.
    parameters = tuple(inspect.signature(found).parameters)
    compared = parameters[: len(expected)] if leading else parameters
    if compared != expected:
        raise exception.SeamChanged(
            seam=part,
            expected=wanted,
            found=f'callable with ({", ".join(parameters)})',
        )


def _holders_of(original: Any, home: str) -> list[str]:
    """List the loaded modules of Nova that have imported the name itself.

    Such a module would continue to use the original.
    """
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if name.startswith('nova.')
        and not name.startswith('nova.tests.')
        and name != home
        and any(value is original for value in vars(module).values())
    )
