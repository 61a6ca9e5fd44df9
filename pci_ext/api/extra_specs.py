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

"""Validators of the extra specs by which flavors ask for PCI devices.

Nova applies them from microversion 2.86.
"""

from typing import Any

from nova import exception as nova_exception
from nova.api.validation.extra_specs import base

from pci_ext import server_state
from pci_ext.i18n import _
from pci_ext.requests import from_flavor


class PciRequestValidator(base.ExtraSpecValidator):
    """Accepts requests that a server can be created with now."""

    def validate(self, name: str, value: Any) -> None:
        """Check that the value parses and names PCI flavors that exist.

        :raises nova.exception.ValidationError: if not, with the reason
        """
        super().validate(name, value)
        try:
            # Nova accepts numbers, too.
            from_flavor.resolve({name: str(value)})
        except from_flavor.InvalidPciRequest as error:
            raise nova_exception.ValidationError(
                error.format_message()
            ) from error


class ReservedValidator(base.ExtraSpecValidator):
    """Accepts nothing."""

    def validate(self, name: str, value: Any) -> None:
        """Refuse the extra spec.

        :raises nova.exception.ValidationError: always
        """
        raise nova_exception.ValidationError(
            _('The extra spec %s is reserved.') % name
        )


_VALIDATORS = [
    PciRequestValidator(
        name=from_flavor.PCI_FLAVOR,
        description=(
            'Request PCI devices by PCI flavor. '
            'Must be of format ``$count:$name[,$name]...[;...]``, where '
            '``$count`` is the number of devices and each ``$name`` the name '
            'of a PCI flavor, in order of preference. '
            'A missing ``$count`` is 1. Use semicolons for more requests.'
        ),
        value={'type': str},
    ),
    PciRequestValidator(
        name=from_flavor.PCI_NAME,
        description=(
            'Request PCI devices by name. '
            'Must be of format ``$name[,$name]...``, where each ``$name`` is '
            'that of devices in ``[pci_ext] pci_devices`` of compute hosts. '
            'Repeat a name for more devices of that name.'
        ),
        value={'type': str},
    ),
    ReservedValidator(
        name=server_state.RESOLVED,
        description=(
            'Reserved: the resolved requests for PCI devices of a server.'
        ),
        value={'type': str},
    ),
]


def register() -> list[base.ExtraSpecValidator]:
    """List the validators, for the entry point that loads this module."""
    return _VALIDATORS
