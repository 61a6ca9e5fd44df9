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

"""The PCI flavors that a user sees; all others do not exist for them.

Databases are asked for visible PCI flavors only: a hidden one that was read
and then left out would take longer than one that does not exist.
"""

from collections.abc import Collection
from collections.abc import Iterator
import contextlib

from nova import context as nova_context

from pci_ext import exception
from pci_ext.api import errors
from pci_ext.db import api as db_api
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor


@contextlib.contextmanager
def for_request(
    context: nova_context.RequestContext | None,
) -> Iterator[None]:
    """Resolve extra specs with the PCI flavors that the user sees.

    The current context of oslo.context is not that of the user: nova-api
    makes contexts of administrators while it serves a request, and the last
    one made is the current one.

    :param context: of the request; with None public PCI flavors are seen
    """

    def source(names: Collection[str]) -> list[pci_flavor.PciFlavor]:
        return db.get_by_names(names, *_conditions(context))

    with from_flavor.resolving(source):
        yield


@contextlib.contextmanager
def without_database() -> Iterator[None]:
    """Refuse each extra spec: nova-api has no database of PCI flavors."""

    def source(names: Collection[str]) -> list[pci_flavor.PciFlavor]:
        raise db_api.note(exception.DatabaseNotConfigured())

    with from_flavor.resolving(source):
        yield


def get_all(
    context: nova_context.RequestContext,
) -> list[pci_flavor.PciFlavor]:
    """List the PCI flavors that a user sees, sorted by name.

    :raises webob.exc.HTTPServiceUnavailable: if their database is not usable
    """
    with errors.as_http():
        return db.get_all(*_conditions(context))


def find(
    context: nova_context.RequestContext, id: str
) -> pci_flavor.PciFlavor:
    """Find a PCI flavor by uuid, otherwise by name.

    :raises PciFlavorNotFound: if there is none that the user sees
    """
    conditions = _conditions(context)
    try:
        return db.get_by_uuid(id, *conditions)
    except exception.PciFlavorNotFound:
        return db.get_by_name(id, *conditions)


def _conditions(
    context: nova_context.RequestContext | None,
) -> tuple[db.Condition, ...]:
    """Return the conditions on PCI flavors that a user sees.

    The rule of Nova's flavors, with one difference: administrators see every
    PCI flavor.
    """
    if context and context.is_admin:
        return ()
    return (db.visible_to(context.project_id if context else None),)
