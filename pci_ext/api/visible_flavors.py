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

"""The PCI flavors that a user sees; all others do not exist for them."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib

from nova import context as nova_context

from pci_ext import exception
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
        return _visible(context, db.get_by_names(names))

    with from_flavor.resolving(source):
        yield


def get_all(
    context: nova_context.RequestContext,
) -> list[pci_flavor.PciFlavor]:
    """List the PCI flavors that a user sees, sorted by name."""
    return _visible(context, db.get_all())


def find(
    context: nova_context.RequestContext, id: str
) -> pci_flavor.PciFlavor:
    """Find a PCI flavor by uuid, otherwise by name.

    :raises PciFlavorNotFound: if there is none that the user sees
    """
    try:
        flavor = db.get_by_uuid(id)
    except exception.PciFlavorNotFound:
        flavor = db.get_by_name(id)
    if not _visible(context, [flavor]):
        raise exception.PciFlavorNotFound(pci_flavor=id)
    return flavor


def _visible(
    context: nova_context.RequestContext | None,
    flavors: Iterable[pci_flavor.PciFlavor],
) -> list[pci_flavor.PciFlavor]:
    project_id, is_admin = (
        (context.project_id, context.is_admin) if context else (None, False)
    )
    return [
        flavor
        for flavor in flavors
        if flavor.is_visible_to(project_id, is_admin)
    ]
