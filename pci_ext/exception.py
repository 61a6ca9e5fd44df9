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

"""Exceptions of pci_ext, each with a message that says what, where and why."""

from typing import Any

from pci_ext.i18n import _


class PciExtException(Exception):
    """Base of every exception that pci_ext raises on purpose.

    A subclass sets ``msg_fmt``, a %-format over the keyword arguments given
    to the constructor.
    """

    msg_fmt = _('An unknown exception occurred.')

    def __init__(self, message: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(message or self.msg_fmt % kwargs)

    def format_message(self) -> str:
        return str(self.args[0])


class Invalid(PciExtException):
    """Input from outside is not acceptable as it is."""

    msg_fmt = _('Unacceptable input: %(reason)s')


class InvalidPattern(Invalid):
    msg_fmt = _('Invalid pattern for %(key)s, %(value)r: %(reason)s')


class InvalidSelector(Invalid):
    msg_fmt = _('Invalid selector, key %(key)s: %(reason)s')


class MalformedPciRequest(Invalid):
    msg_fmt = _('Invalid PCI request %(request)r: %(reason)s')


class InvalidPciInformation(Invalid):
    msg_fmt = _('Invalid entry in [pci_ext] %(option)s, %(entry)r: %(reason)s')


class InvalidPciFlavor(Invalid):
    msg_fmt = _('Invalid PCI flavor, %(field)s: %(reason)s')


class InvalidHardware(Invalid):
    msg_fmt = _('Invalid hardware file %(path)s: %(reason)s')


class AssignmentGivenUp(PciExtException):
    """The search for devices took too long; there may be some or not."""

    msg_fmt = _(
        'The search for PCI devices was given up: too many cards can be given '
        'away whole or in parts. Request fewer devices or fewer alternatives '
        'at once, or let hosts offer either the physical functions of cards '
        'or the virtual ones.'
    )


class PciFlavorNotFound(PciExtException):
    msg_fmt = _('PCI flavor %(pci_flavor)s could not be found.')


class PciFlavorExists(PciExtException):
    msg_fmt = _('A PCI flavor named %(name)s already exists.')


class PciFlavorAccessNotFound(PciExtException):
    msg_fmt = _(
        'Project %(project_id)s has no access to PCI flavor %(pci_flavor)s.'
    )


class PciFlavorAccessExists(PciExtException):
    msg_fmt = _(
        'Project %(project_id)s has access to PCI flavor %(pci_flavor)s '
        'already.'
    )


class NotActivated(PciExtException):
    """A part of pci_ext was loaded into a service that it is not active in."""

    msg_fmt = _(
        '%(part)s needs pci_ext to be active in this service: add '
        '"driver = pci_ext" to the section [oslo_messaging_notifications] of '
        'its configuration file and restart it.'
    )


class SeamChanged(PciExtException):
    """Nova does not have the shape that pci_ext was written against."""

    msg_fmt = _(
        'pci_ext cannot be activated on this version of Nova: %(seam)s is '
        'expected to be %(expected)s and is %(found)s. Install a release of '
        'pci_ext that supports this version of Nova.'
    )


class UnsupportedConfiguration(PciExtException):
    msg_fmt = _('Unsupported configuration: %(reason)s')


class DatabaseUnusable(PciExtException):
    """There is something for an operator to see to."""


class DatabaseNotConfigured(DatabaseUnusable):
    msg_fmt = _(
        'The database of PCI flavors is not configured: set '
        '[pci_ext_database] connection, for example to '
        'mysql+pymysql://pci_ext:PASSWORD@HOST/pci_ext.'
    )


class DatabaseUrlInvalid(DatabaseUnusable):
    msg_fmt = _(
        '[pci_ext_database] connection names no database that can be used: '
        '%(reason)s.'
    )


class DatabaseVersionUnknown(DatabaseUnusable):
    msg_fmt = _(
        'The database of PCI flavors is at version %(version)s, which this '
        'release does not know. Install the newer release of pci_ext that it '
        'is of, if [pci_ext_database] connection is right.'
    )


class DatabaseUnavailable(DatabaseUnusable):
    msg_fmt = _('The database of PCI flavors does not answer.')


class DatabaseNotSynced(DatabaseUnusable):
    msg_fmt = _(
        'The database of PCI flavors lacks tables: run "pci-ext-manage db '
        'sync".'
    )


class PciActionRefused(PciExtException):
    """An attach or detach that cannot be, now or at all; nothing changed."""

    msg_fmt = _('%(reason)s')


class PciDeviceNotAttached(PciActionRefused):
    msg_fmt = _('The server has no PCI device %(dev_id)s.')


class PciDeviceOfPort(PciActionRefused):
    msg_fmt = _(
        'PCI device %(dev_id)s belongs to a port of the server: detach the '
        'port.'
    )


class HostUnreachable(PciExtException):
    """The host of a server did not answer in time."""

    msg_fmt = _(
        'The compute service on the host of the server did not answer in '
        '%(seconds)d seconds. The operation was given up.'
    )


class PciAttachFailed(PciExtException):
    """A hypervisor did not attach a device to a guest."""

    msg_fmt = _('PCI device %(address)s was not attached: %(reason)s')


class PciDeviceReplaced(PciAttachFailed):
    """The device at an address is not the one on record."""

    msg_fmt = _(
        'PCI device %(address)s was not attached: the device at this address '
        'is %(found)s now, and the server has %(recorded)s.'
    )


class PciDetachFailed(PciExtException):
    """A guest did not release a device in time."""

    msg_fmt = _('PCI device %(address)s was not detached: %(reason)s')
